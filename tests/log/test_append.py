"""What the appender promises: each event once, the first content stays, nothing by halves."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from examples import at_most
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.errors import InvalidInput, StoreFailure
from sendopt.log import EventConflict, Log, differing_columns, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

SHOP = TenantId("shop")
_tenants = itertools.count()

events = st.builds(
    Event,
    event_id=st.sampled_from(["a", "b", "c", "d"]),
    user_id=st.sampled_from([UserId("ann"), UserId("bob")]),
    event_type=st.just(EventType.SESSION),
    occurred_at=st.sampled_from(
        [datetime(2026, 3, 1, tzinfo=UTC), datetime(1999, 1, 1, 0, 0, 0, 1, UTC)]
    ),
    send_id=st.sampled_from([None, SendId("s1")]),
    propensity=st.sampled_from([None, 0.1 + 0.2]),
    attributes=st.sampled_from([{}, {"x": 1, "a": [None, "é"]}, {"a": [None, "é"], "x": 1}]),
)


def contents(log: Log, tenant_id: TenantId) -> list[dict[str, object]]:
    with log.reader(tenant_id) as reader:
        rows: list[dict[str, object]] = reader.query(
            "all", "select * from event order by event_id"
        ).to_pylist()
        return rows


def test_what_was_appended_is_read_back_to_the_microsecond(
    log: Log, an_event: Callable[..., Event]
) -> None:
    event = an_event(
        occurred_at=datetime(2026, 3, 29, 1, 59, 59, 999_999, UTC),
        user_id=UserId("ann 'o' \u263a"),
        event_type=EventType.SEND,
        send_id=SendId("s1"),
        timezone="Europe/Berlin",
        propensity=0.1,
        attributes={"nested": {"quote": '"', "none": None}, "b": 1},
    )
    with log.appender() as appender:
        assert appender.append(SHOP, event_table([event])).accepted == 1
    assert contents(log, SHOP) == event_table([event]).to_pylist()


@pytest.mark.parametrize("rows", [900, 2_500])  # kept in the catalog; written as a file
def test_large_and_small_appends_read_alike(
    local_log: Log, an_event: Callable[..., Event], rows: int
) -> None:
    batch = event_table([an_event(f"e{number:05}") for number in range(rows)])
    with local_log.appender() as appender:
        assert appender.append(SHOP, batch).accepted == rows
        assert appender.append(SHOP, batch).repeated == rows
    assert contents(local_log, SHOP) == batch.to_pylist()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=at_most(10))
@given(batches=st.lists(st.lists(events, max_size=6), min_size=1, max_size=4))
def test_the_first_event_under_an_id_stays(local_log: Log, batches: list[list[Event]]) -> None:
    tenant_id = TenantId(f"tenant {next(_tenants)}")
    first: dict[str, Event] = {}
    with local_log.appender() as appender:
        for batch in batches:
            accepted, repeated, conflicts = 0, 0, []
            for row, event in enumerate(batch):
                if event.event_id not in first:
                    first[event.event_id] = event
                    accepted += 1
                elif first[event.event_id] == event:
                    repeated += 1
                else:
                    differs = differing_columns(first[event.event_id], event)
                    conflicts.append(EventConflict(row, event.event_id, differs))
            report = appender.append(tenant_id, event_table(batch))
            assert (report.accepted, report.repeated) == (accepted, repeated)
            assert report.conflicts == conflicts
    kept = sorted(first.values(), key=lambda event: event.event_id)
    assert contents(local_log, tenant_id) == event_table(kept).to_pylist()


def test_equal_ids_of_two_tenants_are_two_events(
    local_log: Log, an_event: Callable[..., Event]
) -> None:
    other = TenantId("shop' or '1'='1")
    with local_log.appender() as appender:
        appender.append(SHOP, event_table([an_event(user_id=UserId("ann"))]))
        report = appender.append(other, event_table([an_event(user_id=UserId("bob"))]))
    assert (report.accepted, report.conflicts) == (1, [])
    assert [row["user_id"] for row in contents(local_log, SHOP)] == ["ann"]
    assert [row["user_id"] for row in contents(local_log, other)] == ["bob"]


def test_a_table_that_is_not_events_is_refused(
    local_log: Log, an_event: Callable[..., Event]
) -> None:
    with local_log.appender() as appender:
        with pytest.raises(InvalidInput) as missing:
            appender.append(SHOP, pa.table({"event_id": ["a"]}))
        words = pa.table({**event_table([an_event()]).to_pydict(), "occurred_at": ["yesterday"]})
        with pytest.raises(InvalidInput, match="yesterday"):
            appender.append(SHOP, words)
    assert missing.value.field == "user_id"


def test_a_batch_that_cannot_be_stored_leaves_nothing(
    local_log: Log, an_event: Callable[..., Event]
) -> None:
    good = event_table([an_event("good")]).to_pydict()
    half = pa.table({**{name: values * 2 for name, values in good.items()}, "user_id": ["a", None]})
    with local_log.appender() as appender:
        with pytest.raises(InvalidInput):
            appender.append(SHOP, half)
        assert appender.append(SHOP, event_table([an_event("next")])).accepted == 1
    assert [row["event_id"] for row in contents(local_log, SHOP)] == ["next"]


def test_every_data_file_is_synced_before_it_is_acknowledged(
    local_log: Log, an_event: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[Path] = set()
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.add(Path(f"/proc/self/fd/{descriptor}").resolve())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with local_log.appender() as appender:
        appender.append(SHOP, event_table([an_event(f"e{number}") for number in range(2_000)]))
        (file,) = Path(local_log.location.data).rglob("*.parquet")
        assert {file, *list(file.parents)[:3]} <= synced


def test_a_disk_that_refuses_to_sync_acknowledges_nothing(
    local_log: Log, an_event: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    batch = event_table([an_event(f"e{number}") for number in range(2_000)])
    with local_log.appender() as appender:
        with monkeypatch.context() as failing:
            failing.setattr(os, "fsync", fsync)
            with pytest.raises(StoreFailure):
                appender.append(SHOP, batch)
        assert contents(local_log, SHOP) == []
        assert appender.append(SHOP, batch).accepted == 2_000
