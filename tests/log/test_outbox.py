"""The outbox reaches the log once, however often a batch is handed over."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from examples import at_most
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.log import Log, event_table
from sendopt.records import Event, TenantId, UserId

SHOP, BANK = TenantId("shop"), TenantId("bank")


def count(log: Log, tenant_id: TenantId) -> int:
    with log.reader(tenant_id) as reader:
        total: int = reader.query("count", "select count(*) as n from event")["n"][0].as_py()
        return total


def test_events_of_several_tenants_move_the_mark_together(
    log: Log, an_event: Callable[..., Event]
) -> None:
    with log.appender() as appender:
        assert appender.high_water_mark() == 0
        rows = [(1, SHOP, an_event("a")), (2, BANK, an_event("a")), (5, SHOP, an_event("b"))]
        report = appender.append_outbox(rows)
        assert (report.accepted, report.high_water_mark) == (3, 5)
        again = appender.append_outbox(rows)
        assert (again.accepted, again.repeated, again.high_water_mark) == (0, 3, 5)
    with log.appender() as appender:
        assert appender.high_water_mark() == 5
    assert (count(log, SHOP), count(log, BANK)) == (2, 1)


def test_positions_whose_id_is_taken_by_another_content_are_reported(
    local_log: Log, an_event: Callable[..., Event]
) -> None:
    with local_log.appender() as appender:
        appender.append(SHOP, event_table([an_event("a"), an_event("b")]))
        report = appender.append_outbox(
            [
                (1, SHOP, an_event("a")),
                (2, SHOP, an_event("b", user_id=UserId("bob"))),
                (3, SHOP, an_event("c")),
                (4, SHOP, an_event("c", user_id=UserId("bob"))),
            ]
        )
    assert (report.accepted, report.repeated, report.conflicts) == (1, 1, [2, 4])
    assert report.high_water_mark == 4
    assert count(local_log, SHOP) == 3


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=at_most(8))
@given(cuts=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=6))
def test_overlapping_batches_store_each_position_once(
    local_log: Log, an_event: Callable[..., Event], cuts: list[tuple[int, int]]
) -> None:
    tenant_id = TenantId(f"tenant {next(_tenants)}")
    with local_log.appender() as appender:
        start = appender.high_water_mark()
        # A pump reads on from the mark, or, if it died before it knew, from further back.
        rows = [(start + 1 + n, tenant_id, an_event(f"e{n}")) for n in range(12)]
        for back, forth in cuts:
            done = appender.high_water_mark() - start
            appender.append_outbox(rows[max(0, done - back) : done + forth])
        appender.append_outbox(rows)
        assert appender.high_water_mark() == start + 12
    assert count(local_log, tenant_id) == 12


_tenants = itertools.count()
