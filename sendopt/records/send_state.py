"""Where sends stand."""

from __future__ import annotations

from enum import StrEnum


class SendState(StrEnum):
    """Where a send stands. It ends in exactly one of the last five, with one reason."""

    PLANNED = "planned"
    CLAIMED = "claimed"
    DELIVERED = "delivered"  # the provider took responsibility for it
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SUPPRESSED = "suppressed"


FINAL_STATES = frozenset(
    {
        SendState.DELIVERED,
        SendState.FAILED,
        SendState.EXPIRED,
        SendState.CANCELLED,
        SendState.SUPPRESSED,
    }
)
