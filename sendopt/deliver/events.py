"""The events that a dispatcher causes: `send` when a message was taken, `bounce` when refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sendopt.deliver.allowed_times import zone_by_now
from sendopt.records import (
    Accepted,
    DeadAddress,
    DueSend,
    Event,
    EventType,
    Permanent,
    Receipt,
)


def event_of(receipt: Receipt) -> Event | None:
    """Return what the log shall learn of `receipt`; a retry is nothing that happened to a user.

    The ids follow from the send: told twice, counted once.
    """
    send, at = receipt.attempt.send, receipt.attempt.started_at
    match receipt.outcome:
        case Accepted():
            return _event(send, EventType.SEND, at, _assignment(send))
        case DeadAddress(reason) | Permanent(reason):
            return _event(send, EventType.BOUNCE, at, {"reason": reason})
        case _:
            return None


def _assignment(send: DueSend) -> dict[str, Any]:
    """Return how chance had its part in the send, beside its time: what an analysis asks for."""
    told = {"arm": send.arm, "variant_propensity": send.variant_propensity}
    return {name: value for name, value in told.items() if value is not None}


def _event(send: DueSend, event_type: EventType, at: datetime, attributes: dict[str, Any]) -> Event:
    return Event(
        event_id=f"{send.send_id}:{event_type}",
        user_id=send.user_id,
        event_type=event_type,
        occurred_at=at,
        send_id=send.send_id,
        campaign_id=send.campaign_id,
        variant_id=None if send.variant is None else send.variant.variant_id,
        message_type=send.message_type,
        channel=send.channel,
        platform=None if send.device is None else send.device.platform,
        timezone=zone_by_now(send),
        # Chance had no part in a time that a send was moved to.
        propensity=None if send.moved or event_type is not EventType.SEND else send.propensity,
        attributes=attributes,
    )
