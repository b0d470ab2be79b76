"""Looks at every row as it is stored, and names those that hold what nobody can read.

SQLite keeps whatever was written into a column, and serves a page as it finds it. PostgreSQL
refuses by itself what is of another type; there only instants and words remain to be looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from sendopt.clock import zone_names
from sendopt.records import (
    Arm,
    Channel,
    ChargeKind,
    DateState,
    ResponseKind,
    SendState,
    ServedBy,
    TenantId,
)
from sendopt.state import tables, tables_billing
from sendopt.state.damage import NOT_A_VALUE, damaged_text
from sendopt.state.dispatch import OUTCOMES
from sendopt.state.instant import Instant
from sendopt.state.tables_campaigns import decision_basis
from sendopt.state.tables_series import series_date
from sendopt.state.transaction import FleetRead, Transaction
from sendopt.state.violation import NOBODY, Violation

#: Instants that anybody can have meant: from 1970 (inclusive) to 2200 (exclusive).
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)

_WORDS: dict[sa.Column[Any], tuple[str, ...]] = {
    tables.device.c.channel: tuple(Channel),
    tables.planned_send.c.channel: tuple(Channel),
    tables.planned_send.c.state: tuple(SendState),
    tables.planned_send.c.arm: tuple(Arm),
    tables.decision.c.served_by: tuple(ServedBy),
    decision_basis.c.served_by: tuple(ServedBy),
    tables.attempt.c.outcome: tuple(OUTCOMES.values()),
    tables.response.c.kind: tuple(ResponseKind),
    tables_billing.charge.c.kind: tuple(ChargeKind),
    series_date.c.state: tuple(DateState),
}
#: Words that have a rule of their own in `audit`.
_RULED_ELSEWHERE = {tables.planned_send.c.state, tables_billing.charge.c.kind}

_ZONES = (
    tables.tenant.c.timezone,
    tables.app_user.c.timezone,
    tables.device.c.timezone,
    tables.decision.c.timezone,
    decision_basis.c.timezone,
)

_ROWS_AT_ONCE = 10_000


def storage(tx: FleetRead) -> Iterator[Violation]:
    """Let SQLite check its pages and indexes; PostgreSQL does at each read, where told to."""
    if not tx.is_sqlite:
        return
    for (said,) in tx.connection.exec_driver_sql("PRAGMA integrity_check(50)"):
        if said != "ok":
            first = str(said).splitlines()[0]
            yield Violation("state_is_sound", NOBODY, "state.sqlite", first)


def unreadable(tx: FleetRead, table: sa.Table) -> Iterator[Violation]:
    """Yield the rows of `table` that hold what their columns are not for."""
    wrong = [
        (column.name, condition)
        for column in table.c
        if (condition := _wrong(tx, column)) is not None
    ]
    if wrong:
        query = sa.select(
            *raw_key(tx, table), *(condition.label(f"wrong_{name}") for name, condition in wrong)
        ).where(sa.or_(*(condition for _, condition in wrong)))
        for row in tx.execute(query):
            names = [name for name, _ in wrong if getattr(row, f"wrong_{name}")]
            yield violation_at(table, row, f"{', '.join(names)} cannot hold what it holds")
    if tx.is_sqlite:
        yield from _not_utf8(tx, table)


def unknown_zones(tx: FleetRead) -> Iterator[Violation]:
    """Yield the rows that name a zone which no IANA database knows."""
    known = zone_names()
    for column in _ZONES:
        table = column.table
        found = tx.scalars(sa.select(raw(tx, column)).where(column.is_not(None)).distinct())
        strange = [zone for zone in map(_text, found) if zone not in known]
        if not strange:
            continue
        query = sa.select(*raw_key(tx, table), raw(tx, column).label("zone")).where(
            column.in_(strange)
        )
        for row in tx.execute(query):
            what = f"its zone {_text(row.zone)!r} is none that is known"
            yield violation_at(table, row, what, rule="zone_is_known")


def _wrong(tx: Transaction, column: sa.Column[Any]) -> sa.ColumnElement[bool] | None:
    """Return the condition on which a column holds what it cannot; None = it always can."""
    conditions = list[sa.ColumnElement[bool]]()
    # What is compared as it is stored: nothing turns it into a value on the way.
    plain: sa.ColumnElement[Any] = sa.type_coerce(column, sa.types.NullType())
    if tx.is_sqlite:
        conditions.append(sa.func.typeof(plain).not_in(_stored_as(column)))
        if isinstance(column.type, sa.JSON):
            conditions.append(sa.case((plain.is_(None), 1), else_=sa.func.json_valid(plain)) == 0)
    if isinstance(column.type, Instant):
        number = sa.type_coerce(column, sa.BigInteger)
        first, last = (int(at.timestamp()) * 1_000_000 for at in (_EARLIEST, _LATEST))
        conditions.append(sa.or_(number < first, number >= last))
    if column in _WORDS and column not in _RULED_ELSEWHERE:
        conditions.append(column.not_in(_WORDS[column]))
    if not conditions:
        return None
    return sa.func.coalesce(sa.or_(*conditions), sa.false())


def _stored_as(column: sa.Column[Any]) -> list[str]:
    kinds = {
        sa.Text: ["text"],
        sa.JSON: ["text"],
        sa.LargeBinary: ["blob"],
        sa.Float: ["real", "integer"],
    }
    found = next((names for kind, names in kinds.items() if isinstance(column.type, kind)), None)
    names = ["integer"] if found is None else found
    return [*names, "null"] if column.nullable else names


def _not_utf8(tx: FleetRead, table: sa.Table) -> Iterator[Violation]:
    """Yield the rows of an SQLite table whose text is none; each is looked at only then."""
    texts = [column for column in table.c if isinstance(column.type, sa.Text | sa.JSON)]
    plain = [sa.type_coerce(column, sa.types.NullType()) for column in texts]
    try:
        rows = tx.execute(sa.select(*plain).execution_options(yield_per=_ROWS_AT_ONCE))
        for _ in rows.partitions():
            pass
    except (sa.exc.DBAPIError, *NOT_A_VALUE) as error:
        if not damaged_text(error):
            raise
    else:
        return
    unread = [raw(tx, column).label(f"raw_{column.name}") for column in texts]
    for row in tx.execute(sa.select(*raw_key(tx, table), *unread)):
        names = [
            column.name for column in texts if not _is_text(getattr(row, f"raw_{column.name}"))
        ]
        if names:
            yield violation_at(table, row, f"{', '.join(names)} cannot hold what it holds")


def raw_key(tx: Transaction, table: sa.Table) -> list[sa.ColumnElement[Any]]:
    """Return what `violation_at` names a row by."""
    key: list[sa.ColumnElement[Any]] = [
        raw(tx, column).label(f"key_{column.name}") for column in table.primary_key
    ]
    if "tenant_id" in table.c:
        key.append(raw(tx, table.c.tenant_id).label("whose"))
    return key


def raw(tx: Transaction, column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Return a column as bytes where a driver would otherwise stumble over its text."""
    plain: sa.ColumnElement[Any] = sa.type_coerce(column, sa.types.NullType())
    return sa.cast(plain, sa.LargeBinary) if tx.is_sqlite else plain


def violation_at(
    table: sa.Table, row: Any, what: str, *, rule: str = "row_can_be_read"
) -> Violation:
    """Return what is wrong with a row, which was read with its `raw_key`."""
    tenant_id = TenantId(_text(row.whose)) if "tenant_id" in table.c else NOBODY
    key = [
        _text(getattr(row, f"key_{column.name}"))
        for column in table.primary_key
        if column.name != "tenant_id"
    ]
    return Violation(rule, tenant_id, " ".join([table.name, *key]), what)


def _text(raw: Any) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)


def _is_text(raw: Any) -> bool:
    if not isinstance(raw, bytes):
        return True
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
