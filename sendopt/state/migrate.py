"""Brings the tables of a state to this release's form: forward only, all or nothing."""

from __future__ import annotations

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
    """Create or upgrade every table. Does nothing where nothing is to be done.

    Two processes may call it at once: the second waits for the first, then finds the work done.

    Raises:
        Conflict: `schema_newer`, where a newer release has already upgraded this state.
    """
    with state.write() as tx:
        if tx.dialect.name == "postgresql":
            # SQLite's writers exclude each other anyway; PostgreSQL's must agree to.
            tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
        if _version(tx) not in _known_versions():
            raise _newer()
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        config.attributes["connection"] = tx
        command.upgrade(config, "head")


def check_version(state: State) -> None:
    """Refuse a state whose tables are not those of this release.

    Raises:
        Conflict: `schema_older` (upgrade it) or `schema_newer` (upgrade sendopt).
    """
    with state.read() as tx:
        version = _version(tx)
    known = _known_versions()
    if version not in known:
        raise _newer()
    if version != known[0]:
        raise Conflict(
            "the tables of this state are older than this release",
            code="schema_older",
            expected=f"version {known[0]}, found {version or 'none'}",
            hint="run `sendopt migrate`",
        )


def _version(tx: Transaction) -> str | None:
    return MigrationContext.configure(tx).get_current_revision()


def _known_versions() -> list[str | None]:
    """Every version that this release can start from, the newest first; None is an empty state."""
    scripts = ScriptDirectory(str(_MIGRATIONS))
    return [*(script.revision for script in scripts.walk_revisions()), None]


def _newer() -> Conflict:
    return Conflict(
        "a newer release has upgraded the tables of this state",
        code="schema_newer",
        hint="upgrade sendopt; tables are never taken back",
    )
