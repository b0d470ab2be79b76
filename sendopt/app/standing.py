"""Gathers what stands already when campaigns are planned under limits over all of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from sendopt.frequency import longest_memory
from sendopt.records import (
    NO_LIMITS,
    Campaign,
    CampaignId,
    MessageClass,
    PlannedSend,
    SendingLimits,
    UserId,
)
from sendopt.schedule import NOTHING_STANDS, Bounds, Standing, looks_at_others, span_of
from sendopt.state import TenantRead, commitments, due_counts, plans, sending_limits

#: Users are asked for by name where audiences name no more than so many; else all are read.
_NAMED = 10_000
_FOREVER = datetime(9999, 1, 1, tzinfo=UTC)


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


class BoundsByUser:
    """The limits of a tenant, and what users who are asked for by name have in store.

    What is planned for them meanwhile is added, so that the next plan for one of them counts it.
    """

    def __init__(self, limits: SendingLimits, stands: dict[UserId, Standing]) -> None:
        self._limits, self._stands = limits, stands

    def of(self, campaign: Campaign, user_id: UserId) -> Bounds:
        """Return what bounds a message of a campaign to a user."""
        if campaign.message_class is not MessageClass.MARKETING:
            return Bounds(NO_LIMITS, NOTHING_STANDS)
        return Bounds(self._limits, self._stands.get(user_id, NOTHING_STANDS))

    def add(self, campaign: Campaign, send: PlannedSend) -> None:
        """Count a send that was planned just now."""
        if campaign.message_class is not MessageClass.MARKETING or send.due_at is None:
            return  # no limit counts it, or nothing goes out
        before = self._stands.get(send.user_id, NOTHING_STANDS)
        now = before.with_message(send.user_id, send.due_at, campaign.message_type)
        self._stands[send.user_id] = now


def bounds_by_user(tx: TenantRead, user_ids: Sequence[UserId], *, now: datetime) -> BoundsByUser:
    """Read what bounds messages from now on to these users; nothing is read of others.

    Args:
        tx: of the tenant.
        user_ids: who gets messages of class marketing.
        now: when the first of them may go out.
    """
    limits = sending_limits.get(tx)
    if not user_ids or not looks_at_others(limits):
        return BoundsByUser(limits, {})
    found = _of_users(tx, user_ids, since=now - longest_memory(limits), until=_FOREVER)
    return BoundsByUser(limits, found.by_user())


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
