"""What the state holds about sends that are asked for, read for all of them at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sendopt import schedule
from sendopt.app.named_users import NamedUsers, named_users
from sendopt.app.standing import BoundsByUser, bounds_by_user
from sendopt.errors import SendoptError
from sendopt.records import (
    Campaign,
    CampaignId,
    Decision,
    EndReason,
    MessageClass,
    PlannedSend,
    Policy,
    Preferences,
    SendRequest,
    TenantId,
    UserId,
)
from sendopt.schedule import AudienceMember
from sendopt.state import (
    TenantRead,
    campaigns,
    erased,
    past_outcomes,
    preferences,
    send_requests,
    users,
)

_BUDGET_PERIOD = timedelta(days=30)
_MOST_KNOWN = 1_000


class AcceptedCampaigns:
    """Committed campaigns as they were read before: a revision of one never changes."""

    def __init__(self) -> None:
        self._known: dict[tuple[TenantId, CampaignId, int, datetime], Campaign] = {}

    def of(self, tenant_id: TenantId, stored: campaigns.StoredCampaign) -> Campaign:
        """Return the campaign that is stored."""
        key = (tenant_id, stored.campaign_id, stored.revision, stored.changed_at)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            accepted = schedule.as_accepted(stored.definition, stored.rules, at=stored.changed_at)
            found = self._known[key] = replace(accepted, revision=stored.revision)
        return found


@dataclass(frozen=True)
class RequestFacts:
    """What is known of the campaigns and the users of requests.

    Attributes:
        campaigns: each, or why nothing of it is sent.
        erased: those of the users who were.
        users: their devices and profiles.
        said: the preferences of those who have any.
        explored: sends of the last 30 days that left a user's best slot, where not 0.
        bounds: what users get at most.
    """

    campaigns: Mapping[CampaignId, Campaign | SendoptError]
    erased: frozenset[UserId]
    users: NamedUsers
    said: Mapping[UserId, Preferences]
    explored: dict[UserId, int]
    bounds: BoundsByUser

    def campaign(self, request: SendRequest) -> Campaign:
        """Return whose message is asked for, if its user may get any.

        Raises:
            NotFound: `campaign_unknown`.
            Conflict: `campaign_cancelled`, `campaign_not_committed`, `campaign_not_triggered`;
                `user_erased`.
        """
        if request.user_id in self.erased:
            raise erased.user_erased("/user_id")
        found = self.campaigns[request.campaign_id]
        if isinstance(found, SendoptError):
            raise found
        return found

    def member(
        self, campaign: Campaign, user_id: UserId, status: Mapping[str, Any] | None
    ) -> AudienceMember:
        """As `NamedUsers.member`.

        Raises:
            NotFound: `user_unknown`.
        """
        member = self.users.member(campaign, user_id, status=status)
        if member.suppressed_by is EndReason.USER_UNKNOWN:
            raise users.user_unknown()
        return member

    def add(self, campaign: Campaign, send: PlannedSend, decision: Decision) -> None:
        """Take into account what was planned just now."""
        self.bounds.add(campaign, send)
        if decision.explored:
            self.explored[send.user_id] = self.explored.get(send.user_id, 0) + 1


def facts_for(
    tx: TenantRead,
    requests: Collection[SendRequest],
    accepted: AcceptedCampaigns,
    *,
    now: datetime,
) -> RequestFacts:
    """Read what is known for these requests."""
    stored = campaigns.get_campaigns(tx, {request.campaign_id for request in requests})
    found = {
        request.campaign_id: _campaign(
            request.campaign_id, stored.get(request.campaign_id), tx.tenant_id, accepted
        )
        for request in requests
    }
    user_ids = {request.user_id for request in requests}
    explored, bounded = set[UserId](), set[UserId]()
    for request in requests:
        campaign = found[request.campaign_id]
        if isinstance(campaign, Campaign):
            if campaign.exploration.policy is not Policy.GREEDY and not campaign.urgent:
                explored.add(request.user_id)
            if campaign.message_class is MessageClass.MARKETING:
                bounded.add(request.user_id)
    since = now - _BUDGET_PERIOD
    return RequestFacts(
        found,
        erased.among(tx, user_ids),
        named_users(tx, user_ids),
        preferences.said_by(tx, sorted(user_ids)),
        past_outcomes.explored_by(tx, explored, since=since),
        bounds_by_user(tx, sorted(bounded), now=now),
    )


def _campaign(
    campaign_id: CampaignId,
    stored: campaigns.StoredCampaign | None,
    tenant_id: TenantId,
    accepted: AcceptedCampaigns,
) -> Campaign | SendoptError:
    """Return a campaign of which sends may be asked for, or why none may."""
    if stored is None:
        return campaigns.campaign_unknown()
    refusal = send_requests.why_closed(campaign_id, stored, revision=stored.revision)
    if refusal is not None:
        return refusal
    campaign = accepted.of(tenant_id, stored)
    return campaign if campaign.is_triggered else send_requests.not_triggered(campaign_id)
