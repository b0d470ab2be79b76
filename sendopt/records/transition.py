"""How a dispatcher changes the state of a send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sendopt.records.end_reason import EndReason
from sendopt.records.send_state import SendState


@dataclass(frozen=True, slots=True)
class Postponed:
    """Not now; look again at `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """Over, in a final state, for one reason."""

    state: SendState
    reason: EndReason
    handed_over_at: datetime | None = None  # when the attempt began that was accepted


SendTransition = Postponed | Ended
