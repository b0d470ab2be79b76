"""Use cases of whoever looks through what a tenant has: lists, a page at a time."""

from __future__ import annotations

from sendopt.app.stores import Stores
from sendopt.evaluate.campaign_results import CampaignResults, campaign_results
from sendopt.records import CampaignId, DeviceId, TenantId, UserId
from sendopt.state import campaign_list, campaigns, results, send_list, user_list
from sendopt.state.pages import Page
from sendopt.state.users import User


class Lists(Stores):
    """What there is, and what came of it."""

    def campaigns(
        self,
        tenant_id: TenantId,
        *,
        phase: campaign_list.CampaignPhase | None = None,
        behind: campaign_list.CampaignKey | None = None,
        limit: int,
    ) -> Page[campaign_list.ListedCampaign]:
        """Return campaigns, the newest first."""
        with self.state.read(tenant_id) as tx:
            return campaign_list.page(tx, phase=phase, behind=behind, limit=limit)

    def sends(
        self,
        tenant_id: TenantId,
        chosen: send_list.SendFilter,
        *,
        behind: send_list.SendKey | None = None,
        limit: int,
    ) -> Page[send_list.ListedSend]:
        """Return sends by campaign and user; a page may hold few, or none, and not be the last."""
        with self.state.read(tenant_id) as tx:
            return send_list.page(tx, chosen, behind=behind, limit=limit)

    def users(
        self,
        tenant_id: TenantId,
        *,
        opted_out: bool | None = None,
        behind: UserId | None = None,
        limit: int,
    ) -> Page[User]:
        """Return users by id; those that only events have named are not among them."""
        with self.state.read(tenant_id) as tx:
            return user_list.page_of_users(tx, opted_out=opted_out, behind=behind, limit=limit)

    def devices(
        self,
        tenant_id: TenantId,
        *,
        user_id: UserId | None = None,
        dead: bool | None = None,
        behind: DeviceId | None = None,
        limit: int,
    ) -> Page[user_list.ListedDevice]:
        """Return devices by id, without their addresses."""
        with self.state.read(tenant_id) as tx:
            return user_list.page_of_devices(
                tx, user_id=user_id, dead=dead, behind=behind, limit=limit
            )

    def campaign_results(self, tenant_id: TenantId, campaign_id: CampaignId) -> CampaignResults:
        """Count what came of a campaign so far.

        Raises:
            NotFound: `campaign_unknown`.
        """
        with self.state.read(tenant_id) as tx:
            campaigns.get_campaign(tx, campaign_id)
            return campaign_results(results.counted_sends(tx, campaign_id))
