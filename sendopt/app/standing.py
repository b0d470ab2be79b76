"""Gathers what stands already when campaigns are planned under limits over all of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import pyarrow as pa

from sendopt.records import NO_LIMITS, Campaign, CampaignId, MessageClass, SendingLimits, UserId
from sendopt.schedule import NOTHING_STANDS, Bounds, Standing, looks_at_others, span_of
from sendopt.state import TenantRead, commitments, due_counts, plans, sending_limits

#: Users are asked for by name where audiences name no more than so many; else all are read.
_NAMED = 10_000


def bounds_of(
    tx: TenantRead, campaigns: Sequence[Campaign], *, revised: Collection[CampaignId] = ()
) -> Bounds:
    """Return the limits of a tenant, and what users of campaigns have in store.

    Args:
        tx: of the tenant.
        campaigns: that are planned together.
        revised: those of them whose sends are planned anew, unless somebody has begun to hand them
            over.
    """
    limits = sending_limits.get(tx)
    if not looks_at_others(limits):
        return Bounds(limits, NOTHING_STANDS)
    since, until = span_of(campaigns, limits)
    users = _named(campaigns)
    stands = _of_users(tx, users, since=since, until=until, besides=revised)
    due = due_counts.due_counts(tx, since=since, until=until, besides=revised)
    served = {
        place: plans.served(tx, campaign.campaign_id, replanned=campaign.campaign_id in revised)
        for place, campaign in enumerate(campaigns)
    }
    counts = {(each.channel, each.minute): each.count for each in due}
    return Bounds(limits, replace(stands, due=counts, served=served))


def bounds_of_user(tx: TenantRead, campaign: Campaign, user_id: UserId) -> Bounds:
    """Return the limits of a tenant, and what one user has in store; nothing is read of others."""
    if campaign.message_class is not MessageClass.MARKETING:
        return Bounds(NO_LIMITS, NOTHING_STANDS)
    limits: SendingLimits = sending_limits.get(tx)
    if not looks_at_others(limits):
        return Bounds(limits, NOTHING_STANDS)
    since, until = span_of([campaign], limits)
    return Bounds(limits, _of_users(tx, [user_id], since=since, until=until))


def _of_users(
    tx: TenantRead,
    users: Sequence[UserId] | None,
    *,
    since: datetime,
    until: datetime,
    besides: Collection[CampaignId] = (),
) -> Standing:
    found = commitments.marketing(tx, users, since=since, until=until, besides=besides)
    types = found["message_type"].combine_chunks()
    if isinstance(types, pa.ChunkedArray):  # there is no row, and so no chunk
        types = pa.array([], commitments.SCHEMA.field("message_type").type)
    return Standing(
        user_id=found["user_id"].to_pylist(),
        at_us=found["at"].cast(pa.int64()).to_numpy(),
        message_type=np.asarray(types.indices.fill_null(-1).to_numpy(), np.int32),
        message_types=types.dictionary.to_pylist(),
    )


def _named(campaigns: Sequence[Campaign]) -> list[UserId] | None:
    audiences = [campaign.audience for campaign in campaigns]
    named = {user for audience in audiences for user in audience or ()}
    is_everybody = any(audience is None for audience in audiences)
    return None if is_everybody or len(named) > _NAMED else sorted(named)
