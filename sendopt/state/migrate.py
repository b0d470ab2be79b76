"""Brings the tables of a state to this release's form: forward only, all or nothing."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from sendopt.errors import Conflict
from sendopt.state.engine import State, Transaction

_MIGRATIONS = Path(__file__).parent / "migrations"

#: Any number will do, as long as every release of sendopt takes the same one.
_ADVISORY_LOCK = 0x73656E646F7074


def migrate(state: State) -> None:
    """Create or upgrade every table, in one transaction; do nothing where nothing is to be done.

    Two processes may call it at once: the second waits for the first, then finds the work done.

    Raises:
        Conflict: `schema_newer`, where a newer release has already upgraded this state.
    """
    with state.read() as tx:
        if _check_known(_version(tx)) == _newest():
            return
    with state.write() as tx:
        if tx.dialect.name == "postgresql":
            # SQLite's writers exclude each other anyway; PostgreSQL's must agree to.
            tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        _check_known(_version(tx))
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = tx
        command.upgrade(config, "head")


def check_version(state: State) -> None:
    """Refuse a state whose tables are not those of this release.

    Raises:
        Conflict: `schema_older`, or `schema_newer` since another process upgraded the state.
    """
    with state.read() as tx:
        version = _check_known(_version(tx))
    if version != _newest():
        raise Conflict(
            "the tables of this state are older than this release",
            code="schema_older",
            expected=f"version {_newest()}, found {version or 'none'}",
            hint="restart this process; it upgrades them before it serves",
        )


def _check_known(version: str | None) -> str | None:
    """Return `version` if this release can start from it; None is an empty state.

    Raises:
        Conflict: `schema_newer`.
    """
    if version is not None and version not in _revisions():
        raise Conflict(
            "a newer release has upgraded the tables of this state",
            code="schema_newer",
            expected=f"version {_newest()}, found {version}",
            hint="upgrade sendopt; tables are never taken back",
        )
    return version


def _version(tx: Transaction) -> str | None:
    return MigrationContext.configure(tx).get_current_revision()


def _newest() -> str:
    return _revisions()[0]


@cache
def _revisions() -> tuple[str, ...]:
    """Return every version that this release knows, the newest first."""
    scripts = ScriptDirectory(str(_MIGRATIONS))
    return tuple(script.revision for script in scripts.walk_revisions())
