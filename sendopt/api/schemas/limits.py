"""What is said of a tenant's limits."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sendopt.api.schemas.answer import Answer, shown_as
from sendopt.schedule.limits import EXAMPLE


class RedundantLimit(Answer):
    """A limit that never binds, because another one is as strict."""

    field: str
    """JSON Pointer into `limits`."""
    message: str


class PastReview(Answer):
    """A law that somebody should have looked at again."""

    what: str
    source: str
    """Where it was read."""
    review_by: date


class LimitsStatus(Answer):
    """The limits that hold, or held as a version."""

    model_config = shown_as(
        {
            "version": 3,
            "since": "2026-10-01T09:30:00Z",
            "limits": EXAMPLE,
            "redundant": [],
            "past_review": [],
        }
    )

    version: int
    """Grows with every change; decisions name it. 0 = none were ever said."""
    since: datetime | None
    """null = none were ever said."""
    limits: dict[str, Any]
    """As it can be put again."""
    redundant: list[RedundantLimit]
    """They do no harm; whoever wrote one may have meant something else."""
    past_review: list[PastReview]
    """Laws by which `legal_hours` holds, as this release knows them, and that may have changed."""
