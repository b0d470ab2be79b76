"""What became of events."""

from __future__ import annotations

from sendopt.api.schemas.answer import Answer, shown_as
from sendopt.app.answers import Verdict


class FieldNote(Answer):
    """What is wrong with a field of an event."""

    field: str
    code: str
    detail: str
    expected: str | None = None
    hint: str | None = None


class EventVerdict(Answer):
    """The verdict on one event, in the order of the request."""

    verdict: Verdict
    event_id: str | None = None
    """Of what was not rejected."""
    code: str | None = None
    detail: str | None = None
    field: str | None = None
    expected: str | None = None
    hint: str | None = None
    errors: list[FieldNote] | None = None
    """Of what was rejected: all that is wrong with it."""
    dropped_fields: list[FieldNote] | None = None


class EventVerdicts(Answer):
    """What became of every event; the counts add up to the number sent."""

    model_config = shown_as(
        {
            "accepted": 1,
            "repeated": 0,
            "conflict": 0,
            "rejected": 1,
            "verdicts": [
                {"verdict": "accepted", "event_id": "0199a0f2-7b1c-7d6e-9a41-3f0c5a2b8e10"},
                {
                    "verdict": "rejected",
                    "code": "event_type_unknown",
                    "detail": '"clik" is unknown',
                    "field": "/1/event_type",
                    "hint": "did you mean click?",
                    "errors": [
                        {
                            "field": "/1/event_type",
                            "code": "event_type_unknown",
                            "detail": '"clik" is unknown',
                            "hint": "did you mean click?",
                        }
                    ],
                },
            ],
        }
    )

    accepted: int
    repeated: int
    conflict: int
    rejected: int
    verdicts: list[EventVerdict]
