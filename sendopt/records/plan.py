"""What a campaign comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sendopt.records.decision import Decision
from sendopt.records.ids import CampaignId, TenantId
from sendopt.records.send import PlannedSend


@dataclass(frozen=True, slots=True)
class Plan:
    """Every person of a campaign's audience exactly once, each with the reason of its time."""

    tenant_id: TenantId
    campaign_id: CampaignId
    sends: tuple[PlannedSend, ...]
    decisions: Sequence[Decision]  # of the same sends, in the same order
    revision: int = 1  # of the campaign, by which they were planned
