"""What is said of models."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from sendopt.api.schemas.answer import Answer, shown_as


class Move(Answer):
    """The champion changed to this version."""

    kind: str
    """`promoted` or `rolled_back`."""
    before: str | None
    """The number of the version that served until then."""
    at: datetime
    by: str
    reason: str


class Model(Answer):
    """One version of the tenant's model, and what became of it."""

    model_config = shown_as(
        {
            "number": "3",
            "version": "1f0c5a2b8e103f0c",
            "aliases": ["champion"],
            "trained_until": "2026-09-30T00:00:00Z",
            "learned_until": "2026-09-01T00:00:00Z",
            "outcome": "open",
            "open_window_seconds": 1800.0,
            "gate": "passed",
            "served": True,
            "moves": [
                {
                    "kind": "promoted",
                    "before": "2",
                    "at": "2026-10-01T02:00:00Z",
                    "by": "train",
                    "reason": "passed",
                }
            ],
        }
    )

    number: str
    version: str
    """The first 16 hex digits of the SHA-256 of its files."""
    aliases: list[str]
    """`champion`, `challenger`, `last_good`."""
    trained_until: datetime | None
    """The end of the log that it saw."""
    learned_until: datetime | None
    """It was fitted to nothing from then on; null in old models."""
    outcome: str | None
    """What it predicts: `open`, `click` or `response`; null in old models."""
    open_window_seconds: float | None
    """Within which; null in old models."""
    gate: str
    """`passed` or the names of the checks that refused it, and what was not judged."""
    served: bool
    moves: list[Move] = Field(validation_alias="promotions")
