"""How a dispatcher changes the state of a send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sendopt.records.decision import Exclusion
from sendopt.records.end_reason import EndReason
from sendopt.records.send_state import SendState


@dataclass(frozen=True, slots=True)
class Postponed:
    """Not now; look again at `until`."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Moved:
    """It may not go out when it was to; its time is `until` now."""

    until: datetime
    by: Exclusion  # what forbids the time that it had


@dataclass(frozen=True, slots=True)
class Ended:
    """Over, in a final state, for one reason."""

    state: SendState
    reason: EndReason
    handed_over_at: datetime | None = None  # when the attempt began that was accepted


SendTransition = Postponed | Moved | Ended
