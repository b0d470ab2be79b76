"""The audience of a campaign: each member's device and zone, and whether they may be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sendopt.clock import zone_names
from sendopt.records import (
    Campaign,
    Device,
    EndReason,
    Preferences,
    QuietHours,
    UserId,
    ZoneSource,
)
from sendopt.rules import LegalHours, legal_quiet


@dataclass(frozen=True, slots=True)
class AudienceMember:
    """One member of the audience, as the state knows it at planning time."""

    user_id: UserId
    device: Device | None
    timezone: str  # IANA
    timezone_source: ZoneSource
    suppressed_by: EndReason | None = None  # None = may be reached
    #: Minutes east of UTC at which the user may live as well: there, too, nobody is woken. Only
    #: where nothing names the zone ("inferred"); the clock then is the tenant's.
    quiet_offsets: tuple[int, ...] = ()
    own_quiet_hours: QuietHours | None = None  # beside the campaign's, in the same zones
    snoozed_until: datetime | None = None  # nothing is sent before it
    timezone_confidence: float | None = None  # that the user lives at one of `quiet_offsets`
    legal_hours: LegalHours | None = None  # in which the law where the user lives forbids it


def audience_members(
    audience: Sequence[UserId] | None,
    *,
    devices: Sequence[Device],
    profile_zones: Mapping[UserId, str],
    log_zones: Mapping[UserId, str],
    opted_out: frozenset[UserId],
    unknown: frozenset[UserId] = frozenset(),
    tenant_zone: str,
) -> list[AudienceMember]:
    """Return every member of the audience, in order of user id.

    The zone is the device's, else the profile's, else the last one seen in the log, else the
    tenant's: what is closest to the user's pocket knows best. A zone that this machine does not
    know, or no more, is passed over: one user's must not stop a campaign. With several devices the
    message goes to the one registered last, which stands last in `devices`. Of the `unknown` nobody
    has ever heard, by whatever door: their ids may be misspelt.
    """
    device_of = {device.user_id: device for device in devices}
    known = zone_names()
    members = []
    for user_id in sorted(set(device_of if audience is None else audience)):
        device = device_of.get(user_id)
        zones = (
            (ZoneSource.DEVICE, device.timezone if device else None),
            (ZoneSource.USER, profile_zones.get(user_id)),
            (ZoneSource.LOG, log_zones.get(user_id)),
        )
        source, zone = next(
            ((source, zone) for source, zone in zones if zone in known),
            (ZoneSource.TENANT, tenant_zone),
        )
        if user_id in opted_out:
            suppressed_by = EndReason.OPTED_OUT
        elif user_id in unknown:
            suppressed_by = EndReason.USER_UNKNOWN
        elif device is None:
            suppressed_by = EndReason.NO_DEVICE
        else:
            suppressed_by = None
        members.append(
            AudienceMember(
                user_id=user_id,
                device=device,
                timezone=zone,
                timezone_source=source,
                suppressed_by=suppressed_by,
            )
        )
    return members


def under_law(members: list[AudienceMember], campaign: Campaign) -> list[AudienceMember]:
    """Return the members with the hours in which the law where they live forbids the message.

    A user of whom nothing names where they live is under none.
    """
    rule = campaign.message_class, campaign.channel
    return [
        replace(member, legal_hours=hours)
        if member.timezone_source.is_of_user
        and (hours := legal_quiet(member.timezone, *rule)) is not None
        else member
        for member in members
    ]


def with_preferences(
    members: list[AudienceMember], said: Mapping[UserId, Preferences], campaign: Campaign
) -> list[AudienceMember]:
    """Return the members with what each wants of messages, as far as it touches `campaign`.

    Args:
        members: of whose devices, zones and consent all is known.
        said: the preferences of those who have any.
        campaign: whose members they are.
    """
    if not said:
        return members
    return [
        _wanting(member, said[member.user_id], campaign) if member.user_id in said else member
        for member in members
    ]


def _wanting(member: AudienceMember, wanted: Preferences, campaign: Campaign) -> AudienceMember:
    suppressed_by = member.suppressed_by
    if suppressed_by is None:
        if not wanted.wants(campaign.message_type):
            suppressed_by = EndReason.TOPIC_UNWANTED
        elif wanted.snoozed_until is not None and wanted.snoozed_until >= campaign.latest_at:
            suppressed_by = EndReason.SNOOZED
    return replace(
        member,
        suppressed_by=suppressed_by,
        own_quiet_hours=wanted.quiet_hours,
        snoozed_until=wanted.snoozed_until,
    )
