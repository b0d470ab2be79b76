"""Routes that take many bodies of a kind at once: how they are read, and what each is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from fastapi import Response

from sendopt.api.schemas.bodies import BodyVerdict, BodyVerdicts
from sendopt.app.answers import Verdict
from sendopt.app.bodies import MAX_BODIES
from sendopt.app.bodies import BodyVerdict as Given

__all__ = ["BATCH_CODES", "BODY_RESPONSES", "MAX_BODIES", "told"]

BATCH_CODES = ["empty_batch", "too_many_items"]
BODY_RESPONSES: dict[int | str, dict[str, Any]] = {
    207: {"model": BodyVerdicts, "description": "Some were refused; the rest is stored"}
}


def told(verdicts: Sequence[Given], response: Response) -> BodyVerdicts:
    """Return the verdicts on bodies as the answer, and let `response` say whether all are good."""
    counts = Counter(each.verdict for each in verdicts)
    if counts[Verdict.REJECTED]:
        response.status_code = 207
    return BodyVerdicts(
        accepted=counts[Verdict.ACCEPTED],
        repeated=counts[Verdict.REPEATED],
        rejected=counts[Verdict.REJECTED],
        verdicts=[_located(BodyVerdict.of(each), place) for place, each in enumerate(verdicts)],
    )


def _located(verdict: BodyVerdict, place: int) -> BodyVerdict:
    """Turn the names of fields into JSON Pointers into the whole request."""
    for each in (*verdict.errors, *verdict.dropped_fields):
        each.field = f"/{place}/{each.field.removeprefix('/')}".removesuffix("/")
    return verdict
