"""Where sends stand."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class SendState(StrEnum):
    """Where a send stands. It ends in exactly one of the last five, with one reason."""

    PLANNED = "planned"  # waits for its time, or for its next attempt
    CLAIMED = "claimed"  # a dispatcher hands it over, or has died over it
    DELIVERED = "delivered"  # the provider took responsibility for it
    FAILED = "failed"  # it cannot be handed over, or was refused for good
    EXPIRED = "expired"  # its time to live ran out first, or nobody knows whether it arrived
    CANCELLED = "cancelled"  # somebody took it back
    SUPPRESSED = "suppressed"  # the user may not be reached


#: From each state, those that a send can be in next. A claim may end without a word from its
#: dispatcher; then the send is claimed again, or ends.
NEXT_STATES: Mapping[SendState, frozenset[SendState]] = {
    SendState.PLANNED: frozenset(SendState) - {SendState.PLANNED, SendState.DELIVERED},
    SendState.CLAIMED: frozenset(SendState),
    SendState.DELIVERED: frozenset(),
    SendState.FAILED: frozenset(),
    SendState.EXPIRED: frozenset(),
    SendState.CANCELLED: frozenset(),
    SendState.SUPPRESSED: frozenset(),
}
FINAL_STATES = frozenset(state for state, following in NEXT_STATES.items() if not following)
