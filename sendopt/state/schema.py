"""Compares the text of the schema, by which SQLite reads every row, with what the migrations write.

A type, a default or a rule of it that was changed and is still valid SQL is read like any other;
nothing else says what it was. PostgreSQL keeps its schema in tables of its own, below its page
checksums.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import sqlalchemy as sa

from sendopt.state import migrations
from sendopt.state.transaction import FleetRead
from sendopt.state.violation import NOBODY, Violation

_WRITTEN = "SELECT type, name, tbl_name, CAST(sql AS BLOB) FROM sqlite_schema"


def changed(tx: FleetRead) -> Iterator[Violation]:
    """Yield the tables and indexes of SQLite that are not as this release makes them.

    Others may be there: an operator's index, what ANALYZE counts.
    """
    if not tx.is_sqlite:
        return
    found = _texts(tx.connection)
    for name, made in sorted(_made().items()):
        if name not in found:
            yield Violation("schema_unchanged", NOBODY, name, "it is not there")
        elif found[name] != made:
            what = "its definition in the schema is not what the migrations wrote"
            yield Violation("schema_unchanged", NOBODY, name, what)


@cache  # it runs every migration
def _made() -> dict[str, list[tuple[str, str, str]]]:
    """Return the schema of an empty state of this release."""
    engine = sa.create_engine("sqlite://")
    try:
        with engine.begin() as empty:
            migrations.upgrade(empty)
            return _texts(empty)
    finally:
        engine.dispose()


def _texts(connection: sa.Connection) -> dict[str, list[tuple[str, str, str]]]:
    """Return by name what stands in the schema, without how it is broken into lines and quoted."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for kind, name, table, sql in connection.exec_driver_sql(_WRITTEN):
        text = "" if sql is None else " ".join(sql.decode("utf-8", "replace").split())
        found.setdefault(name, []).append((kind, table, text.replace('"', "")))
    return found
