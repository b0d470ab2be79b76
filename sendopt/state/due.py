"""Find the sends whose time has come, with all that their hand-over needs.

While a send is claimed its `ready_at` is the end of the lease: one index tells both what is due
and whose claim was abandoned.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from sendopt.records import Channel, DamagedSend, DueSend, SendId, SendState, TenantId
from sendopt.state.campaign_phase import same_campaign
from sendopt.state.damage import Unreadable, damage_of, readable
from sendopt.state.due_row import CampaignFacts, campaign_facts, due_send
from sendopt.state.key_sets import is_one_of
from sendopt.state.living_devices import LivingDevice, Recipient, living_devices
from sendopt.state.tables import (
    IS_A_DISPATCHERS_CLAIM,
    IS_URGENT,
    app_user,
    decision,
    device,
    link,
    planned_send,
)
from sendopt.state.tables_campaigns import (
    campaign,
    campaign_revision,
    decision_basis,
    variant,
)
from sendopt.state.tables_people import preference
from sendopt.state.transaction import FleetRead, FleetWrite, TenantWrite, owned
from sendopt.state.tried import UNTRIED, Tried, tried

#: More than dispatchers have in hand at a time.
_MOST_CLAIMS = 10_000

_Key = tuple[str, str, int]  # a tenant, the id of a campaign of it, and a revision


@dataclass(frozen=True, slots=True)
class _Beside:
    """What is read beside the rows of due sends, for those that need it."""

    campaigns: Mapping[_Key, CampaignFacts | str]  # or what is wrong with one
    before: Mapping[tuple[str, str], Tried]
    others: Mapping[Recipient, Sequence[LivingDevice]]


def lock_due(
    tx: FleetWrite,
    *,
    channels: Collection[Channel],
    now: datetime,
    limit: int,
    claims_over_at: datetime | None = None,
) -> list[DueSend | DamagedSend]:
    """Return up to `limit` sends of `channels` that are due or abandoned, earliest first.

    Urgent ones stand before all others.

    Sends of other channels are returned only once they have expired: their end must be written by
    somebody. The rows are locked until `tx` ends; on PostgreSQL rows that another dispatcher has
    locked are passed over, on SQLite there is one writer at a time.

    Args:
        tx: the transaction.
        channels: that the caller serves.
        now: when it is.
        limit: the most sends.
        claims_over_at: claims that last until then, or less long, are abandoned; None = now.
    """
    rows: list[sa.Row[Any] | DamagedSend] = []
    for state, urgent, at in (
        (SendState.PLANNED, True, now),
        (SendState.CLAIMED, None, claims_over_at or now),
        (SendState.PLANNED, False, now),
    ):
        if len(rows) < limit:
            due = _is_due(state, frozenset(channels), urgent=urgent)
            rows += _lock(tx, due, {"now": at, "most": limit - len(rows)})
    whole = [row for row in rows if not isinstance(row, DamagedSend)]
    beside = _Beside(
        _campaign_facts(tx, {_revision_of(row) for row in whole}),
        tried(tx, [(row.tenant_id, row.send_id) for row in whole if _was_looked_at(row)]),
        living_devices(tx, {_recipient_of(row) for row in whole if _lost_its_device(row)}),
    )
    sends = [row if isinstance(row, DamagedSend) else _due_send(row, beside) for row in rows]
    # A send that has two links, as none should, is still one send.
    return list({(send.tenant_id, send.send_id): send for send in reversed(sends)}.values())[::-1]


def claims_beyond(tx: FleetRead, until: datetime) -> list[tuple[TenantId, SendId, int]]:
    """Return tenant, send and fence of each claim of a dispatcher whose lease ends after `until`.

    What is held is claimed by none, and until it expires; see `hold`.
    """
    with suppress(Unreadable):
        rows = readable(tx, _CLAIMED_BEYOND, {"until": until})
        return [(row.tenant_id, row.send_id, row.fence) for row in rows]
    return []


_CLAIMED_BEYOND = (
    sa.select(planned_send.c.tenant_id, planned_send.c.send_id, planned_send.c.fence)
    .where(
        IS_A_DISPATCHERS_CLAIM,
        planned_send.c.ready_at > sa.bindparam("until", type_=planned_send.c.ready_at.type),
    )
    .order_by(planned_send.c.ready_at)
    .limit(_MOST_CLAIMS)
)


def next_ready_at(
    tx: FleetRead,
    *,
    channels: Collection[Channel],
    claims_last_longer: timedelta = timedelta(0),
) -> datetime | None:
    """Return when the next send of `channels` is due or abandoned; None = nothing is planned.

    A time that cannot be read is none. Claims are abandoned so much later than they say.
    """
    found: list[datetime] = []
    for state, later in (
        (SendState.PLANNED, timedelta(0)),
        (SendState.CLAIMED, claims_last_longer),
    ):
        first = (
            sa.select(planned_send.c.ready_at)
            .where(
                planned_send.c.state == state,
                planned_send.c.channel.in_(channels),
                planned_send.c.ready_at.is_not(None),
            )
            .order_by(planned_send.c.ready_at)
            .limit(1)
        )
        with suppress(Unreadable):
            found += (row.ready_at + later for row in readable(tx, first))
    return min(found, default=None)


def _lock(
    tx: FleetWrite, due: sa.Select[Any], given: Mapping[str, Any]
) -> list[sa.Row[Any] | DamagedSend]:
    """Lock and read due rows at once; if that cannot be done, one by one."""
    try:
        rows = readable(tx, _with_its_own(due), given)
    except Unreadable:
        keys = tx.execute(due.with_only_columns(*_KEY), given).all()
        return [_lock_one(tx.of(TenantId(key.tenant_id)), key.send_id) for key in keys]
    return [
        row
        if row.content_id is not None
        # PostgreSQL locks the send as it is, and joins what there was as the statement began. A
        # revision that was committed in between is read with what is its own by another one.
        else _lock_one(tx.of(TenantId(row.tenant_id)), row.send_id)
        for row in rows
    ]


def _lock_one(tx: TenantWrite, send_id: str) -> sa.Row[Any] | DamagedSend:
    one = _with_its_own(_ONE)
    given = {**tx.bound(), "of_send": send_id}
    try:
        return readable(tx, one, given)[0]
    except Unreadable:
        return DamagedSend(tx.tenant_id, SendId(send_id), damage_of(tx, one, given))


_KEY = (planned_send.c.tenant_id, planned_send.c.send_id)
_is_key = (
    owned(planned_send),
    planned_send.c.send_id == sa.bindparam("of_send"),
)

#: All of a send but the scores of its slots, which nobody needs in order to hand it over.
_SEND = [column for column in planned_send.c if column is not planned_send.c.scores]
#: What stands beside a send, or, of an earlier release, in a row of `decision`.
_DECIDED = ("propensity", "variant_propensity", "quiet_offsets")

_ONE = sa.select(*_SEND).where(*_is_key)


#: Of sends that go before the others, of the others, and of all.
_LANES = {True: (IS_URGENT,), False: (planned_send.c.urgent.is_not(sa.true()),), None: ()}


@cache  # to build it takes longer than to execute it
def _is_due(
    state: SendState, channels: frozenset[Channel], *, urgent: bool | None
) -> sa.Select[Any]:
    send = planned_send.c
    now = sa.bindparam("now", type_=send.ready_at.type)
    return (
        sa.select(*_SEND)
        .where(
            send.state == state,
            send.ready_at <= now,
            sa.or_(send.channel.in_(sorted(channels)), send.expires_at <= now),
            *_LANES[urgent],
        )
        .order_by(send.ready_at)
        .limit(sa.bindparam("most", type_=sa.Integer))
        .with_for_update(skip_locked=True)
    )


@cache
def _with_its_own(sends: sa.Select[Any]) -> sa.Select[Any]:
    """Join to sends what belongs to each."""
    # First the rows, then what belongs to them: joined at once, PostgreSQL would rather sort
    # everything that is due than follow the index to the first few.
    due = sends.cte("due")
    return (
        sa.select(
            *(column for column in due.c if column.name not in _DECIDED),
            variant.c.variant_id.label("content_id"),
            variant.c.title,
            variant.c.body,
            variant.c.url,
            device.c.address,
            device.c.platform,
            device.c.timezone.label("device_timezone"),
            device.c.dead_at,
            app_user.c.opted_out_at,
            app_user.c.timezone.label("profile_timezone"),
            preference.c.user_id.label("preferred_by"),
            preference.c.topics,
            preference.c.quiet_start,
            preference.c.quiet_end,
            preference.c.snoozed_until,
            *(
                sa.func.coalesce(decision_basis.c[name], decision.c[name]).label(name)
                for name in ("timezone", "timezone_source")
            ),
            *(sa.func.coalesce(due.c[name], decision.c[name]).label(name) for name in _DECIDED),
            link.c.link_id,
        )
        .select_from(
            due.outerjoin(variant, _same(due, variant, "campaign_id", "revision", "variant_id"))
            # A device that another user has taken over since is no device of this one, nor is one
            # that was registered again on another channel.
            .outerjoin(device, _same(due, device, "device_id", "user_id", "channel"))
            .outerjoin(app_user, _same(due, app_user, "user_id"))
            .outerjoin(preference, _same(due, preference, "user_id"))
            .outerjoin(
                decision_basis,
                sa.and_(
                    _same(due, decision_basis, "campaign_id"),
                    decision_basis.c.number == due.c.basis,
                ),
            )
            .outerjoin(decision, _same(due, decision, "send_id"))
            .outerjoin(link, _same(due, link, "send_id"))
        )
        # Of one instant by id, so that a day that is lived again is the same day.
        .order_by(due.c.ready_at, due.c.tenant_id, due.c.send_id)
    )


def _same(due: sa.CTE, table: sa.Table, *columns: str) -> sa.ColumnElement[bool]:
    """Join `table` to the due send within its tenant."""
    return sa.and_(*(table.c[column] == due.c[column] for column in ("tenant_id", *columns)))


def _campaign_facts(tx: FleetRead, keys: Collection[_Key]) -> dict[_Key, CampaignFacts | str]:
    """Return what the hand-over needs of each revision, or what is wrong with it."""
    if not keys:
        return {}
    definition = campaign_revision.c.definition
    # Its audience may be huge and is left in the database.
    needed = sa.select(
        campaign_revision.c.tenant_id,
        campaign_revision.c.campaign_id,
        campaign_revision.c.revision,
        campaign.c.paused_at,
        campaign.c.cancelled_at,
        definition["campaign_id"].as_string().label("named"),
        definition["message_type"].as_string().label("message_type"),
        definition["quiet_hours"].as_string().label("quiet_hours"),
        definition["quiet_hours", "start"].as_string().label("quiet_start"),
        definition["quiet_hours", "end"].as_string().label("quiet_end"),
        campaign_revision.c.rules["message_class"].as_string().label("message_class"),
        campaign_revision.c.rules["local_window"].as_json().label("local_window"),
    ).join_from(campaign_revision, campaign, same_campaign(campaign_revision))
    of_revision = campaign_revision.c
    key = (of_revision.tenant_id, of_revision.campaign_id, of_revision.revision)
    found: dict[_Key, CampaignFacts | str] = {}
    try:
        rows = readable(tx, needed.where(is_one_of(key, keys)))
    except Unreadable:
        rows = []
        for each in keys:
            one = needed.where(is_one_of(key, [each]))
            try:
                rows += readable(tx, one)
            except Unreadable:
                found[each] = f"campaign: {damage_of(tx, one)}"
    for row in rows:
        try:
            found[_revision_of(row)] = campaign_facts(row)
        except Unreadable as damage:
            found[_revision_of(row)] = str(damage)
    return found


def _revision_of(row: sa.Row[Any]) -> _Key:
    return row.tenant_id, row.campaign_id, row.revision


def _recipient_of(row: sa.Row[Any]) -> Recipient:
    return Recipient(row.tenant_id, row.user_id, row.channel)


def _was_looked_at(row: sa.Row[Any]) -> bool:
    """Tell whether a dispatcher may have tried it, or moved it, before."""
    return bool(row.attempt_count != 0 or row.ready_at != row.due_at)


def _lost_its_device(row: sa.Row[Any]) -> bool:
    return row.address is None or row.dead_at is not None


def _due_send(row: sa.Row[Any], beside: _Beside) -> DueSend | DamagedSend:
    facts = beside.campaigns.get(_revision_of(row))
    if isinstance(facts, str):
        return DamagedSend(row.tenant_id, row.send_id, facts)
    # The recipient is the user: where the device of the plan is gone, the one registered last.
    others = beside.others[_recipient_of(row)] if _lost_its_device(row) else []
    try:
        return due_send(
            row,
            facts,
            before=beside.before.get((row.tenant_id, row.send_id), UNTRIED),
            instead=others[0].device if others else None,
        )
    except Unreadable as damage:
        return DamagedSend(row.tenant_id, row.send_id, str(damage))
