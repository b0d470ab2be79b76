"""Users as a campaign would plan them, without reading anybody else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sendopt.records import Campaign, Device, UserId
from sendopt.schedule.audience import (
    AudienceMember,
    audience_members,
    under_law,
    with_preferences,
)
from sendopt.state import TenantRead, devices, preferences, sending_limits, tenants, users
from sendopt.state.users import User


@dataclass(frozen=True)
class NamedUsers:
    """What the state holds of users who are asked for by name."""

    profiles: Mapping[UserId, User]
    devices: Mapping[UserId, list[Device]]  # that live, on any channel; registered last, last
    tenant_zone: str
    is_under_law: bool

    def member(
        self, campaign: Campaign, user_id: UserId, *, status: Mapping[str, Any] | None
    ) -> AudienceMember:
        """Return a user as a member of an audience, under the law, without preferences.

        Where nothing names its zone it is the tenant's: where else it may live is inferred from
        many.

        Args:
            campaign: whose member it would be.
            user_id: who, one of these.
            status: what the log knows of the user, a row of `user_status`; None = nothing.
        """
        profile, on_any = self.profiles.get(user_id), self.devices.get(user_id, [])
        out = (profile is not None and profile.opted_out_at is not None) or (
            status is not None and status["opted_out"]
        )
        is_known = bool(profile or status or on_any)
        members = audience_members(
            [user_id],
            devices=[device for device in on_any if device.channel is campaign.channel],
            profile_zones={user_id: profile.timezone} if profile and profile.timezone else {},
            log_zones={user_id: status["timezone"]} if status and status["timezone"] else {},
            opted_out=frozenset([user_id] if out else []),
            unknown=frozenset([] if is_known else [user_id]),
            tenant_zone=self.tenant_zone,
        )
        if self.is_under_law:
            members = under_law(members, campaign)
        return members[0]


def named_users(tx: TenantRead, user_ids: Collection[UserId]) -> NamedUsers:
    """Read what is known of these users."""
    on_any: dict[UserId, list[Device]] = {}
    for device in devices.living(tx, user_ids):
        on_any.setdefault(device.user_id, []).append(device)
    return NamedUsers(
        users.named(tx, user_ids),
        on_any,
        tenants.get(tx).timezone,
        sending_limits.get(tx).legal_hours,
    )


def one_member(
    tx: TenantRead, campaign: Campaign, user_id: UserId, *, status: Mapping[str, Any] | None
) -> AudienceMember:
    """Return the user as a member of the campaign's audience, whether or not it is one.

    See `NamedUsers.member`; here it has its preferences.
    """
    member = named_users(tx, [user_id]).member(campaign, user_id, status=status)
    (wanting,) = with_preferences([member], preferences.said_by(tx, [user_id]), campaign)
    return wanting
