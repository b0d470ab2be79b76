from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from state.sample_rows import HASHED, sample

from sendopt.errors import Conflict
from sendopt.records import SendId, Slot, TenantId, UserId
from sendopt.state import State, check_version, migrate, migrations, plans, users
from sendopt.state.tables import metadata
from sendopt.state.unchanged import changed


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a state without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    url: str = request.getfixturevalue("postgres_database")
    return url


@pytest.fixture
def empty(empty_url: str) -> Iterator[State]:
    with closing(State(empty_url)) as state:
        yield state


def tables(state: State) -> set[str]:
    return set(sa.inspect(state.engine).get_table_names())


def test_migrations_build_exactly_the_tables_that_the_code_uses(empty: State) -> None:
    migrate(empty)
    with empty.read_fleet() as tx:
        assert compare_metadata(MigrationContext.configure(tx.connection), metadata) == []
    indexes = {
        index["name"]
        for table in metadata.tables
        for index in sa.inspect(empty.engine).get_indexes(table)
    }
    assert {index.name for table in metadata.tables.values() for index in table.indexes} <= indexes


def test_the_versions_are_the_chain_that_alembic_walks() -> None:
    chain = ScriptDirectory(str(Path(migrations.__file__).parent)).walk_revisions()
    assert tuple(script.revision for script in chain) == migrations.VERSIONS


def test_migrating_again_changes_nothing(state: State, now: datetime) -> None:
    with state.write(TenantId("shop")) as tx:
        users.ensure(tx, UserId("ann"), now=now)
    migrate(state)
    check_version(state)
    with state.read(TenantId("shop")) as tx:
        assert [user.user_id for user in users.everyone(tx)] == ["ann"]


def test_a_send_of_the_first_release_is_read_as_it_was_written(empty: State, now: datetime) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with empty.write_fleet() as tx:
        config.attributes["connection"] = tx.connection
        command.upgrade(config, "0001")
        tx.execute(
            sa.text(
                "INSERT INTO planned_send (tenant_id, send_id, campaign_id, variant_id, user_id,"
                " channel, state, planned_at)"
                " VALUES ('shop', 's_1', 'sale', 'plain', 'ann', 'simulator', 'planned', 0)"
            )
        )
        tx.execute(
            sa.text(
                "INSERT INTO decision (tenant_id, send_id, slots, propensity, policy, timezone,"
                " timezone_source) VALUES ('shop', 's_1', :slots, 1, 'greedy', 'UTC', 'tenant')"
            ),
            {"slots": json.dumps([[now.isoformat(), 0.25, None]])},
        )
    migrate(empty)
    check_version(empty)
    with empty.read(TenantId("shop")) as tx:
        stored = plans.get_send(tx, SendId("s_1"))
    assert stored.send.arm is None
    assert stored.decision.slots == (Slot(now, 0.25),)
    assert (stored.decision.served_by, stored.decision.explored) == (None, None)


def test_rows_of_before_their_hashes_are_hashed_as_they_are(empty: State) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with empty.write_fleet() as tx:
        config.attributes["connection"] = tx.connection
        command.upgrade(config, "0005")
        found = sa.inspect(tx.connection)
        of_then = [table for table in HASHED if found.has_table(table.name)]
        for table in of_then:
            columns = [
                table.c[name]
                if (name := each["name"]) in table.c
                else sa.column(name, each["type"])
                for each in found.get_columns(table.name)
                if each["name"] != "sequence"
            ]
            then = sa.table(table.name, *(sa.column(each.name, each.type) for each in columns))
            rows = [{each.name: sample(each, number) for each in columns} for number in (1, 2, 3)]
            tx.execute(sa.insert(then), rows)
    migrate(empty)
    with empty.read_fleet() as tx:
        for table in of_then:
            assert list(changed(tx, table)) == []
            assert tx.scalar(sa.select(sa.func.count()).select_from(table)) == 3


MIGRATOR = """
    import sys
    from sendopt.state import State, migrate

    print("ready", flush=True)
    sys.stdin.readline()
    migrate(State(sys.argv[1]))
"""


def test_processes_may_migrate_at_once(empty_url: str) -> None:
    command = [sys.executable, "-c", textwrap.dedent(MIGRATOR), empty_url]
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(3)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    with closing(State(empty_url)) as state:
        check_version(state)


@pytest.mark.parametrize("statement", [1, 7, 20])
def test_a_migration_that_breaks_off_leaves_nothing_behind(empty: State, statement: int) -> None:
    created = 0

    def break_off(*told: Any) -> None:
        nonlocal created
        created += told[2].lstrip().upper().startswith("CREATE")
        if created > statement:
            raise ZeroDivisionError

    sa.event.listen(empty.engine, "before_cursor_execute", break_off)
    with pytest.raises(ZeroDivisionError):
        migrate(empty)
    sa.event.remove(empty.engine, "before_cursor_execute", break_off)
    assert tables(empty) == set()
    migrate(empty)
    check_version(empty)


def test_an_empty_state_is_not_served(empty: State) -> None:
    with pytest.raises(Conflict) as refused:
        check_version(empty)
    assert refused.value.code == "schema_older"


def test_a_state_of_a_newer_release_is_left_alone(state: State) -> None:
    with state.write_fleet() as tx:
        tx.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    for attempt in (check_version, migrate):
        with pytest.raises(Conflict) as refused:
            attempt(state)
        assert refused.value.code == "schema_newer"
