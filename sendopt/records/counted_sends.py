"""Sends of a campaign that have everything in common, and the answers to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sendopt.records.device import Channel
from sendopt.records.ids import VariantId
from sendopt.records.send import Arm
from sendopt.records.send_state import SendState


@dataclass(frozen=True, slots=True)
class CountedSends:
    """Sends of one revision, variant, arm, channel, due time, zone, state and reason."""

    variant_id: VariantId
    arm: Arm | None  # None = no experiment
    channel: Channel
    due_at: datetime | None  # None = suppressed
    timezone: str
    state: SendState
    reason: str | None
    sends: int
    opened: int  # of them
    clicked: int
    responded: int
    dismissed: int
    opted_out: int
    revision: int = 1  # of the campaign, by which they were planned
