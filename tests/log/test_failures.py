"""Whatever becomes of stores and disks leaves the log as an explained failure, and passes."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from log.servers import Postgres
from waiting import wait_until

from sendopt.errors import LeaseHeld, StoreFailure
from sendopt.log import Log, LogLocation, event_table, lease
from sendopt.log.statements import failures
from sendopt.records import Event, TenantId

SHOP = TenantId("shop")
COUNT = "select count(*) as n from event"


def test_a_folder_in_the_place_of_the_lease_is_explained_and_passes(
    local_log: Log, an_event: Callable[..., Event]
) -> None:
    lease = Path(f"{local_log.location.catalog}.append")
    lease.unlink(missing_ok=True)
    lease.mkdir()
    with pytest.raises(StoreFailure) as failure, local_log.appender():
        pass
    assert failure.value.code == "disk_failed"
    lease.rmdir()
    with local_log.appender() as appender:
        assert appender.append(SHOP, event_table([an_event()])).accepted == 1


@pytest.mark.parametrize("kept", ["local_log", "fleet_log"])
def test_nobody_waits_without_end_for_a_right_whose_holder_hangs(
    kept: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: Log = request.getfixturevalue(kept)
    monkeypatch.setattr(lease, "PATIENCE", timedelta(milliseconds=50))
    told = pytest.raises(LeaseHeld, match=f"process {os.getpid()} holds")
    with log.exclusively("promote"), told, log.exclusively("promote"):
        pass
    with log.exclusively("promote"):
        pass


def test_a_disk_that_takes_no_data_file_is_explained_and_nothing_is_stored(
    local_log: Log, an_event: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    rows = event_table([an_event(event_id=f"e{number}") for number in range(2_000)])
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(StoreFailure) as failure, local_log.appender() as appender:
            appender.append(SHOP, rows)
    assert failure.value.code == "disk_full"
    with local_log.appender() as appender:
        assert appender.append(SHOP, rows).accepted == 2_000


def test_a_catalog_that_is_a_folder_is_explained(tmp_path: Path) -> None:
    (tmp_path / "log.sqlite").mkdir()
    with closing(Log(LogLocation(str(tmp_path / "log.sqlite"), str(tmp_path / "data")))) as log:
        with pytest.raises(StoreFailure):
            log.migrate()
        with pytest.raises(StoreFailure):
            log.high_water_mark()


@pytest.mark.parametrize("kept", [0, 4096], ids=["header", "pages"])
def test_a_catalog_that_is_not_what_was_written_is_damaged(local_log: Log, kept: int) -> None:
    local_log.close()
    catalog = Path(local_log.location.catalog)
    whole = catalog.read_bytes()
    catalog.write_bytes(whole[:kept] + os.urandom(len(whole) - kept))
    with (
        closing(Log(local_log.location)) as log,
        pytest.raises(StoreFailure, match=r"corrupt-file\.md") as failure,
    ):
        log.high_water_mark()
    assert failure.value.code == "store_damaged"


def test_a_full_disk_is_named_where_duckdb_quotes_the_system() -> None:
    with (
        closing(duckdb.connect(config={"threads": 1})) as connection,
        pytest.raises(StoreFailure) as failure,
        failures("copy"),
    ):
        connection.execute(
            "copy (from range(100000)) to '/dev/full' (format csv, use_tmp_file false)"
        )
    assert failure.value.code == "disk_full"


@pytest.mark.parametrize(
    ("free", "flags", "code"), [(0, 0, "disk_full"), (2**20, os.ST_RDONLY, "disk_read_only")]
)
def test_a_catalog_that_cannot_be_opened_is_named_by_its_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, flags: int, code: str
) -> None:
    (tmp_path / "log.sqlite").mkdir()
    found = os.statvfs_result((4096, 4096, free, free, free, 9, 9, 9, flags, 255))
    monkeypatch.setattr(os, "statvfs", lambda _folder: found)
    location = LogLocation(str(tmp_path / "log.sqlite"), str(tmp_path / "data"))
    with closing(Log(location)) as log, pytest.raises(StoreFailure) as failure:
        log.high_water_mark()
    assert failure.value.code == code


def test_a_fatal_error_costs_those_whom_it_meets_one_try_and_pulls_no_reader_away(
    local_log: Log, an_event: Callable[..., Event]
) -> None:
    with local_log.appender() as appender:
        appender.append(SHOP, event_table([an_event()]))
    with local_log.reader(SHOP) as before:
        with pytest.raises(StoreFailure), local_log.reader(SHOP):
            raise StoreFailure("fatal", statement="any") from duckdb.FatalException("fatal")
        with local_log.reader(SHOP) as after:
            assert after._connection is not before._connection
            for reader in (before, after):
                assert reader.query("count", COUNT)["n"].to_pylist() == [1]


def test_the_failure_of_a_block_is_not_hidden_by_what_cannot_be_undone_after_it(
    local_log: Log,
) -> None:
    def fail_without_a_connection() -> None:
        with local_log.appender() as appender:
            appender._connection.close()
            raise LeaseHeld("the first")

    with pytest.raises(LeaseHeld, match="the first"):
        fail_without_a_connection()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_eight_readers_and_an_appender_outlive_every_restart_of_their_catalog(
    tmp_path: Path, an_event: Callable[..., Event]
) -> None:
    stop, ways_out = threading.Event(), Counter[str]()
    with Postgres() as server, closing(Log(LogLocation(server.url, str(tmp_path)))) as log:
        log.migrate()
        with log.appender() as appender:
            rows = [an_event(event_id=f"first-{number}") for number in range(2_000)]
            appender.append(SHOP, event_table(rows))
        done = Counter[str]()

        def again_and_again(who: str, work: Callable[[int], None]) -> None:
            turn = 0
            while not stop.is_set():
                turn += 1
                try:
                    work(turn)
                    done[who] += 1
                except StoreFailure:
                    stop.wait(0.05)
                except BaseException as raw:  # noqa: BLE001 - what must not come
                    ways_out[type(raw).__name__] += 1

        def read(_turn: int) -> None:
            with log.reader(SHOP) as reader:
                assert reader.query("count", COUNT)["n"][0].as_py() >= 2_000

        def append(turn: int) -> None:
            with log.appender() as appender:
                appender.append(SHOP, event_table([an_event(event_id=f"later-{turn}")]))

        jobs = {f"reader {number}": read for number in range(8)} | {"appender": append}
        threads = [threading.Thread(target=again_and_again, args=job) for job in jobs.items()]
        for thread in threads:
            thread.start()
        for _ in range(10):
            server.kill()
            server.start()
            done.clear()
            wait_until(lambda: jobs.keys() <= done.keys(), "everybody to be served again")
        stop.set()
        for thread in threads:
            thread.join()
        assert ways_out == {}
        with log.reader(SHOP) as reader:
            once = reader.query("ids", "select count(*) - count(distinct event_id) as n from event")
            assert once["n"].to_pylist() == [0]
