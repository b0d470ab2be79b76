"""Nothing in the log that was changed is read as if it were what was appended."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from sendopt.errors import StoreFailure
from sendopt.liveness import in_background
from sendopt.log import Log, LogLocation, event_table
from sendopt.log.connect import attached, connected
from sendopt.log.migrate import migrate, shipped
from sendopt.log.sealing import sum_of
from sendopt.log.statements import run
from sendopt.records import Event, TenantId

SHOP, RIVAL = TenantId("shop"), TenantId("a rival/1")


@pytest.fixture
def many(an_event: Callable[..., Event]) -> Callable[[int, str], pa.Table]:
    """Makes that many events; more than 1,000 make a file, fewer stay in the catalog."""
    return lambda count, name: event_table(
        [an_event(event_id=f"{name}{number}", attributes={"n": number}) for number in range(count)]
    )


def flip(file: Path, position: int) -> None:
    content = bytearray(file.read_bytes())
    content[position] ^= 1
    file.write_bytes(content)


def data_of(log: Log, tenant: str) -> list[Path]:
    return sorted(Path(log.location.data).rglob(f"tenant_id={tenant}/*.parquet"))


def read(log: Log, tenant_id: TenantId) -> int:
    with log.reader(tenant_id) as reader:
        return int(reader.query("all", "select count(*) as n from event")["n"][0].as_py())


def test_a_file_has_its_hash_whichever_way_it_came_in(
    log: Log, many: Callable[[int, str], pa.Table], an_event: Callable[..., Event]
) -> None:
    with log.appender() as appender:
        appender.append(SHOP, many(1_001, "imported"))
        appender.append_outbox(
            [(n, RIVAL, an_event(event_id=f"copied{n}")) for n in range(1, 1_500)]
        )
    assert (log.look_at_files().file_count, log.look_at_files().unsealed) == (2, ())
    with log.appender() as appender:
        appender.append(SHOP, many(3, "few"))
        appender.compact()
    report = log.look_at_files()
    assert report.file_count > 2
    assert (report.damaged, report.unsealed) == ((), ())
    with log.checked_reader(SHOP) as reader:
        assert reader.held().count == 1_004


def test_whoever_reads_another_tenant_waits_for_no_file_that_is_being_checked(
    local_log: Log, many: Callable[[int, str], pa.Table]
) -> None:
    with local_log.appender() as appender:
        appender.append(SHOP, many(1_001, "a"))
        appender.append(RIVAL, many(1_001, "a"))
    (file,) = data_of(local_log, "shop")
    file.unlink()
    os.mkfifo(file)  # whoever reads it waits until it is written to
    refused = in_background(lambda: read(local_log, SHOP), name="shop")
    writing = in_background(lambda: file.open("wb"), name="slow disk").result(60)  # it is read now
    assert in_background(lambda: read(local_log, RIVAL), name="rival").result(60) == 1_001
    assert not refused.done()
    writing.close()
    with pytest.raises(StoreFailure, match="cannot be read"):
        refused.result(60)


def test_a_changed_file_is_named_and_not_read(
    local_log: Log, many: Callable[[int, str], pa.Table]
) -> None:
    with local_log.appender() as appender:
        appender.append(SHOP, many(2_000, "a"))
        appender.append(RIVAL, many(2_000, "a"))
    (file,) = data_of(local_log, "shop")
    flip(file, 1_000)
    for open_reader in (local_log.reader, local_log.checked_reader):
        with pytest.raises(StoreFailure, match="was changed since") as refused, open_reader(SHOP):
            pass
        assert refused.value.code == "log_damaged"
        assert file.name in str(refused.value)
        assert "docs/runbooks/corrupt-file.md" in str(refused.value)
    assert read(local_log, RIVAL) == 2_000
    (damage,) = local_log.look_at_files().damaged
    assert (damage.tenant_id, damage.path.rpartition("/")[2]) == (SHOP, file.name)


@pytest.mark.parametrize("wrong", ["missing", "cut", "of another tenant"])
def test_a_file_that_is_not_the_one_that_was_written_is_refused(
    local_log: Log, many: Callable[[int, str], pa.Table], wrong: str
) -> None:
    with local_log.appender() as appender:
        appender.append(SHOP, many(2_000, "a"))
        appender.append(RIVAL, many(2_000, "b"))
    (file,) = data_of(local_log, "shop")
    assert read(local_log, SHOP) == 2_000
    if wrong == "missing":
        file.unlink()
    elif wrong == "cut":
        file.write_bytes(file.read_bytes()[:-100])
    else:
        (other,) = data_of(local_log, "a%20rival%2F1")
        file.write_bytes(other.read_bytes())
    with pytest.raises(StoreFailure, match=file.name) as refused:
        read(local_log, SHOP)
    assert refused.value.code == "log_damaged"


def test_rows_that_the_catalog_holds_itself_are_compared_before_a_training(
    local_log: Log, many: Callable[[int, str], pa.Table]
) -> None:
    with local_log.appender() as appender:
        appender.append(SHOP, many(3, "few"))
        appender.append(RIVAL, many(3, "few"))
    local_log.close()
    with contextlib.closing(sqlite3.connect(local_log.location.catalog)) as catalog:
        (table,) = catalog.execute(
            "select held.table_name from ducklake_inlined_data_tables held "
            "join ducklake_table using (table_id) where ducklake_table.table_name = 'event'"
        ).fetchone()[:1]
    with contextlib.closing(sqlite3.connect(local_log.location.catalog)) as catalog:
        changed = catalog.execute(
            f"update {table} set attributes = '{{\"n\":2}}' "
            "where event_id = 'few1' and tenant_id = 'shop'"
        )
        assert changed.rowcount == 1
        catalog.commit()
    with (
        pytest.raises(StoreFailure, match="its catalog was changed") as refused,
        local_log.checked_reader(SHOP),
    ):
        pass
    assert refused.value.code == "log_damaged"
    with local_log.checked_reader(RIVAL) as reader:
        assert reader.held().count == 3


def test_what_an_earlier_release_appended_is_summed_up_by_the_upgrade_and_hashed_when_scrubbed(
    local: LogLocation, many: Callable[[int, str], pa.Table]
) -> None:
    with contextlib.closing(Log(local)) as log:
        with (
            log._instances.use() as instance,
            attached(instance.connection, local, read_only=False) as (connection, lake),
        ):
            migrate(instance.connection, local, shipped()[:4])
            run(connection, "use", f"use {lake}")
            connection.register("given", many(1_500, "old"))
            connection.execute("insert into event by name select 'shop' as tenant_id, * from given")
            connection.execute("insert into batch values ('shop', 1500)")
            (before,) = connection.execute(f"select id from {lake}.current_snapshot()").fetchone()
        log.migrate()
        with log.appender() as appender:
            appender.append(SHOP, many(1_500, "new"))
        assert len(log.look_at_files().unsealed) == 1
        for snapshot in (before, None):
            with log.checked_reader(SHOP, snapshot=snapshot) as reader:
                assert reader.held().count == (3_000 if snapshot is None else 1_500)
        with log.appender() as appender:
            (sealed,) = appender.seal_unsealed()
        assert log.look_at_files().unsealed == ()
        flip(Path(local.data) / sealed, 1_000)
        with pytest.raises(StoreFailure, match="was changed since"):
            read(log, SHOP)


def test_this_version_of_duckdb_hashes_rows_as_those_that_are_stored(
    local_log: Log, an_event: Callable[..., Event]
) -> None:
    """A version that does not needs a migration that sums up anew."""
    event = an_event(event_id="e1", timezone="Europe/Vienna", propensity=0.25)
    rows = event_table([event]).add_column(0, "tenant_id", pa.array(["shop"]))
    with local_log._instances.use() as instance, connected(instance.connection) as connection:
        connection.register("given", rows)
        (found,) = connection.execute(f"select {sum_of()} from given").fetchall()
    assert found == (5292861617442378019,)
