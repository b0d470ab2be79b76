"""Whether anything that is out works with a home's secrets alone: they must not be made anew."""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.records import Channel
from sendopt.state.tables import device, link
from sendopt.state.transaction import FleetRead


def are_secrets_in_use(tx: FleetRead) -> bool:
    """Tell whether a link was signed, or a browser is subscribed (RFC 8292), of any tenant."""
    subscribed = sa.select(device.c.device_id).where(
        device.c.channel == Channel.WEB_PUSH, device.c.dead_at.is_(None)
    )
    return any(
        tx.scalar(sa.select(sa.exists(out))) for out in (sa.select(link.c.link_id), subscribed)
    )
