"""Describe users as they were known at an instant.

Owns: what may be known as of an instant, local time, evidence by time of day, recency, labels.
Does not own: what the evidence means (learn), where events are kept (log).
In: a Reader, viewpoints (user_id, as_of).  Out: an AsOfView; arrays, one row a viewpoint or moment.
Time: only events with `occurred_at < as_of` count, and a send only once its open window has
closed; labels look ahead, but never beyond `until`. Times of day are local to the user.
"""

from sendopt.features.as_of.evidence import (
    DAY_TYPES,
    HALF_HOURS,
    Evidence,
)
from sendopt.features.as_of.late_answers import LATE_AGES, LateEvidence, answers_by_age
from sendopt.features.as_of.news import users_with_news
from sendopt.features.as_of.observations import LATENCY_STAGES
from sendopt.features.as_of.population import Population, events_before
from sendopt.features.as_of.view import AsOfView, load_kernels
from sendopt.features.as_of.viewpoints import Moments, Viewpoints, viewpoints
from sendopt.features.body import Body, body_of
from sendopt.features.declared import FEATURE_WORDS, MOMENT_FEATURES, USER_FEATURES
from sendopt.features.labels.active_days import active_days
from sendopt.features.labels.labelled import (
    LabelledMoments,
    known_users,
    labelled_sends,
    session_moments,
)
from sendopt.features.local_time.zones import zone_clocks
from sendopt.features.queries import statement
from sendopt.features.recognise import recognised
from sendopt.features.recording import INSTANT, InstantAnswers, Recording
from sendopt.features.summary import DoubtfulChances, Summary, events_by_kind, summarise
from sendopt.features.target import (
    LONGEST_WINDOW,
    Target,
    check_window,
    instant,
    microseconds,
)

__all__ = [
    "DAY_TYPES",
    "FEATURE_WORDS",
    "HALF_HOURS",
    "INSTANT",
    "LATENCY_STAGES",
    "LATE_AGES",
    "LONGEST_WINDOW",
    "MOMENT_FEATURES",
    "USER_FEATURES",
    "AsOfView",
    "Body",
    "DoubtfulChances",
    "Evidence",
    "InstantAnswers",
    "LabelledMoments",
    "LateEvidence",
    "Moments",
    "Population",
    "Recording",
    "Summary",
    "Target",
    "Viewpoints",
    "active_days",
    "answers_by_age",
    "body_of",
    "check_window",
    "events_before",
    "events_by_kind",
    "instant",
    "known_users",
    "labelled_sends",
    "load_kernels",
    "microseconds",
    "recognised",
    "session_moments",
    "statement",
    "summarise",
    "users_with_news",
    "viewpoints",
    "zone_clocks",
]
