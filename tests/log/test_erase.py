"""Events of users who were erased are in no file and no snapshot any more; all others are."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sendopt.errors import LeaseHeld
from sendopt.log import (
    KEPT_SCHEMA,
    Appender,
    ErasedEvents,
    Log,
    LogLocation,
    event_table,
)
from sendopt.log import append as append_module
from sendopt.log.erase import LogEraser
from sendopt.records import Event, EventType, SendId, TenantId, UserId

SHOP, BANK = TenantId("shop"), TenantId("bank")
ANN = UserId("zz canary 'é\" %_ \U0001f600")  # the last of all in the order of ids
NEW = UserId("erased-0123")
AT = datetime.fromisoformat("2026-09-01T10:00:00+00:00")


def an_event(number: int, user: UserId, *, of_send: bool = False) -> Event:
    return Event(
        event_id=f"s_{number}:send" if of_send else f"e{number}",
        user_id=user,
        event_type=EventType.SEND if of_send else EventType.SESSION,
        occurred_at=AT + timedelta(seconds=number),
        send_id=SendId(f"s_{number}") if of_send else None,
        attributes={"said by": user},
    )


@pytest.fixture
def log(local_log: Log) -> Log:
    return local_log


@contextmanager
def appending(log: Log) -> Iterator[Appender]:
    """Hold the right to append; a server takes a moment to notice that a session has let it go."""
    with ExitStack() as held:
        for attempt in range(100):
            try:
                appender = held.enter_context(log.appender())
                break
            except LeaseHeld:
                if attempt == 99:
                    raise
                threading.Event().wait(0.05)
        yield appender


def append(log: Log, tenant_id: TenantId, events: Sequence[Event]) -> None:
    with appending(log) as appender:
        appender.append(tenant_id, event_table(events))


def fill(log: Log) -> dict[str, int]:
    """Append to both tenants, large and small, with merges between; name two snapshots."""
    named = {}
    for tenant_id in (SHOP, BANK):
        others = [an_event(number, UserId(f"u{number % 7}")) for number in range(1_500)]
        hers = [an_event(2_000 + number, ANN, of_send=number % 2 == 0) for number in range(10)]
        append(log, tenant_id, others + hers)
    named["first"] = log.name_snapshot("model first")
    append(log, SHOP, [an_event(3_000, ANN), an_event(3_001, UserId("u1"))])
    append(log, BANK, [an_event(3_000, ANN)])
    with appending(log) as appender:
        appender.compact()
    named["second"] = log.name_snapshot("model second")
    append(log, SHOP, [an_event(4_000, ANN), an_event(4_001, UserId("u2"))])
    append(log, SHOP, [an_event(number, UserId("u3")) for number in range(5_000, 6_200)])
    return named


def erase(log: Log, users: Sequence[UserId] = (ANN,)) -> ErasedEvents:
    """Erase users of the shop, of whose sends the even ones stay under a pseudonym."""
    kept = [
        {
            "user_id_before": user,
            "event_id_before": f"s_{number}:send",
            **event_table([Event(f"n_{number}:send", NEW, EventType.SEND, AT)]).to_pylist()[0],
        }
        for user in users[:1]
        for number in range(2_000, 2_010, 2)
    ]
    with appending(log) as appender:
        report = appender.erase_users(
            SHOP,
            erased=pa.table({"user_id": pa.array(users, pa.string())}),
            kept=pa.Table.from_pylist(kept, KEPT_SCHEMA),
        )
    log.renew()
    return report


def events(log: Log, tenant_id: TenantId, snapshot: int | None = None) -> list[dict[str, object]]:
    with log.checked_reader(tenant_id, snapshot=snapshot) as reader:
        rows = reader.query("all", "select * from event order by event_id")
        found: list[dict[str, object]] = rows.to_pylist()
        return found


def parquet_rows(folder: Path) -> list[dict[str, object]]:
    """All rows of all files, whether or not the catalog names them."""
    return [
        row
        for file in folder.rglob("*")
        if file.is_file()
        for row in pq.ParquetFile(file).read().to_pylist()
    ]


def test_one_user_is_in_no_snapshot_any_more_and_all_others_are(log: Log) -> None:
    named = fill(log)
    before = {at: events(log, SHOP, snapshot) for at, snapshot in [*named.items(), ("now", None)]}
    of_bank = events(log, BANK)

    report = erase(log)

    assert report == ErasedEvents(removed=7, kept=5, files=2)
    for at, snapshot in [*named.items(), ("now", None)]:
        rows = events(log, SHOP, snapshot)
        assert [row for row in rows if row["user_id"] != NEW] == [
            row for row in before[at] if row["user_id"] != ANN
        ]
        hers = [row for row in rows if row["user_id"] == NEW]
        assert [row["event_id"] for row in hers] == [
            f"n_{number}:send" for number in range(2_000, 2_010, 2)
        ]
    assert events(log, BANK) == of_bank
    assert log.look_at_files().damaged == ()
    assert log.look_at_files().unsealed == ()


def test_a_catalog_in_postgresql_is_rewritten_alike(postgres_database: str, tmp_path: Path) -> None:
    with closing(Log(LogLocation(postgres_database, str(tmp_path / "data")))) as log:
        log.migrate()
        test_one_user_is_in_no_snapshot_any_more_and_all_others_are(log)


def test_no_file_holds_her(log: Log) -> None:
    fill(log)
    erase(log)
    shop = Path(log.location.data) / "main" / "event" / "tenant_id=shop"
    rows = parquet_rows(shop)
    assert rows
    assert not [row for row in rows if ANN in map(str, row.values())]
    assert not [file for file in shop.rglob("*") if ANN.encode() in file.read_bytes()]


def test_what_comes_later_is_told_from_what_was_there(log: Log) -> None:
    named = fill(log)
    erase(log)
    append(log, SHOP, [an_event(7_000, UserId("u5")), an_event(3, UserId("u3"))])
    with log.reader(SHOP) as reader:
        assert reader.users_appended_after(named["second"]).to_pylist() == ["u2", "u3", "u5"]
    with log.checked_reader(SHOP) as reader:
        count = reader.query("count", "select count(*) as n from event")["n"][0].as_py()
    assert count == 1_500 + 5 + 1 + 1 + 1_200 + 1
    with appending(log) as appender:
        appender.compact()
    assert len(events(log, SHOP)) == count


def test_done_twice_it_does_nothing_the_second_time(log: Log) -> None:
    fill(log)
    erase(log)
    before = events(log, SHOP)
    assert erase(log) == ErasedEvents()
    assert events(log, SHOP) == before


def test_of_a_user_alone_in_a_file_the_file_goes(log: Log) -> None:
    append(log, SHOP, [an_event(number, UserId("u1")) for number in range(1_100)])
    append(log, SHOP, [an_event(10_000 + number, ANN) for number in range(1_100)])
    assert erase(log).removed == 1_100
    assert len(events(log, SHOP)) == 1_100
    append(log, SHOP, [an_event(20_000, UserId("u9"))])
    assert len(events(log, SHOP)) == 1_101


def test_many_at_once_are_one_rewriting(log: Log) -> None:
    fill(log)
    assert erase(log, [ANN, *(UserId(f"u{number}") for number in range(6))]) == ErasedEvents(
        removed=7 + 1_286 + 2 + 1_200, kept=5, files=3
    )
    assert {row["user_id"] for row in events(log, SHOP)} == {"u6", NEW}


def test_what_killed_processes_left_is_looked_through(log: Log) -> None:
    fill(log)
    folder = Path(log.location.data) / "main" / "event" / "tenant_id=shop"
    left = next(folder.glob("*.parquet"))
    (folder / "left.parquet").write_bytes(left.read_bytes())
    (folder / "torn.parquet").write_bytes(left.read_bytes()[: left.stat().st_size // 2])
    erase(log)
    assert not (folder / "torn.parquet").exists()
    assert ANN not in pq.ParquetFile(folder / "left.parquet").read()["user_id"].to_pylist()


class Killed(Exception):
    pass


@pytest.mark.parametrize(
    "died_before",
    [
        "sealing",
        pytest.param("naming", marks=pytest.mark.slow),
        pytest.param("deleting", marks=pytest.mark.slow),
    ],
)
def test_a_process_that_dies_leaves_the_old_log_or_the_new_one(
    log: Log, died_before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_args: object, **_named: object) -> None:
        raise Killed

    fill(log)
    before = len(events(log, SHOP))
    with monkeypatch.context() as patched:
        match died_before:
            case "sealing":
                patched.setattr(append_module, "write_seals", die)
            case "naming":
                patched.setattr(LogEraser, "replace", die)
            case "deleting":
                patched.setattr(LogEraser, "delete_superseded", die)
        with pytest.raises(Killed):
            erase(log)
    log.renew()
    assert len(events(log, SHOP)) == (before - 7 if died_before == "deleting" else before)
    erase(log)
    assert len(events(log, SHOP)) == before - 7
    with closing(sqlite3.connect(log.location.catalog)) as catalog:
        waiting = catalog.execute("select count(*) from ducklake_files_scheduled_for_deletion")
        assert waiting.fetchone() == (0,)
    assert log.look_at_files().damaged == ()
