from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import psycopg
import pytest
import sqlalchemy as sa

from sendopt.errors import StoreFailure
from sendopt.records import Event, EventType, SendId, TenantId, UserId
from sendopt.state import State, outbox
from sendopt.state.outbox import RecordResult, RecordVerdict

SHOP = TenantId("shop")
BANK = TenantId("bank")


def an_open(event_id: str, at: datetime, **changes: object) -> Event:
    event = Event(
        event_id=event_id,
        user_id=UserId("u1"),
        event_type=EventType.OPEN,
        occurred_at=at,
        send_id=SendId("s1"),
        attributes={"app": "3.1", "seen": True},
    )
    return replace(event, **changes)


def verdicts(recorded: list[RecordResult]) -> list[str]:
    return [str(one.verdict) for one in recorded]


def copied(state: State, *, limit: int = 1000) -> list[tuple[int, TenantId, Event]]:
    with state.write_fleet() as tx:
        outbox.assign_positions(tx, limit=limit)
    with state.read_fleet() as tx:
        return outbox.after(tx, 0, limit=limit)


def test_an_event_is_recorded_once_and_its_first_content_stays(state: State, now: datetime) -> None:
    first = an_open("e1", now)
    changed = an_open("e1", now + timedelta(seconds=1))
    with state.write(SHOP) as tx:
        assert verdicts(outbox.record(tx, [first, changed, first], now=now)) == [
            "recorded",
            "conflict",
            "repeated",
        ]
    with state.write(SHOP) as tx:
        again = outbox.record(tx, [changed, first, an_open("e2", now)], now=now)
    assert again == [
        RecordResult(RecordVerdict.CONFLICT, first=first),
        RecordResult(RecordVerdict.REPEATED),
        RecordResult(RecordVerdict.RECORDED),
    ]
    assert [(tenant, event) for _, tenant, event in copied(state)] == [
        (SHOP, first),
        (SHOP, an_open("e2", now)),
    ]


def test_true_is_not_one_when_contents_are_compared(state: State, now: datetime) -> None:
    with state.write(SHOP) as tx:
        outbox.record(tx, [an_open("e1", now, attributes={"seen": True})], now=now)
        other = outbox.record(tx, [an_open("e1", now, attributes={"seen": 1})], now=now)
    assert verdicts(other) == ["conflict"]


def test_tenants_share_no_event_ids(state: State, now: datetime) -> None:
    with state.write_fleet() as tx:
        ours = outbox.record(tx.of(SHOP), [an_open("e1", now)], now=now)
        theirs = outbox.record(tx.of(BANK), [an_open("e1", now, user_id=UserId("u2"))], now=now)
    assert verdicts(ours + theirs) == ["recorded", "recorded"]


def test_nothing_is_recorded_when_the_effect_fails(state: State, now: datetime) -> None:
    def effect_fails() -> None:
        with state.write(SHOP) as tx:
            outbox.record(tx, [an_open("e1", now)], now=now)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        effect_fails()
    assert copied(state) == []


def test_positions_are_dense_and_never_change(state: State, now: datetime) -> None:
    with state.write_fleet() as tx:
        outbox.record(tx.of(SHOP), [an_open(f"a{n}", now) for n in range(5)], now=now)
        assert outbox.assign_positions(tx, limit=3) == 3
    before = copied(state, limit=2)
    with state.write_fleet() as tx:
        outbox.record(tx.of(SHOP), [an_open(f"b{n}", now) for n in range(3)], now=now)
        assert outbox.assign_positions(tx, limit=100) == 3
        assert outbox.assign_positions(tx, limit=100) == 0
    everything = copied(state)
    assert [position for position, _, _ in everything] == list(range(1, 9))
    assert everything[:2] == before
    with state.read_fleet() as tx:
        assert [position for position, _, _ in outbox.after(tx, 6, limit=10)] == [7, 8]
        assert outbox.last_position(tx) == 8


@pytest.mark.parametrize("state_url", ["postgres"], indirect=True)  # SQLite has one writer
def test_a_transaction_that_commits_late_is_not_passed_over(state: State, now: datetime) -> None:
    """Its sequence number may be the lower one; its position is the higher one."""
    with state.write(SHOP) as slow:
        outbox.record(slow, [an_open("slow", now)], now=now)
        with state.write(SHOP) as quick:
            outbox.record(quick, [an_open("quick", now)], now=now)
        assert [event.event_id for _, _, event in copied(state)] == ["quick"]
    assert [event.event_id for _, _, event in copied(state)] == ["quick", "slow"]


def test_a_refused_event_is_not_offered_again(state: State, now: datetime) -> None:
    with state.write_fleet() as tx:
        outbox.record(tx.of(SHOP), [an_open(f"e{n}", now) for n in range(3)], now=now)
        outbox.assign_positions(tx, limit=3)
        outbox.refuse(tx, 2, "event_conflict")
    assert [position for position, _, _ in copied(state)] == [1, 3]


def test_sixty_four_threads_record_one_event_once(state: State, now: datetime) -> None:
    barrier = threading.Barrier(64)

    def record(number: int) -> str:
        content = an_open("e1", now, campaign_id=None if number % 2 else "other")
        barrier.wait()
        with state.write(SHOP) as tx:
            return verdicts(outbox.record(tx, [content], now=now))[0]

    with ThreadPoolExecutor(64) as pool:
        seen = list(pool.map(record, range(64)))
    assert (seen.count("recorded"), seen.count("repeated"), seen.count("conflict")) == (1, 31, 32)


def test_overlapping_batches_in_opposite_order_do_not_block_each_other(
    state: State, now: datetime
) -> None:
    events = [an_open(f"e{n}", now) for n in range(300)]

    def record(number: int) -> int:
        batch = events if number % 2 else events[::-1]
        with state.write(SHOP) as tx:
            return verdicts(outbox.record(tx, batch, now=now)).count("recorded")

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(record, range(32))) == 300


@pytest.mark.parametrize("state_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_connection_that_breaks_at_the_commit_is_mended_by_repeating(
    state: State, now: datetime, moment: str
) -> None:
    """Whoever got no answer does not know; repeating converges, whichever way it went."""

    def break_off(connection: sa.Connection) -> None:
        driver = connection.connection.dbapi_connection
        assert driver is not None
        if moment == "after":
            driver.commit()
        with contextlib.suppress(psycopg.OperationalError):
            driver.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    events = [an_open(f"e{n}", now) for n in range(3)]
    sa.event.listen(state.engine, "commit", break_off, once=True)
    with pytest.raises(StoreFailure) as refused, state.write(SHOP) as tx:
        outbox.record(tx, events, now=now)
    assert refused.value.code == "store_unavailable"
    with state.write(SHOP) as tx:
        again = verdicts(outbox.record(tx, events, now=now))
    assert again == (["recorded"] * 3 if moment == "before" else ["repeated"] * 3)
    assert [event for _, _, event in copied(state)] == events


def test_what_waits_is_counted_behind_the_log_and_before_its_position(
    state: State, now: datetime
) -> None:
    with state.write_fleet() as tx:
        outbox.record(tx.of(SHOP), [an_open(f"e{number}", now) for number in range(6)], now=now)
        outbox.record(tx.of(BANK), [an_open("e0", now)], now=now)
        outbox.assign_positions(tx, limit=4)
        assert outbox.waiting(tx, 0) == {SHOP: 6, BANK: 1}
        assert outbox.waiting(tx, 3) == {SHOP: 3, BANK: 1}
        outbox.refuse(tx, 4, "event_conflict")
        assert outbox.waiting(tx, 3) == {SHOP: 2, BANK: 1}
        outbox.assign_positions(tx, limit=10)
        assert outbox.waiting(tx, 7) == {}


def test_what_waits_is_found_by_where_it_stands_not_among_all_that_is_in_the_log(
    state: State, now: datetime
) -> None:
    """An import asks for it while no request can record anything."""
    with state.write_fleet() as tx:
        for tenant_id in (SHOP, BANK):
            outbox.record(tx.of(tenant_id), [an_open(f"e{n}", now) for n in range(4)], now=now)
        outbox.assign_positions(tx, limit=6)
        outbox.refuse(tx, 4, "event_conflict")
    asked: list[tuple[str, object]] = []
    with state.read_fleet() as tx:
        assert outbox.last_position(tx) == 6
        listen = (
            tx.connection,
            "before_cursor_execute",
            lambda *given: asked.append((given[2], given[3])),
        )
        sa.event.listen(*listen)
        assert sorted(outbox.waiting_ids(tx.of(SHOP), 2)) == ["e2"]
        assert sorted(outbox.waiting_ids(tx.of(BANK), 2)) == ["e0", "e1", "e2", "e3"]
        sa.event.remove(*listen)
        if tx.is_sqlite:
            for sql, values in asked:
                (plan,) = tx.connection.exec_driver_sql(f"explain query plan {sql}", values).all()
                assert "(position" in plan.detail
