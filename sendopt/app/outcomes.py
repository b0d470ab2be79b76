"""What may count as an answer, as people name it."""

from __future__ import annotations

from sendopt.errors import InvalidInput
from sendopt.records import OUTCOMES, EventType
from sendopt.text import did_you_mean, quoted


def parse_outcome(text: str, *, field: str) -> EventType:
    """Read what counts as an answer, given in `field`.

    Raises:
        InvalidInput: `outcome_unknown`, for anything but open, click or response.
    """
    if text not in OUTCOMES:
        raise InvalidInput(
            f"{quoted(text)} is no outcome",
            code="outcome_unknown",
            field=field,
            expected=", ".join(OUTCOMES),
            hint=did_you_mean(text, OUTCOMES),
        )
    return EventType(text)
