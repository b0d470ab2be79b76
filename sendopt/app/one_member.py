"""One user as a campaign would plan them, without reading anybody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sendopt.errors import NotFound
from sendopt.records import Campaign, Channel, UserId
from sendopt.schedule.audience import (
    AudienceMember,
    audience_members,
    under_law,
    with_preferences,
)
from sendopt.state import TenantRead, devices, preferences, sending_limits, tenants, users
from sendopt.state.users import User


def one_member(
    tx: TenantRead, campaign: Campaign, user_id: UserId, *, status: Mapping[str, Any] | None
) -> AudienceMember:
    """Return the user as a member of the campaign's audience, whether or not it is one.

    See `member_whatever_it_prefers`.
    """
    member = member_whatever_it_prefers(tx, campaign, user_id, status=status)
    (wanting,) = with_preferences([member], preferences.said_by(tx, [user_id]), campaign)
    return wanting


def member_whatever_it_prefers(
    tx: TenantRead, campaign: Campaign, user_id: UserId, *, status: Mapping[str, Any] | None
) -> AudienceMember:
    """Return the user as a member of the campaign's audience, under the law, without preferences.

    Where nothing names its zone it is the tenant's: where else it may live is inferred from many.

    Args:
        tx: of the tenant.
        campaign: whose member it would be.
        user_id: who.
        status: what the log knows of the user, a row of `user_status`; None = nothing.
    """
    profile = _profile(tx, user_id)
    reachable = devices.reachable(tx, channel=campaign.channel, user_ids=[user_id])
    on_any = reachable or [
        device
        for channel in Channel
        for device in devices.reachable(tx, channel=channel, user_ids=[user_id])
    ]
    is_known = bool(profile or status or on_any)
    out = (profile is not None and profile.opted_out_at is not None) or (
        status is not None and status["opted_out"]
    )
    members = audience_members(
        [user_id],
        devices=reachable,
        profile_zones={user_id: profile.timezone} if profile and profile.timezone else {},
        log_zones={user_id: status["timezone"]} if status and status["timezone"] else {},
        opted_out=frozenset([user_id] if out else []),
        unknown=frozenset([] if is_known else [user_id]),
        tenant_zone=tenants.get(tx).timezone,
    )
    if sending_limits.get(tx).legal_hours:
        members = under_law(members, campaign)
    return members[0]


def _profile(tx: TenantRead, user_id: UserId) -> User | None:
    try:
        return users.get(tx, user_id)
    except NotFound:  # users that only events have named have none
        return None
