"""Turns what the store holds of a due send into a `DueSend`, or says what is wrong with it.

A database keeps what was written into it, by whomever. What a dispatcher would stumble over, or
would let it send at a wrong time or to nobody knows whom, is found here, before anything is begun.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from math import isfinite
from typing import Any

from sendopt.clock import zone_at, zone_of
from sendopt.errors import InvalidInput
from sendopt.records import (
    NO_PREFERENCES,
    Arm,
    CampaignId,
    Channel,
    Device,
    DeviceId,
    DueSend,
    LocalWindow,
    MessageClass,
    QuietHours,
    SendId,
    SendState,
    TenantId,
    UserId,
    Variant,
    VariantId,
    ZoneSource,
)
from sendopt.state.damage import NOT_A_VALUE, Unreadable
from sendopt.state.preferences import preferences_of, quiet_hours_of
from sendopt.state.tried import Tried


@dataclass(frozen=True, slots=True)
class CampaignFacts:
    """What the hand-over needs of a revision of a campaign."""

    message_type: str | None
    quiet_hours: QuietHours | None
    cancelled: bool
    paused_at: datetime | None = None
    message_class: MessageClass = MessageClass.MARKETING
    local_window: LocalWindow | None = None


_LOST_CAMPAIGN = CampaignFacts(message_type=None, quiet_hours=None, cancelled=False)

_NEEDED: Mapping[str, type] = {
    "tenant_id": str,
    "send_id": str,
    "campaign_id": str,
    "user_id": str,
    "due_at": datetime,
    "expires_at": datetime,
    "ready_at": datetime,
    "fence": int,
    "attempt_count": int,
    "revision": int,
}
_OPTIONAL: Mapping[str, type] = {
    "content_id": str,
    "title": str,
    "body": str,
    "url": str,
    "device_id": str,
    "address": dict,
    "platform": str,
    "device_timezone": str,
    "dead_at": datetime,
    "opted_out_at": datetime,
    "profile_timezone": str,
    "timezone": str,
    "link_id": str,
    "topics": dict,
    "quiet_start": str,
    "quiet_end": str,
    "snoozed_until": datetime,
    "quiet_offsets": list,
}
_PROBABILITIES = ("propensity", "variant_propensity")


def campaign_facts(row: Any) -> CampaignFacts:
    """Read what the hand-over needs of a campaign.

    Raises:
        Unreadable: if it is not known when its users must be left alone.
    """
    if row.named != row.campaign_id:
        raise Unreadable("campaign_revision.definition: is of another campaign, or of none")
    if not isinstance(row.message_type, str | None):
        raise Unreadable("campaign_revision.definition: its message type is no text")
    return CampaignFacts(
        message_type=row.message_type,
        quiet_hours=None
        if row.quiet_hours is None
        else quiet_hours_of(row.quiet_start, row.quiet_end, of="campaign_revision.definition"),
        cancelled=row.cancelled_at is not None,
        paused_at=row.paused_at,
        message_class=_member(
            MessageClass, row.message_class or MessageClass.MARKETING, "campaign_revision.rules"
        ),
        local_window=None if row.local_window is None else _local_window(row.local_window),
    )


def _local_window(told: Any) -> LocalWindow:
    try:
        return LocalWindow(
            tuple(map(date.fromisoformat, told["dates"])),
            time.fromisoformat(told["start"]),
            time.fromisoformat(told["end"]),
        )
    except NOT_A_VALUE as error:
        raise Unreadable("campaign_revision.rules: its local window cannot be read") from error


def due_send(
    row: Any, facts: CampaignFacts | None, *, before: Tried, instead: Device | None
) -> DueSend:
    """Read a due send.

    Args:
        row: its columns, and what belongs to it.
        facts: of its campaign; None = the store lost that.
        before: what became of its attempts so far.
        instead: another device of its user, where the one of the plan is gone.

    Raises:
        Unreadable: if a column holds what it is not for.
    """
    _check_kinds(row)
    channel = _member(Channel, row.channel, "channel")
    known = facts or _LOST_CAMPAIGN
    return DueSend(
        tenant_id=TenantId(row.tenant_id),
        send_id=SendId(row.send_id),
        campaign_id=CampaignId(row.campaign_id),
        user_id=UserId(row.user_id),
        channel=channel,
        due_at=row.due_at,
        expires_at=row.expires_at,
        fence=row.fence,
        attempt_count=row.attempt_count,
        # What is held has its attempts elsewhere.
        abandoned=before.unanswered or row.state == SendState.CLAIMED,
        variant=None  # nobody is sent to within limits that nobody knows any more
        if row.content_id is None or facts is None
        else Variant(VariantId(row.content_id), row.title, row.body, row.url),
        device=instead or _planned_device(row, channel),
        device_dead=row.dead_at is not None and instead is None,
        opted_out=row.opted_out_at is not None,
        cancelled=known.cancelled,
        timezone=row.timezone,
        timezone_source=None
        if row.timezone_source is None
        else _member(ZoneSource, row.timezone_source, "timezone_source"),
        quiet_hours=known.quiet_hours,
        local_window=known.local_window,
        message_type=known.message_type,
        propensity=row.propensity,
        link_id=row.link_id,
        arm=None if row.arm is None else _member(Arm, row.arm, "arm"),
        variant_propensity=row.variant_propensity,
        preferences=NO_PREFERENCES if row.preferred_by is None else preferences_of(row),
        quiet_offsets=tuple(row.quiet_offsets or ()),
        paused_at=known.paused_at,
        ignores_quiet_hours=bool(row.ignores_quiet_hours),
        put_off=row.state == SendState.PLANNED and row.ready_at >= row.expires_at,
        message_class=known.message_class,
        moved=before.moved,
        gone_devices=before.gone_devices,
        profile_timezone=row.profile_timezone,
    )


def _planned_device(row: Any, channel: Channel) -> Device | None:
    """Return the device of the plan, dead or alive; None = it is its user's no more."""
    if row.address is None:
        return None
    return Device(
        device_id=DeviceId(row.device_id),
        user_id=UserId(row.user_id),
        channel=channel,
        address=row.address,
        platform=row.platform,
        timezone=row.device_timezone,
    )


def _check_kinds(row: Any) -> None:
    for name, kind in _NEEDED.items():
        if type(getattr(row, name)) is not kind:
            raise Unreadable(f"{name}: holds no {kind.__name__}")
    for name, kind in _OPTIONAL.items():
        if (value := getattr(row, name)) is not None and type(value) is not kind:
            raise Unreadable(f"{name}: holds no {kind.__name__}")
    if row.content_id is not None and (row.title is None or row.body is None):
        raise Unreadable("title, body: one of them is missing")
    for name in _PROBABILITIES:
        if (value := getattr(row, name)) is not None and not _is_finite(value):
            raise Unreadable(f"{name}: holds no finite number")
    if row.attempt_count < 0:
        raise Unreadable("attempt_count: is negative")
    if row.due_at >= row.expires_at:
        raise Unreadable("expires_at: does not lie after due_at")
    _check_zones(row)


def _check_zones(row: Any) -> None:
    try:
        if row.timezone is not None:
            zone_of(row.timezone)
    except InvalidInput as error:
        raise Unreadable(f"timezone: {error.message}") from error
    try:
        for offset in row.quiet_offsets or ():
            zone_at(offset)
    except NOT_A_VALUE as error:
        raise Unreadable("quiet_offsets: holds no minutes east of UTC") from error


def _is_finite(value: Any) -> bool:
    return type(value) in {int, float} and isfinite(value)


def _member(kind: Any, value: Any, name: str) -> Any:
    try:
        return kind(value)
    except ValueError as error:
        raise Unreadable(f"{name}: {value!r} is none that sendopt knows") from error
