"""Why a user's best time is what it is."""

from __future__ import annotations

from datetime import datetime

from sendopt.api.schemas.answer import Answer, shown_as
from sendopt.records import FallbackReason, ServedBy

_HOUR = {
    "day_of_week": 0,
    "hour": 18,
    "open_probability": 0.31,
    "low": 0.25,
    "high": 0.38,
    "everybody": 0.22,
}
_PARTS = {"everybody": -1.2, "user": 0.4}
_GAIN = {"hour": {**_HOUR, "hour": 9}, "probability": 0.8, "parts": _PARTS}


class ExplainedHour(Answer):
    """One hour of the user's local week; a send is thought of at its start."""

    day_of_week: int
    """0 = Monday."""
    hour: int
    open_probability: float
    low: float
    """95 % interval of the hour's place among the user's own times, from here."""
    high: float
    """To here; how much the user answers at all is taken as known."""
    everybody: float
    """Everybody's probability at that local hour."""


class Feature(Answer):
    """Something known of the user that the trees make use of."""

    name: str
    value: float | None
    """null = it never happened."""
    logit: float
    """What it adds to the score."""


class Gain(Answer):
    """What the best hour has over another one of the same day."""

    hour: ExplainedHour
    """The other one."""
    probability: float
    """That the best hour is better; even odds = 0.5."""
    parts: dict[str, float]
    """What each part adds to the difference of the logits."""


class Known(Answer):
    """What the log knew of the user; old events count less, by half after each half-life."""

    visits: int
    """Local half hours in which the user was there."""
    sends: int
    """Whose open window had closed."""
    answers: int
    """Of these sends, in time."""
    late_answers: int
    """Of sends, after their open window and within a day."""
    decayed_visits: float
    decayed_sends: float
    decayed_answers: float
    half_life_days: float
    first_at: datetime | None
    """Of visits and sends; null = nothing is known."""
    last_at: datetime | None
    visits_at: list[list[int]]
    """Weekdays and weekends, by local half hour."""
    answered_at: list[list[int]]
    """Sends by their own half hour."""
    unanswered_at: list[list[int]]


class OwnWeights(Answer):
    """How much of what is said of a user's hours is the user's own; what is left is everybody's."""

    visits: float
    """On when the user is there."""
    answers: float
    """On when the user answers."""


class Explanation(Answer):
    """Why a user's best time is what it is."""

    user_id: str
    as_of: datetime
    model_version: str
    learned_until: datetime
    """The model's weights; what it knows of the user is of `as_of`."""
    label_source: str
    """`sends`, or `activity`: being there stood in for an answer."""
    outcome: str
    window_seconds: float
    """An answer counts so long after the send."""
    best: ExplainedHour
    best_days: list[int]
    """Of the week, on which that hour is equally good."""
    weekend: list[int]
    """Its days where the user lives, 0 = Monday."""
    sends_there: int
    """To anybody before today, at that hour of weekdays or of weekends; 0 = none."""
    parts: dict[str, float]
    """Of the best hour; their sum is the logit of its probability."""
    features: list[Feature]
    """Of the trees, those that matter most at the best hour."""
    over_configured: Gain
    over_everybodys: Gain
    """Everybody's best hour."""
    known: Known
    platform: str | None
    """Whose hours stand for everybody's; null = everybody's own."""
    own_weights: OwnWeights
    """At the best hour."""
    mean: float
    """Probability over all hours of the week."""
    mean_everybody: float
    week: list[ExplainedHour]
    """Monday 0:00 first."""


class Standing(Answer):
    """On whose clock the hours are, whose word they are, and what planning asks of them."""

    timezone: str
    """In which the model reads the user's hours."""
    timezone_source: str
    """`log`, or `unknown`: read in UTC."""
    planning_timezone: str
    """In which a campaign planned now would place them."""
    planning_timezone_source: str
    """`device`, `user`, `log`, `tenant`."""
    served_by: ServedBy
    fallback_reason: FallbackReason | None
    """Why the champion did not speak; null = it did."""
    least_confidence: float
    """In a gain, for a campaign that names a time to leave it."""


class ExplainedUser(Answer):
    """Why a user's best time is what it is, and the same in words."""

    model_config = shown_as(
        {
            "text": ["Monday 18:00 is the best hour."],
            "standing": {
                "timezone": "Europe/Vienna",
                "timezone_source": "log",
                "planning_timezone": "Europe/Vienna",
                "planning_timezone_source": "device",
                "served_by": "champion",
                "fallback_reason": None,
                "least_confidence": 0.6,
            },
            "explanation": {
                "user_id": "user-7",
                "as_of": "2026-10-01T09:30:00Z",
                "model_version": "1f0c5a2b8e103f0c",
                "learned_until": "2026-09-01T00:00:00Z",
                "label_source": "sends",
                "outcome": "open",
                "window_seconds": 1800.0,
                "best": _HOUR,
                "best_days": [0, 1, 2, 3, 4],
                "weekend": [5, 6],
                "sends_there": 1200,
                "parts": _PARTS,
                "features": [{"name": "days_since_open", "value": 2.0, "logit": 0.1}],
                "over_configured": _GAIN,
                "over_everybodys": _GAIN,
                "known": {
                    "visits": 80,
                    "sends": 30,
                    "answers": 9,
                    "late_answers": 4,
                    "decayed_visits": 41.5,
                    "decayed_sends": 16.2,
                    "decayed_answers": 5.1,
                    "half_life_days": 30.0,
                    "first_at": "2026-03-01T08:00:00Z",
                    "last_at": "2026-09-30T18:05:00Z",
                    "visits_at": [[0] * 48, [0] * 48],
                    "answered_at": [[0] * 48, [0] * 48],
                    "unanswered_at": [[0] * 48, [0] * 48],
                },
                "platform": None,
                "own_weights": {"visits": 0.6, "answers": 0.3},
                "mean": 0.24,
                "mean_everybody": 0.2,
                "week": [_HOUR],
            },
        }
    )

    text: list[str]
    """Sentences, made of the fields below and nothing else."""
    standing: Standing
    explanation: Explanation
