"""One message to one user, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sendopt.records.device import Channel
from sendopt.records.end_reason import EndReason
from sendopt.records.ids import CampaignId, DeviceId, SendId, TenantId, UserId, VariantId
from sendopt.records.send_state import SendState


class Arm(StrEnum):
    """Which side of an experiment a user is on, for as long as it lasts."""

    OPTIMISED = "optimised"
    HOLDOUT = "holdout"  # keeps the configured time, or a random one: what others are held against
    NO_SEND = "no_send"  # planned as if optimised, and kept back
    CONFIGURED = "configured"  # today's practice: the configured time
    RANDOM = "random"  # any allowed slot alike
    POPULATION_HOUR = "population_hour"  # everybody's best hour
    USER_HISTOGRAM = "user_histogram"  # the hour in which the user answers most


@dataclass(frozen=True, slots=True)
class PlannedSend:
    """One message, for one user, on one device, at one time."""

    tenant_id: TenantId
    send_id: SendId  # derived from (tenant, campaign, user or send key): planning twice plans once
    campaign_id: CampaignId
    variant_id: VariantId
    user_id: UserId
    device_id: DeviceId | None  # None only if suppressed
    channel: Channel
    due_at: datetime | None  # None only if suppressed; of one kept back, when it would have come
    expires_at: datetime | None
    state: SendState = SendState.PLANNED
    reason: EndReason | None = None  # set in every final state
    arm: Arm | None = None  # None = no experiment; set for suppressed sends too
    send_key: str = ""  # of a triggered campaign, whose users may have several; else empty
    urgent: bool = False  # goes before all that is due and is not
    ignores_quiet_hours: bool = False  # as its sender has said
