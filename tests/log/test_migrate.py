"""The schema moves forward only, keeps what is there, and moves whole steps."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sendopt.errors import StoreFailure
from sendopt.log import Log, LogLocation, event_table
from sendopt.log.connect import attached
from sendopt.log.migrate import Migration, applied_version, migrate, shipped
from sendopt.log.statements import run
from sendopt.records import Event, TenantId

SHOP = TenantId("shop")


def version(log: Log) -> int:
    with (
        log._instances.use() as instance,
        attached(instance.connection, log.location, read_only=True) as (connection, _lake),
    ):
        return applied_version(connection)


def migrate_to(log: Log, migrations: Sequence[Migration]) -> None:
    with log._instances.use() as instance:
        migrate(instance.connection, log.location, migrations)


@pytest.mark.parametrize("older", range(1, shipped()[-1].version))
def test_a_log_of_every_older_version_is_upgraded_with_its_events(
    local: LogLocation, an_event: Callable[..., Event], older: int
) -> None:
    with contextlib.closing(Log(local)) as log:
        migrate_to(log, shipped()[:older])
        assert version(log) == older
        row = event_table([an_event()]).to_pylist()[0]
        with (
            log._instances.use() as instance,
            attached(instance.connection, local, read_only=False) as (connection, lake),
        ):
            run(
                connection,
                "insert",
                f"""
                insert into {lake}.event
                    (tenant_id, event_id, user_id, event_type, occurred_at, attributes)
                values ('shop', $event_id, $user_id, $event_type, $occurred_at, $attributes)
                """,
                {
                    name: row[name]
                    for name in ("event_id", "user_id", "event_type", "occurred_at", "attributes")
                },
            )
        log.migrate()
        assert version(log) == shipped()[-1].version
        with log.appender() as appender:
            assert appender.append(SHOP, event_table([an_event()])).repeated == 1


def test_migrating_again_changes_nothing(local_log: Log) -> None:
    with local_log.reader(SHOP) as before:
        pass
    local_log.migrate()
    with local_log.reader(SHOP) as after:
        assert after.snapshot == before.snapshot


def test_a_migration_that_fails_leaves_the_version_before(local_log: Log) -> None:
    last = shipped()[-1].version
    broken = Migration(last + 1, "broken", "create table half (n integer); select * from nowhere;")
    with pytest.raises(StoreFailure) as failure:
        migrate_to(local_log, (*shipped(), broken))
    assert failure.value.statement == f"{last + 1:04}_broken"
    assert version(local_log) == last
    mended = Migration(last + 1, "mended", "create table half (n integer);")
    migrate_to(local_log, (*shipped(), mended))
    assert version(local_log) == last + 1


def test_versions_are_numbered_without_gaps() -> None:
    assert [step.version for step in shipped()] == list(range(1, len(shipped()) + 1))


def test_a_log_may_be_moved(local_log: Log, an_event: Callable[..., Event], tmp_path: Path) -> None:
    with local_log.appender() as appender:
        appender.append(SHOP, event_table([an_event(f"e{n}") for n in range(1_500)]))
    local_log.close()
    shutil.copytree(Path(local_log.location.catalog).parent, tmp_path / "elsewhere")
    shutil.rmtree(local_log.location.data)
    moved = LogLocation(
        str(tmp_path / "elsewhere" / "log.sqlite"), str(tmp_path / "elsewhere" / "log-data")
    )
    with contextlib.closing(Log(moved)) as log, log.appender() as appender:
        batch = event_table([an_event("e0")])
        assert appender.append(SHOP, batch).repeated == 1


def test_no_log_begins_where_another_one_keeps_its_files_in_an_object_store(
    fleet_log: Log,
    an_event: Callable[..., Event],
    database: Callable[..., contextlib.AbstractContextManager[str]],
) -> None:
    with fleet_log.appender() as appender:
        appender.append(SHOP, event_table([an_event(f"e{number}") for number in range(1_200)]))
    with database() as url:
        other = dataclasses.replace(fleet_log.location, catalog=url)
        with contextlib.closing(Log(other)) as log, pytest.raises(StoreFailure) as refused:
            log.migrate()
        assert refused.value.code == "catalog_lost"
        elsewhere = dataclasses.replace(other, data=f"{other.data}-of-its-own")
        with contextlib.closing(Log(elsewhere)) as log:
            log.migrate()
            assert log.high_water_mark() == 0


def test_an_empty_catalog_beside_data_files_begins_no_new_log(
    local_log: Log, an_event: Callable[..., Event]
) -> None:
    events = event_table([an_event(f"e{number}") for number in range(1_200)])
    with local_log.appender() as appender:
        appender.append(SHOP, events)
    local_log.close()
    catalog = Path(local_log.location.catalog)
    kept = catalog.read_bytes()
    catalog.write_bytes(b"")
    for _ in range(2):
        with (
            contextlib.closing(Log(local_log.location)) as log,
            pytest.raises(StoreFailure) as refused,
        ):
            log.migrate()
        assert refused.value.code == "catalog_lost"
    catalog.write_bytes(kept)
    with contextlib.closing(Log(local_log.location)) as log:
        log.migrate()
        with log.checked_reader(SHOP) as reader:
            assert reader.held().count == 1_200
