"""Ids, each a type of its own, and the forms of id that the service keeps for itself."""

from __future__ import annotations

import re
from typing import NewType

TenantId = NewType("TenantId", str)
UserId = NewType("UserId", str)
DeviceId = NewType("DeviceId", str)
CampaignId = NewType("CampaignId", str)
SeriesId = NewType("SeriesId", str)
VariantId = NewType("VariantId", str)
SendId = NewType("SendId", str)

_OF_THE_SERVICE = re.compile(
    r"s_[a-z2-7]{32}(:.*)?"  # of a send, and of what became of it
    r"|click-[0-9a-f]{12,}-[0-9a-f]{20}"
    r"|opt_out-[0-9a-f]{32}",  # of an opt-out that came without a usable id
    re.DOTALL,
)


def is_reserved(event_or_send_id: str) -> bool:
    """Tell whether an id has a form that the service makes for itself.

    Nobody else may bring such an event or such a send, by whatever door: a bill rests on them. The
    forms are narrow, so that ids of others with a colon in them stay theirs.

    >>> is_reserved("s_znonsemr5acblblexpxcud2uhjqvqdip:response"), is_reserved("order:7:send")
    (True, False)
    """
    return _OF_THE_SERVICE.fullmatch(event_or_send_id) is not None
