"""What is counted for a statement: measured clicks and responses, and the charges they cause.

A fact is a measured click, or a response of the kind that is sold. It is stamped once with the
period whose statement counts it. A fact without a stamp has not been metered: one that is
recorded while a period closes is either in the closed statement or still to be stamped, never
lost between the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from sendopt.records import BillableFact, Charge, ChargeKind, ResponseKind
from sendopt.state.tables import click, response
from sendopt.state.tables_billing import charge
from sendopt.state.transaction import TenantRead, TenantWrite, owned


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the facts of a kind stand."""

    table: sa.Table
    key: sa.Column[str]
    sold: sa.ColumnElement[bool]

    def bearing(
        self,
        of_tenant: sa.ColumnElement[bool],
        period: str | None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> sa.ColumnElement[bool]:
        """Tell whether a fact is of this tenant and bears the stamp `period` (None = no stamp).

        Where they are given, also whether `since <= occurred_at < until`.
        """
        fact = self.table.c
        bounds = [] if since is None else [fact.occurred_at >= since]
        bounds += [] if until is None else [fact.occurred_at < until]
        return sa.and_(of_tenant, self.sold, fact.period == period, *bounds)


_SOURCES = {
    ChargeKind.CLICK: _Source(click, click.c.click_id, sa.true()),
    ChargeKind.RESPONSE: _Source(
        response, response.c.send_id, response.c.kind == ResponseKind.RESPONSE
    ),
}


def unmetered(tx: TenantRead, kind: ChargeKind, *, limit: int) -> list[BillableFact]:
    """Return up to `limit` facts without a stamp, the earliest first."""
    rows = tx.execute(_unmetered(kind), {**tx.bound(), "most": limit})
    return [
        BillableFact(kind, row.key, row.send_id, row.occurred_at, row.filtered_reason)
        for row in rows
    ]


@cache  # to build it takes longer than to execute it
def _unmetered(kind: ChargeKind) -> sa.Select[Any]:
    source = _SOURCES[kind]
    fact = source.table.c
    return (
        sa.select(source.key.label("key"), fact.send_id, fact.occurred_at, fact.filtered_reason)
        .where(source.bearing(owned(source.table), None))
        .order_by(fact.occurred_at)
        .limit(sa.bindparam("most", type_=sa.Integer))
    )


def count_unmetered(tx: TenantRead) -> int:
    """Count the facts without a stamp, also those that nobody can read."""
    return sum(
        tx.scalar(
            sa.select(sa.func.count())
            .select_from(source.table)
            .where(source.bearing(tx.owns(source.table), None))
        )
        or 0
        for source in _SOURCES.values()
    )


def keys(
    tx: TenantRead,
    kind: ChargeKind,
    *,
    period: str | None,
    until: datetime,
    since: datetime | None = None,
) -> list[str]:
    """Return the keys of facts stamped `period` (None = without a stamp) that happened then.

    That is `since <= occurred_at < until`; without `since`, however long ago.
    """
    source = _SOURCES[kind]
    rows = tx.scalars(
        sa.select(source.key).where(
            source.bearing(tx.owns(source.table), period, since=since, until=until)
        )
    )
    return list(rows)


def stamp(tx: TenantWrite, kind: ChargeKind, placed: Sequence[tuple[str, str]]) -> None:
    """Write to each fact, given by its key, the period that counts it."""
    source = _SOURCES[kind]
    tx.execute(
        sa.update(source.table)
        .where(
            tx.owns(source.table),
            source.sold,
            source.key == sa.bindparam("fact_key"),
        )
        .values(period=sa.bindparam("in_period")),
        [{"fact_key": key, "in_period": period} for key, period in placed],
    )


def add_charges(tx: TenantWrite, charges: Iterable[Charge]) -> None:
    """Charge. The database refuses a second charge of a kind for a send, for ever."""
    rows = [{"tenant_id": tx.tenant_id, **asdict(charged)} for charged in charges]
    if rows:
        tx.execute(sa.insert(charge), rows)


def exists_since(tx: TenantRead, since: datetime) -> bool:
    """Whether any fact happened at or after `since`."""
    return any(
        tx.scalar(
            sa.select(
                sa.exists().where(
                    tx.owns(source.table),
                    source.sold,
                    source.table.c.occurred_at >= since,
                )
            )
        )
        for source in _SOURCES.values()
    )


def earliest(tx: TenantRead, kind: ChargeKind, period: str) -> datetime | None:
    """Return when the first fact counted in `period` happened; before it began, if it came late."""
    source = _SOURCES[kind]
    fact = source.table.c
    first: datetime | None = tx.scalar(
        sa.select(sa.func.min(fact.occurred_at, type_=fact.occurred_at.type)).where(
            source.bearing(tx.owns(source.table), period)
        )
    )
    return first


def count_reasons(
    tx: TenantRead,
    kind: ChargeKind,
    period: str,
    *,
    since: datetime,
    until: datetime,
) -> dict[str | None, int]:
    """Count the facts of `period` with `since <= occurred_at < until` by the reason they bear."""
    source = _SOURCES[kind]
    fact = source.table.c
    rows = tx.execute(
        sa.select(fact.filtered_reason, sa.func.count())
        .where(source.bearing(tx.owns(source.table), period, since=since, until=until))
        .group_by(fact.filtered_reason)
    )
    return {row[0]: row[1] for row in rows}


def count_charges(
    tx: TenantRead,
    kind: ChargeKind,
    period: str,
    *,
    since: datetime,
    until: datetime,
) -> int:
    """Count the charges of `period` for what happened at `since <= occurred_at < until`."""
    return (
        tx.scalar(
            sa.select(sa.func.count())
            .select_from(charge)
            .where(
                tx.owns(charge),
                charge.c.kind == kind,
                charge.c.period == period,
                charge.c.occurred_at >= since,
                charge.c.occurred_at < until,
            )
        )
        or 0
    )
