"""The features that a model may read, each declared once: its name, its words, how it is counted.

A feature of the user is one line in `DECLARED`: everything else follows from it, and
`docs/adding-a-feature.md` adds one. Models keep the names that they were trained on and are refused
by a release that has others, so whoever adds a line trains again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal

from sendopt.records import EventType

#: Whatever the target of a model calls an answer: an open, a click or a response.
ANSWER: Final = "answer"
Counted = EventType | Literal["answer"]


class Measure(IntEnum):
    """How a feature is taken from what happened to a user before an instant."""

    COUNT = 0  # how many events there were
    DAYS_SINCE_LAST = 1  # with fractions; missing where there was none
    DAYS_SINCE_FIRST = 2


@dataclass(frozen=True)
class UserFeature:
    """What is known of a user as of an instant, whatever the time of day."""

    name: str  # in models and definitions; never used again for anything else
    words: str  # in explanations
    measure: Measure
    of: Counted | None  # None = events of any kind
    days: int | None = None  # only what happened in so many days before; None = ever


def _count(name: str, of: Counted, words: str, *, days: int | None = None) -> UserFeature:
    return UserFeature(name, words, Measure.COUNT, of, days)


def _since_last(name: str, of: Counted, words: str) -> UserFeature:
    return UserFeature(name, words, Measure.DAYS_SINCE_LAST, of)


_SEND, _SESSION, _DISMISSAL = EventType.SEND, EventType.SESSION, EventType.DISMISSAL

#: The features of the user; their order is part of a model.
DECLARED = (
    _count("sends_1d", _SEND, "pushes in the last day", days=1),
    _count("sends_7d", _SEND, "pushes in the last week", days=7),
    _count("sends_28d", _SEND, "pushes in four weeks", days=28),
    _count("sends_ever", _SEND, "pushes ever"),
    _count("opens_7d", ANSWER, "early or late answers in the last week", days=7),
    _count("opens_28d", ANSWER, "early or late answers in four weeks", days=28),
    _count("opens_ever", ANSWER, "early or late answers ever"),
    _count("sessions_7d", _SESSION, "sessions in the last week", days=7),
    _count("sessions_28d", _SESSION, "sessions in four weeks", days=28),
    _count("dismissals_28d", _DISMISSAL, "dismissals in four weeks", days=28),
    _since_last("days_since_send", _SEND, "days since the last push"),
    _since_last("days_since_open", ANSWER, "days since the last answer"),
    _since_last("days_since_session", _SESSION, "days since the last session"),
    UserFeature("tenure_days", "days since the first event", Measure.DAYS_SINCE_FIRST, None),
)

# Of a moment, whoever is asked: its local time. Never of user and moment together, so that a
# user's part of the trees is worked out once for all hours of the week.
_MOMENT = {
    "hour_of_day": "the hour of the day",
    "day_of_week": "the day of the week (0 = Monday)",
}

USER_FEATURES = tuple(feature.name for feature in DECLARED)
MOMENT_FEATURES = tuple(_MOMENT)
#: Every feature in words, by its name.
FEATURE_WORDS = {feature.name: feature.words for feature in DECLARED} | _MOMENT
