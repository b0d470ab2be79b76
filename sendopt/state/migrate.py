"""Brings the tables of a state to this release's form: forward only, all or nothing."""

from __future__ import annotations

import sqlalchemy as sa

from sendopt.errors import Conflict
from sendopt.state import migrations
from sendopt.state.engine import State
from sendopt.state.transaction import Transaction

_VERSION = sa.table("alembic_version", sa.column("version_num"))
_NEWEST = migrations.VERSIONS[0]

#: Any number will do, as long as every release of sendopt takes the same one.
_ADVISORY_LOCK = 0x73656E646F7074


def migrate(state: State) -> None:
    """Create or upgrade every table, in one transaction; do nothing where nothing is to be done.

    Two processes may call it at once: the second waits for the first, then finds the work done.

    Raises:
        Conflict: `schema_newer`, where a newer release has already upgraded this state.
    """
    with state.read_fleet() as tx:
        if _check_known(schema_version(tx)) == _NEWEST:
            return
    with state.write_fleet() as tx:
        if not tx.is_sqlite:
            # SQLite's writers exclude each other anyway; PostgreSQL's must agree to.
            tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        _check_known(schema_version(tx))
        migrations.upgrade(tx.connection)


def check_version(state: State) -> None:
    """Refuse a state whose tables are not those of this release.

    Raises:
        Conflict: `schema_older`, or `schema_newer` since another process upgraded the state.
    """
    with state.read_fleet() as tx:
        version = _check_known(schema_version(tx))
    if version != _NEWEST:
        raise Conflict(
            "the tables of this state are older than this release",
            code="schema_older",
            expected=f"version {_NEWEST}, found {version or 'none'}",
            hint="restart this process; it upgrades them before it serves",
        )


def _check_known(version: str | None) -> str | None:
    """Return `version` if this release can start from it; None is an empty state.

    Raises:
        Conflict: `schema_newer`.
    """
    if version is not None and version not in migrations.VERSIONS:
        raise Conflict(
            "a newer release has upgraded the tables of this state",
            code="schema_newer",
            expected=f"version {_NEWEST}, found {version}",
            hint="upgrade sendopt; tables are never taken back",
        )
    return version


def schema_version(tx: Transaction) -> str | None:
    """Return the version of the tables as Alembic notes it; None is an empty state."""
    if not sa.inspect(tx.connection).has_table(_VERSION.name):
        return None
    return tx.scalar(sa.select(_VERSION.c.version_num))
