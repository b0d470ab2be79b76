"""A named snapshot is readable for ever, whatever is compacted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sendopt.errors import Conflict, NotFound
from sendopt.log import Log, event_table
from sendopt.records import Event, TenantId

SHOP = TenantId("shop")


def ids(log: Log, snapshot: int) -> list[str]:
    with log.reader(SHOP, snapshot=snapshot) as reader:
        found: list[str] = reader.query("ids", "select event_id from event order by 1")[
            "event_id"
        ].to_pylist()
        return found


def test_a_name_never_moves(local_log: Log, an_event: Callable[..., Event]) -> None:
    with local_log.appender() as appender:
        appender.append(SHOP, event_table([an_event("a")]))
        first = local_log.name_snapshot("training 1")
        appender.append(SHOP, event_table([an_event("b")]))
        assert local_log.name_snapshot("training 1") == first
        with pytest.raises(Conflict):
            local_log.name_snapshot("training 1", first + 1)
        second = local_log.name_snapshot("training 2")
    assert local_log.named_snapshot("training 1") == first
    assert local_log.named_snapshot("training 2") == second
    assert (ids(local_log, first), ids(local_log, second)) == (["a"], ["a", "b"])
    with pytest.raises(NotFound):
        local_log.named_snapshot("training 3")
    with pytest.raises(NotFound):
        local_log.name_snapshot("training 3", 9_999)


def test_compacting_leaves_every_snapshot_as_it_was(
    log: Log, an_event: Callable[..., Event]
) -> None:
    seen: dict[int, list[str]] = {}
    with log.appender() as appender:
        for batch, size in enumerate([3, 1_200, 1_100, 2]):
            events = [an_event(f"{batch}-{number:04}") for number in range(size)]
            appender.append(SHOP, event_table(events))
            with log.reader(SHOP) as reader:
                seen[reader.snapshot] = ids(log, reader.snapshot)
        with log.reader(SHOP) as reading:
            appender.compact()
            appender.compact()
            assert reading.query("n", "select count(*) as n from event")["n"][0].as_py() == 2_305
        assert appender.append(SHOP, event_table(events)).repeated == 2
    assert {snapshot: ids(log, snapshot) for snapshot in seen} == seen


def test_compacting_merges_files(local_log: Log, an_event: Callable[..., Event]) -> None:
    with local_log.appender() as appender:
        for batch in range(4):
            events = [an_event(f"{batch}-{number}") for number in range(1_001)]
            appender.append(SHOP, event_table(events))
        before = set(Path(local_log.location.data).rglob("event/**/*.parquet"))
        appender.compact()
    after = set(Path(local_log.location.data).rglob("event/**/*.parquet"))
    assert len(before) == 4
    assert len(after - before) == 1
