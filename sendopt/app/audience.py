"""Gathers the audience of a campaign: from the state, and from the log what only the log knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sendopt.app.user_status import user_status
from sendopt.features.inferred_zone import infer_zones
from sendopt.log import Reader
from sendopt.records import Campaign, Channel, TenantId, ZoneSource
from sendopt.schedule import AudienceMember
from sendopt.schedule.audience import audience_members, under_law, with_preferences
from sendopt.state import State, devices, preferences, sending_limits, tenants, users


def audience_of(
    campaign: Campaign, tenant_id: TenantId, *, state: State, reader: Reader, now: datetime
) -> tuple[list[AudienceMember], str]:
    """Gather the audience from the state, and from the log what only the log knows.

    Returns:
        The members, and the tenant's zone.
    """
    statuses = user_status(reader, as_of=now).to_pylist()
    with state.read(tenant_id) as tx:
        reachable = devices.reachable(tx, channel=campaign.channel, user_ids=campaign.audience)
        profiles = list(users.everyone(tx))
        wanted = preferences.said_by(tx, campaign.audience)
        tenant_zone = tenants.get(tx).timezone
        is_under_law = sending_limits.get(tx).legal_hours
        known = {row["user_id"] for row in statuses} | {user.user_id for user in profiles}
        named = set(campaign.audience or ()) - known - {each.user_id for each in reachable}
        on_others = {
            device.user_id
            for channel in Channel
            if named and channel is not campaign.channel
            for device in devices.reachable(tx, channel=channel, user_ids=sorted(named))
        }
    members = audience_members(
        campaign.audience,
        devices=reachable,
        profile_zones={user.user_id: user.timezone for user in profiles if user.timezone},
        log_zones={row["user_id"]: row["timezone"] for row in statuses if row["timezone"]},
        opted_out=frozenset(
            [user.user_id for user in profiles if user.opted_out_at is not None]
            + [row["user_id"] for row in statuses if row["opted_out"]]
        ),
        unknown=frozenset(named - on_others),
        tenant_zone=tenant_zone,
    )
    members = with_preferences(members, wanted, campaign)
    if is_under_law:
        members = under_law(members, campaign)
    members = _with_inferred_zones(campaign, members, reader, tenant_zone=tenant_zone, now=now)
    return members, tenant_zone


def _with_inferred_zones(
    campaign: Campaign,
    members: list[AudienceMember],
    reader: Reader,
    *,
    tenant_zone: str,
    now: datetime,
) -> list[AudienceMember]:
    """Add where those may live of whom nothing names a zone: there, too, nobody is woken.

    That is, of those who have quiet hours: the campaign's, or their own.
    """
    unknown = [
        member.user_id
        for member in members
        if member.timezone_source == ZoneSource.TENANT
        and member.suppressed_by is None
        and (campaign.quiet_hours or member.own_quiet_hours) is not None
    ]
    if not unknown:
        return members
    inferred = infer_zones(reader, unknown, as_of=now, tenant_zone=tenant_zone)
    return [
        replace(
            member,
            timezone_source=ZoneSource.INFERRED,
            quiet_offsets=inferred[member.user_id].offsets,
            timezone_confidence=inferred[member.user_id].confidence,
        )
        if member.timezone_source == ZoneSource.TENANT and member.user_id in inferred
        else member
        for member in members
    ]
