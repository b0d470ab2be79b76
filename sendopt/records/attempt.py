"""A call to a provider, and the evidence about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sendopt.records.due_send import DueSend
from sendopt.records.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to a provider, which is stored before the provider hears of it."""

    send: DueSend  # as it was claimed for this attempt, whose number is its `attempt_count`
    provider: str  # its name
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """The evidence about an attempt: what came of it. An attempt without one may have arrived."""

    attempt: Attempt
    outcome: Outcome
