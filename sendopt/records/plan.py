"""What a campaign comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sendopt.records.decision import Decision
from sendopt.records.ids import CampaignId, TenantId
from sendopt.records.plan_columns import PlanColumns, columns_of
from sendopt.records.send import PlannedSend


@dataclass(frozen=True, slots=True)
class Plan:
    """Every person of a campaign's audience exactly once, each with the reason of its time."""

    tenant_id: TenantId
    campaign_id: CampaignId
    sends: Sequence[PlannedSend]
    decisions: Sequence[Decision]  # of the same sends, in the same order
    revision: int = 1  # of the campaign, by which they were planned

    def columns(self) -> PlanColumns:
        """Return all of it in columns.

        Raises:
            InvariantBroken: `foreign_plan`, if a send belongs to another tenant or campaign, or a
                decision to another send.
        """
        return columns_of(self.tenant_id, self.campaign_id, self.sends, self.decisions)
