"""Derives what must come out the same however often a campaign is planned."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence

from sendopt.records import CampaignId, SendId, TenantId, UserId, Variant

_SEND_ID_BYTES = 20  # 160 bits: 32 letters without padding, and no two sends ever alike


def send_id(tenant_id: TenantId, campaign_id: CampaignId, user_id: UserId) -> SendId:
    """Return the only id that this user's message of this campaign can have.

    >>> send_id(TenantId("default"), CampaignId("autumn-sale"), UserId("user-7"))
    's_znonsemr5acblblexpxcud2uhjqvqdip'
    """
    digest = _digest(tenant_id, campaign_id, user_id)[:_SEND_ID_BYTES]
    return SendId("s_" + base64.b32encode(digest).decode().lower())


def variant_of(
    variants: Sequence[Variant], tenant_id: TenantId, campaign_id: CampaignId, user_id: UserId
) -> Variant:
    """Return the variant that the user gets: an even split by hash, the same at every planning.

    It hashes another text than `send_id`, so that neither tells anything about the other.
    """
    digest = _digest("variant", tenant_id, campaign_id, user_id)
    return variants[int.from_bytes(digest[:8], "big") % len(variants)]


def _digest(*parts: str) -> bytes:
    # JSON keeps the parts apart: ("a", "bc") and ("ab", "c") never meet.
    return hashlib.sha256(json.dumps(parts).encode()).digest()
