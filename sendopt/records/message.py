"""What a provider is handed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sendopt.records.campaign import Variant
from sendopt.records.device import Device
from sendopt.records.ids import CampaignId, SendId, TenantId, UserId


@dataclass(frozen=True, slots=True)
class Message:
    """What is handed to a provider: one send with its content and address resolved."""

    tenant_id: TenantId
    send_id: SendId
    campaign_id: CampaignId
    user_id: UserId
    device: Device
    variant: Variant
    click_url: str | None  # the signed link, not the destination
    due_at: datetime
    expires_at: datetime
