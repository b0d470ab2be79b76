"""What happened to a send, or to a user without one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sendopt.records.ids import CampaignId, SendId, UserId, VariantId


class EventType(StrEnum):
    """What can happen to a send, or to a user without one (`session`)."""

    SEND = "send"
    DELIVERY = "delivery"
    OPEN = "open"
    CLICK = "click"
    RESPONSE = "response"
    DISMISSAL = "dismissal"
    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    BOUNCE = "bounce"
    SESSION = "session"


#: What may count as an answer to a send.
OUTCOMES = (EventType.OPEN, EventType.CLICK, EventType.RESPONSE)
#: Events that only a send can cause: they must name it.
CAUSED_BY_SEND = frozenset(
    {
        EventType.SEND,
        EventType.DELIVERY,
        EventType.OPEN,
        EventType.CLICK,
        EventType.RESPONSE,
        EventType.DISMISSAL,
        EventType.BOUNCE,
    }
)
#: The attribute by which the log tells clicks and responses that sendopt counted itself, and that
#: a bill may therefore rest on. Nobody else may set it.
COUNTING_ATTRIBUTE = "counting_rules"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; the data contract of import, export and `POST /v1/events`."""

    event_id: str  # unique for ever within a tenant
    user_id: UserId
    event_type: EventType
    occurred_at: datetime
    send_id: SendId | None = None
    campaign_id: CampaignId | None = None
    variant_id: VariantId | None = None
    message_type: str | None = None
    channel: str | None = None
    platform: str | None = None
    timezone: str | None = None  # IANA name of the user's zone at that time
    propensity: float | None = None  # of a send: P(the policy chose this time); None = never logged
    attributes: dict[str, Any] = field(default_factory=dict)  # unknown further columns
