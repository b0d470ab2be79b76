"""What is said of many devices or users that came at once."""

from __future__ import annotations

from sendopt.api.schemas.answer import Answer, shown_as
from sendopt.app.answers import Verdict

_REFUSED = {
    "field": "/1/user_id",
    "code": "missing_field",
    "detail": "is missing",
    "expected": None,
    "hint": None,
}


class BodyNote(Answer):
    """What is wrong with a field of one of them."""

    field: str
    code: str
    detail: str
    expected: str | None
    hint: str | None


class BodyVerdict(Answer):
    """The verdict on one of them: `accepted`, `repeated` (stored just so already), `rejected`."""

    verdict: Verdict
    subject_id: str | None
    """The device's or the user's; null = it was rejected."""
    errors: list[BodyNote]
    """All that is wrong with what was rejected."""
    dropped_fields: list[BodyNote]
    """What could not be read, and counts as not said."""


class BodyVerdicts(Answer):
    """The verdict on each, in order, and how many there are of every kind."""

    model_config = shown_as(
        {
            "accepted": 1,
            "repeated": 0,
            "rejected": 1,
            "verdicts": [
                {
                    "verdict": "accepted",
                    "subject_id": "install-4f1c",
                    "errors": [],
                    "dropped_fields": [],
                },
                {
                    "verdict": "rejected",
                    "subject_id": None,
                    "errors": [_REFUSED],
                    "dropped_fields": [],
                },
            ],
        }
    )

    accepted: int
    repeated: int
    rejected: int
    verdicts: list[BodyVerdict]
