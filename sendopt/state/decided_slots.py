"""The slots that decisions have weighed, of many sends at once."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from sendopt.errors import InvariantBroken
from sendopt.records import SendId, Slot, TenantId
from sendopt.records.packed_scores import unpack
from sendopt.state.damage import NOT_A_VALUE, Unreadable, readable
from sendopt.state.decision_rows import earlier_slots, slots_of_basis
from sendopt.state.key_sets import is_one_of
from sendopt.state.same_send import same_send
from sendopt.state.tables import decision, planned_send
from sendopt.state.tables_campaigns import decision_basis
from sendopt.state.transaction import FleetRead

_Key = tuple[TenantId, SendId]


def decided_slots(tx: FleetRead, sends: Collection[_Key]) -> dict[_Key, tuple[Slot, ...]]:
    """Return the slots of each; of a record that nobody can read, none."""
    send, basis = planned_send.c, decision_basis.c
    rows = _readable(
        tx,
        sa.select(
            *(send.tenant_id, send.send_id, send.campaign_id, send.basis, send.scores),
            decision.c.slots,
        ).select_from(planned_send.outerjoin(decision, same_send(decision))),
        (send.tenant_id, send.send_id),
        sends,
    )
    bases = _readable(
        tx,
        sa.select(basis.tenant_id, basis.campaign_id, basis.number, basis.slots),
        (basis.tenant_id, basis.campaign_id, basis.number),
        {_basis_of(row) for row in rows if row.basis is not None},
    )
    shared: dict[tuple[Any, ...], tuple[Slot, ...]] = {}
    for row in bases:
        try:
            shared[row.tenant_id, row.campaign_id, row.number] = slots_of_basis(row.slots)
        except NOT_A_VALUE:
            continue
    found: dict[_Key, tuple[Slot, ...]] = dict.fromkeys(sends, ())
    for row in rows:
        try:
            found[TenantId(row.tenant_id), SendId(row.send_id)] = (
                earlier_slots(row.slots or ())
                if row.basis is None
                else unpack(shared.get(_basis_of(row), ()), row.scores or b"")
            )
        except (*NOT_A_VALUE, InvariantBroken):
            continue
    return found


def _basis_of(row: Any) -> tuple[Any, ...]:
    return row.tenant_id, row.campaign_id, row.basis


def _readable(
    tx: FleetRead,
    query: sa.Select[Any],
    key: tuple[sa.Column[Any], ...],
    wanted: Collection[tuple[Any, ...]],
) -> list[sa.Row[Any]]:
    """Return the rows with the wanted keys, without those that nobody can read."""
    if not wanted:
        return []
    try:
        return readable(tx, query.where(is_one_of(key, wanted)))
    except Unreadable:
        rows = []
    for each in wanted:
        try:
            rows += readable(tx, query.where(is_one_of(key, [each])))
        except Unreadable:
            continue
    return rows
