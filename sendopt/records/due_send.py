"""A send whose time has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sendopt.records.campaign import LocalWindow, QuietHours, Variant
from sendopt.records.consent import NO_PREFERENCES, Preferences
from sendopt.records.decision import ZoneSource
from sendopt.records.device import Channel, Device
from sendopt.records.ids import CampaignId, SendId, TenantId, UserId
from sendopt.records.limits import MessageClass
from sendopt.records.send import Arm


@dataclass(frozen=True, slots=True)
class DueSend:
    """A send whose time has come, with all that its hand-over needs, as stored at that moment."""

    tenant_id: TenantId
    send_id: SendId
    campaign_id: CampaignId
    user_id: UserId
    channel: Channel
    due_at: datetime
    expires_at: datetime
    fence: int
    attempt_count: int  # begun, whether or not their outcome is known
    abandoned: bool  # a dispatcher never told the outcome of an attempt: it may have arrived
    variant: Variant | None  # None, like `timezone`, only if the store lost it, or the campaign
    device: Device | None  # of the plan while that lives, else the user's that was registered last
    device_dead: bool
    opted_out: bool
    cancelled: bool  # with its whole campaign
    timezone: str | None
    quiet_hours: QuietHours | None
    message_type: str | None
    propensity: float | None
    link_id: str | None  # of an earlier attempt: a retry leads to the same link
    arm: Arm | None = None  # of the experiment that the send is part of
    variant_propensity: float | None = None  # P(this variant | this time)
    preferences: Preferences = NO_PREFERENCES  # as they are by now
    quiet_offsets: tuple[int, ...] = ()  # minutes east of UTC at which it may be night, too
    paused_at: datetime | None = None  # its whole campaign, until somebody resumes it
    ignores_quiet_hours: bool = False  # as its sender has said
    is_under_law: bool = False  # its tenant keeps to the hours of the law where users live
    timezone_source: ZoneSource | None = None  # of `timezone`
    put_off: bool = False  # to its expiry, by a pause that lasted until then
    message_class: MessageClass = MessageClass.MARKETING
    moved: bool = False  # from the time that its plan chose
    local_window: LocalWindow | None = None  # None = two instants, which `expires_at` keeps to
    profile_timezone: str | None = None  # of its user, as it is by now
    gone_devices: int = 0  # found by its attempts, which do not count towards the most there are


@dataclass(frozen=True, slots=True)
class DamagedSend:
    """A send of which the store holds what nobody can read, or what cannot be."""

    tenant_id: TenantId
    send_id: SendId
    damage: str  # which column, and what is wrong with it
