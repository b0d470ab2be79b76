"""The log of a simulated day answers as DuckDB does, whatever is appended to it."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.log import Appender, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId
from simulation.memory_log import LAKE, MemoryLog

_events = st.builds(
    Event,
    event_id=st.sampled_from(["a", "b", "c"]),
    user_id=st.sampled_from([UserId("ann"), UserId("bob")]),
    event_type=st.just(EventType.SESSION),
    occurred_at=st.sampled_from(
        [datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)]
    ),
    send_id=st.sampled_from([None, SendId("s1")]),
    attributes=st.sampled_from([{}, {"x": 1, "a": [None, "é"]}]),
)
_tenants = st.sampled_from([TenantId("acme"), TenantId("shop")])
_batches = st.lists(
    st.one_of(
        st.tuples(_tenants, st.lists(_events, max_size=4)),  # a file
        st.lists(st.tuples(_tenants, _events), min_size=1, max_size=4),  # of the outbox
    ),
    min_size=1,
    max_size=5,
)


def test_the_log_of_a_day_answers_as_duckdb_does(tmp_path: Path) -> None:
    log = MemoryLog(tmp_path)
    numbers = count()

    @settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(_batches)
    def check(batches: list[Any]) -> None:
        example = next(numbers)  # its tenants are its own
        with log.appender() as over_lists, log.connection() as connection:
            over_tables = Appender(connection, LAKE, log.location, lambda: None)
            for batch in batches:
                assert _append(over_lists, batch, example) == _append(over_tables, batch, example)
                assert over_lists.high_water_mark() == over_tables.high_water_mark()
            order = "order by tenant_id, event_id, occurred_at, user_id"
            stored = connection.execute(f"select * from event {order}").to_arrow_table()
        assert log.everything() == stored.to_pylist()

    check()
    log.close()


def _append(appender: Appender, batch: Any, example: int) -> object:
    if isinstance(batch, tuple):
        tenant_id, events = batch
        return appender.append(TenantId(f"{tenant_id}-{example}"), event_table(events))
    mark = appender.high_water_mark()
    return appender.append_outbox(
        [
            (mark + number, TenantId(f"{tenant_id}-{example}"), event)
            for number, (tenant_id, event) in enumerate(batch, 1)
        ]
    )
