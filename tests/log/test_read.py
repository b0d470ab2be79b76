"""A reader sees one tenant at one snapshot, and nothing around it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta
from itertools import islice, permutations
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from sendopt.errors import InvalidInput, NotFound, StoreFailure
from sendopt.log import EVENT_SCHEMA, Log, LogLocation, Reader, event_table, read
from sendopt.records import Event, EventType, SendId, TenantId, UserId

SHOP, BANK = TenantId("shop"), TenantId("bank")


def count(reader: Reader) -> int:
    total: int = reader.query("count", "select count(*) as n from event")["n"][0].as_py()
    return total


def test_a_reader_stays_at_its_snapshot_while_events_arrive(
    log: Log, an_event: Callable[..., Event]
) -> None:
    with log.appender() as appender:
        appender.append(SHOP, event_table([an_event("a")]))
        with log.reader(SHOP) as before:
            appender.append(SHOP, event_table([an_event(f"b{n}") for n in range(1_500)]))
            appender.append(SHOP, event_table([an_event("c")]))
            assert count(before) == 1
            with log.reader(SHOP) as after:
                assert count(after) == 1_502
                assert after.snapshot > before.snapshot
    with log.reader(SHOP, snapshot=before.snapshot) as again:
        assert count(again) == 1


def test_the_view_has_the_columns_of_the_contract(local_log: Log) -> None:
    with local_log.reader(SHOP) as reader:
        schema = reader.query("all", "select * from event").schema
    assert schema.names == EVENT_SCHEMA.names
    assert schema.types == EVENT_SCHEMA.types


@pytest.mark.parametrize(
    "sql",
    [
        "select * from every_tenants_lake_1.main.event",
        "select tenant_id from event",
        "select * from read_parquet('{data}/**/*.parquet')",
        "select * from read_csv('/etc/passwd')",
        "attach '{catalog}' as other",
        "insert into event (event_id) values ('forged')",
        "set enable_external_access = true",
        "set allow_unsigned_extensions = true",
        "copy event to '{home}/copy.csv'",
    ],
)
def test_sql_reaches_nothing_but_the_view(
    local_log: Log, an_event: Callable[..., Event], tmp_path: Path, sql: str
) -> None:
    with local_log.appender() as appender:
        appender.append(BANK, event_table([an_event("theirs")]))
    sql = sql.format(
        data=local_log.location.data, catalog=local_log.location.catalog, home=tmp_path.parent
    )
    with local_log.reader(SHOP) as reader, pytest.raises((StoreFailure, InvalidInput)):
        reader.query("probe", sql)


def test_no_unsigned_extension_is_loaded(log: Log, tmp_path: Path) -> None:
    shipped = importlib.util.find_spec("duckdb_extension_httpfs")
    assert shipped is not None
    assert shipped.origin is not None
    (genuine,) = Path(shipped.origin).parent.rglob("*.duckdb_extension")
    content = bytearray(genuine.read_bytes())
    content[-1] ^= 1  # the signature is the end of the file
    forged = tmp_path / "forged.duckdb_extension"
    forged.write_bytes(content)
    with log.reader(SHOP) as reader, pytest.raises((StoreFailure, InvalidInput)):
        reader.query("probe", f"load '{forged}'")
    with (
        log.appender() as appender,
        pytest.raises(duckdb.Error, match=r"signature|external extensions is disabled"),
    ):
        appender._connection.execute(f"load '{forged}'")


def test_a_reader_of_one_user_sees_that_user_alone(
    local_log: Log, an_event: Callable[..., Event]
) -> None:
    send, at = SendId("s'1"), an_event("x").occurred_at
    ours = [
        Event("send", UserId("o'hara"), EventType.SEND, at, send),
        Event("visit", UserId("o'hara"), EventType.SESSION, at),
        Event("open", UserId("somebody"), EventType.OPEN, at, send),
    ]
    theirs = [
        Event("their-send", UserId("somebody"), EventType.SEND, at, SendId("s2")),
        Event("their-visit", UserId("somebody"), EventType.SESSION, at),
    ]
    with local_log.appender() as appender:
        appender.append(SHOP, event_table([*ours, *theirs]))
        appender.append(BANK, event_table(ours))
        with local_log.reader(SHOP) as reader, reader.of_user(UserId("o'hara")) as own:
            later = Event("later", UserId("o'hara"), EventType.SESSION, at)
            appender.append(SHOP, event_table([later]))
            found = own.query("all", "select * from event order by event_id")
            assert found["event_id"].to_pylist() == ["send", "visit"]
            assert found.schema.names == EVENT_SCHEMA.names
            assert count(reader) == 5
        with local_log.reader(SHOP) as reader, reader.of_user(UserId("nobody")) as own:
            assert count(own) == 0


def test_params_and_inputs_are_seen_by_one_query(
    local_log: Log, an_event: Callable[..., Event]
) -> None:
    with local_log.appender() as appender:
        appender.append(SHOP, event_table([an_event("a"), an_event("b"), an_event("c")]))
    wanted = pa.table({"event_id": ["a", "b", "z"]})
    sql = "select event_id from event semi join wanted using (event_id) where event_id <> $not"
    with local_log.reader(SHOP) as reader:
        found = reader.query("wanted", sql, {"not": "b"}, {"wanted": wanted})
        assert found["event_id"].to_pylist() == ["a"]
        with pytest.raises(StoreFailure):
            reader.query("wanted", sql, {"not": "b"})
        with pytest.raises(InvalidInput, match="may not hide"):
            reader.query("wanted", sql, {"not": "b"}, {"event": wanted})


def test_a_failure_names_the_statement_and_keeps_values_out(local_log: Log) -> None:
    with local_log.reader(SHOP) as reader:
        with pytest.raises(StoreFailure) as failure:
            reader.query("user_activity", "select $secret::integer", {"secret": "hunter2"})
        assert failure.value.statement == "user_activity"
        assert "hunter2" not in str(failure.value)
        assert failure.value.__cause__ is not None
        assert count(reader) == 0  # the reader goes on


def test_rows_in_batches_are_those_of_the_query(
    local_log: Log, an_event: Callable[..., Event]
) -> None:
    with local_log.appender() as appender:
        appender.append(SHOP, event_table([an_event(f"{n}") for n in range(1_500)]))
    sql = "select event_id from event where event_id <> $not"
    with local_log.reader(SHOP) as reader:
        batches = list(reader.batches("ids", sql, {"not": "7"}))
        found = [one for batch in batches for one in batch["event_id"].to_pylist()]
        assert sorted(found) == sorted(str(n) for n in range(1_500) if n != 7)
        next(reader.batches("ids", sql, {"not": "7"}))  # left before its end
        assert count(reader) == 1_500


def test_a_failure_on_the_way_names_the_statement_too(local_log: Log) -> None:
    sql = "select error($secret) from range(1000000) r(i) where i = 999999"
    with local_log.reader(SHOP) as reader:
        with pytest.raises(StoreFailure) as failure:
            list(reader.batches("late", sql, {"secret": "hunter2"}))
        assert failure.value.statement == "late"
        assert "hunter2" not in str(failure.value)
        with pytest.raises(InvalidInput, match="not one SELECT"):
            next(reader.batches("late", "drop view event"))
        assert count(reader) == 0  # the reader goes on


def test_snapshots_that_do_not_exist_are_not_found(local_log: Log) -> None:
    with pytest.raises(NotFound), local_log.reader(SHOP, snapshot=9_999):
        pass


def test_a_log_that_was_never_migrated_says_so(local_log: Log, tmp_path: Path) -> None:
    fresh = Log(LogLocation(str(tmp_path / "other.sqlite"), str(tmp_path / "other")))
    with pytest.raises(StoreFailure), fresh.reader(SHOP):
        pass


def test_a_damaged_catalog_is_a_failure_of_the_store(local_log: Log) -> None:
    local_log.close()
    catalog = Path(local_log.location.catalog)
    for file in catalog.parent.glob("log.sqlite*"):
        file.write_bytes(b"not a database" * 400)
    with pytest.raises(StoreFailure), local_log.reader(SHOP):
        pass


def test_a_reader_of_a_part_sees_nothing_that_the_one_it_is_of_does_not(
    local_log: Log, an_event: Callable[..., Event]
) -> None:
    at = an_event("x").occurred_at
    days = [at + timedelta(days=day) for day in range(5)]
    parts: Sequence[Callable[[Reader], AbstractContextManager[Reader]]] = (
        lambda reader: reader.of_users(pa.array(["ann", "bob", "dan"])),
        lambda reader: reader.of_user(UserId("bob")),
        lambda reader: reader.within(days[1], days[4]),
        lambda reader: reader.for_many_queries(),
    )
    events = [
        Event(f"{user}-{day}", UserId(user), EventType.SESSION, days[day])
        for user in ("ann", "bob", "cay")
        for day in range(5)
    ]
    with local_log.appender() as appender:
        appender.append(SHOP, event_table(events))
    for order in islice(permutations(parts), 0, None, 5):
        with ExitStack() as stack:
            reader = stack.enter_context(local_log.reader(SHOP))
            for part in order:
                reader = stack.enter_context(part(reader))
            found = reader.query("all", "select event_id from event order by event_id")
        assert found["event_id"].to_pylist() == ["bob-1", "bob-2", "bob-3"]


@pytest.mark.parametrize("few", [0, 2, 3])
def test_a_reader_for_many_queries_sees_the_same_however_many_events_there_are(
    local_log: Log, an_event: Callable[..., Event], monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(read, "_FEW_EVENTS", few)
    with local_log.appender() as appender:
        appender.append(SHOP, event_table([an_event(name) for name in "abc"]))
        appender.append(BANK, event_table([an_event("theirs")]))
    with local_log.reader(SHOP) as reader, reader.for_many_queries() as asked:
        sql = "select * from event order by event_id"
        assert asked.query("all", sql).equals(reader.query("all", sql))
