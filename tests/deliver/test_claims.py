"""Claims: two dispatchers at once, one that slept through its lease, a store that goes away."""

from __future__ import annotations

import os
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from examples import at_most
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.deliver import DispatchReport, RetryPolicy
from sendopt.deliver.providers import SimulatorProvider
from sendopt.errors import StoreFailure
from sendopt.records import Accepted, Channel, DeadAddress, Ended, Permanent, Retry, SendState
from sendopt.state import State, audit
from sendopt.state.dispatch import Claimant, claim, settle
from sendopt.state.due import lock_due
from sendopt.state.tables import device, planned_send

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
FINAL = {"delivered", "failed", "expired", "cancelled", "suppressed"}


def test_two_dispatchers_at_once_hand_nothing_over_twice(sends, dispatcher):
    sends.plan(2000)
    seen: list[str] = []
    made = [
        dispatcher(SimulatorProvider(lambda m: seen.append(m.send_id)), owner=name, batch=37)
        for name in ("one", "two", "three", "four")
    ]
    reports: list[DispatchReport] = []
    threads = [
        threading.Thread(target=lambda each=each: reports.append(each.dispatch_due()))
        for each in made
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(seen) == Counter(row.send_id for row in sends.rows())
    assert sum(report.delivered for report in reports) == 2000
    assert sum(report.total for report in reports) == 2000
    assert Counter(event["event_id"] for event in sends.events()) == Counter(
        f"{row.send_id}:send" for row in sends.rows()
    )


def test_a_dispatcher_that_slept_through_its_lease_changes_nothing(
    sends, dispatcher, scripted, clock
):
    [send_id] = sends.plan()
    awake = dispatcher(SimulatorProvider(), owner="awake")

    def sleep_through_the_lease(_message, _number):
        clock.advance(timedelta(minutes=1))
        assert awake.dispatch_due() == DispatchReport(delivered=1)
        return Permanent("whatever the sleeper believes")

    asleep = dispatcher(scripted(sleep_through_the_lease), owner="asleep")
    assert asleep.dispatch_batch() == DispatchReport(taken_over=1)
    assert sends.ends() == {send_id: ("delivered", "accepted")}
    assert [event["event_type"] for event in sends.events()] == ["send"]
    assert [outcome for _, outcome, _ in sends.attempts(send_id)] == [None, "accepted"]


def test_that_a_provider_accepted_counts_even_after_the_lease(sends, dispatcher, scripted, clock):
    [send_id] = sends.plan()
    awake = dispatcher(scripted(lambda _message, _number: Retry("throttled")), owner="awake")

    def sleep_through_the_lease(_message, _number):
        clock.advance(timedelta(minutes=1))
        assert awake.dispatch_due() == DispatchReport(postponed=1)
        return Accepted()

    asleep = dispatcher(scripted(sleep_through_the_lease), owner="asleep")
    assert asleep.dispatch_batch() == DispatchReport(delivered=1)
    assert sends.ends() == {send_id: ("delivered", "accepted")}
    assert awake.next_ready_at() is None
    assert sends.row(send_id).handed_over_at == NOON
    assert [event["event_type"] for event in sends.events()] == ["send"]


def test_that_an_address_is_dead_counts_even_after_the_lease(sends, dispatcher, scripted, clock):
    [send_id] = sends.plan()
    awake = dispatcher(SimulatorProvider(), owner="awake")

    def sleep_through_the_lease(_message, _number):
        clock.advance(timedelta(minutes=1))
        assert awake.dispatch_due() == DispatchReport(delivered=1)
        return DeadAddress("subscription_gone")

    dispatcher(scripted(sleep_through_the_lease), owner="asleep").dispatch_batch()
    assert sends.ends() == {send_id: ("delivered", "accepted")}
    assert sends.rows(device)[0].dead_reason == "subscription_gone"
    assert [event["event_type"] for event in sends.events()] == ["send"]


def test_a_user_may_answer_before_the_outcome_is_written(sends, dispatcher, scripted, clock):
    [send_id] = sends.plan()

    def answer_slowly(_message, _number):
        clock.advance(timedelta(seconds=20))
        return Accepted()

    dispatcher(scripted(answer_slowly)).dispatch_due()
    assert sends.row(send_id).handed_over_at == NOON
    assert sends.events()[0]["occurred_at"] == NOON.isoformat(timespec="microseconds")


def test_a_dispatcher_that_wakes_between_claim_and_call_hands_nothing_over(
    sends, dispatcher, clock
):
    [send_id] = sends.plan()
    seen = []

    class Late:
        """A clock that loses two minutes whenever a claim has been made."""

        def now(self):
            if any(row.state == "claimed" for row in sends.rows()):
                clock.advance(timedelta(minutes=2))
            return clock.now()

        def monotonic(self):
            self.now()
            return clock.monotonic()

        def wait(self, wake, until):
            clock.wait(wake, until)

    report = dispatcher(SimulatorProvider(seen.append), clock=Late()).dispatch_batch()
    assert seen == []
    assert report == DispatchReport(postponed=1)
    assert sends.attempts(send_id) == [(1, "retry", "lease_over")]


def test_a_crash_leaves_a_visible_attempt_and_the_next_dispatcher_takes_over(
    sends, dispatcher, scripted, clock
):
    [send_id] = sends.plan()

    def crash(_message, _number):
        raise MemoryError

    with pytest.raises(MemoryError):
        dispatcher(scripted(crash)).dispatch_batch()
    assert sends.attempts(send_id) == [(1, None, None)]
    assert sends.ends() == {send_id: ("claimed", None)}

    rescuer = dispatcher(SimulatorProvider(), owner="rescuer")
    assert rescuer.dispatch_due() == DispatchReport()  # the lease still holds
    assert rescuer.next_ready_at() == clock.now() + timedelta(minutes=1)
    clock.advance_to(rescuer.next_ready_at())
    assert rescuer.dispatch_due() == DispatchReport(delivered=1)
    assert sends.attempts(send_id) == [(1, None, None), (2, "accepted", None)]


def test_a_message_that_kills_every_dispatcher_is_given_up(sends, dispatcher, scripted, clock):
    [poison, *others] = sends.plan(5)

    def crash(message, _number):
        if message.send_id == poison:
            raise MemoryError
        return Accepted()

    for _ in range(4):
        made = dispatcher(
            scripted(crash),
            batch=1,
            retry=RetryPolicy(timedelta(seconds=1), timedelta(seconds=1), max_attempts=3),
        )
        try:
            made.dispatch_due()
        except MemoryError:
            clock.advance(timedelta(minutes=2))
    assert sends.ends() == {
        poison: ("failed", "gave_up"),
        **dict.fromkeys(others, ("delivered", "accepted")),
    }


def test_an_unknown_outcome_that_expires_says_so(sends, dispatcher, scripted, clock):
    [send_id] = sends.plan(time_to_live=timedelta(seconds=30))

    def crash(_message, _number):
        raise MemoryError

    with pytest.raises(MemoryError):
        dispatcher(scripted(crash)).dispatch_batch()
    clock.advance(timedelta(minutes=1))
    assert dispatcher(SimulatorProvider()).dispatch_due() == DispatchReport(expired=1)
    assert sends.ends() == {send_id: ("expired", "outcome_unknown")}


def test_a_send_that_was_cancelled_while_it_waited_for_its_retry_stays_cancelled(
    sends, dispatcher, scripted, clock
):
    [send_id] = sends.plan()
    made = dispatcher(scripted(lambda _message, _number: Retry("throttled")))
    made.dispatch_due()
    sends.change(planned_send, state="cancelled", reason="by_request", ready_at=None)
    clock.advance(timedelta(hours=1))
    assert made.dispatch_due() == DispatchReport()
    assert sends.ends() == {send_id: ("cancelled", "by_request")}


def test_outcomes_survive_a_store_that_is_away_for_a_while(
    sends, dispatcher, state, clock, monkeypatch
):
    """A store that answers again within the lease must not cause a second hand-over."""
    sends.plan(3)
    seen = []
    write = State.write_fleet
    away = iter([False, True, True, True])

    def flaky(self):
        if next(away, False):
            raise StoreFailure("away", statement="state.write", code="store_unavailable")
        return write(self)

    monkeypatch.setattr(State, "write_fleet", flaky)
    assert dispatcher(SimulatorProvider(seen.append)).dispatch_due() == DispatchReport(delivered=3)
    assert len(seen) == 3
    assert clock.now() == NOON + timedelta(seconds=3)


def test_a_broken_store_is_not_asked_again(sends, dispatcher, clock, monkeypatch):
    """What does not pass is said at once; the next dispatcher takes over after the lease."""
    sends.plan(1)
    write = State.write_fleet
    codes = iter([None, "store_failure"])

    def broken(self):
        code = next(codes)
        if code is not None:
            raise StoreFailure("no", statement="state.write", code=code)
        return write(self)

    monkeypatch.setattr(State, "write_fleet", broken)
    with pytest.raises(StoreFailure, match="no"):
        dispatcher(SimulatorProvider()).dispatch_due()
    assert clock.now() == NOON


def test_whoever_claims_raises_the_fence_and_an_older_fence_settles_nothing(state, sends):
    sends.plan(10)
    ended = Ended(SendState.FAILED, "payload_too_large")
    with state.write_fleet() as tx:
        due = lock_due(tx, channels=[Channel.SIMULATOR], now=NOON, limit=5)
        one = Claimant("one", {Channel.SIMULATOR: "simulator"}, lambda: os.urandom(8).hex())
        begun = claim(tx, due, one, now=NOON, lease_ends_at=NOON + timedelta(minutes=1))
        claimed = [attempt.send for attempt in begun]
        assert [send.fence for send in claimed] == [1] * 5
        assert settle(tx, [(send, ended) for send in due]) == []
        assert len(settle(tx, [(send, ended) for send in claimed])) == 5
        assert settle(tx, [(send, ended) for send in claimed]) == []


outcomes = st.one_of(
    st.just(Accepted()),
    st.builds(
        Retry,
        st.just("throttled"),
        st.none() | st.timedeltas(timedelta(0), timedelta(hours=3)),
    ),
    st.just(DeadAddress("gone")),
    st.just(Permanent("payload_too_large")),
    st.just(None),  # the process dies
)


@dataclass(frozen=True)
class Day:
    """What a virtual day brings: sends, answers, a dispatcher that sometimes comes late."""

    script: list[object]
    minutes: list[int]  # of each send, after noon
    pauses: list[int]  # minutes by which the dispatcher is late
    quiet_hours: dict[str, str] | None
    zone: str


days = st.builds(
    Day,
    script=st.lists(outcomes, min_size=1, max_size=40),
    minutes=st.lists(st.integers(0, 36 * 60), min_size=1, max_size=15),
    pauses=st.lists(st.integers(0, 300), max_size=40),
    quiet_hours=st.sampled_from([None, {"start": "22:00", "end": "07:00"}]),
    zone=st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York", "Australia/Lord_Howe"]),
)


@settings(max_examples=at_most(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(day=days)
def test_a_virtual_day_ends_with_one_fate_each_and_nothing_at_a_wrong_time(
    sends, dispatcher, clock, scripted, day
):
    _clear(sends.state)
    clock.__init__(NOON)
    planned = sends.plan(
        len(day.minutes),
        due_at=lambda number: NOON + timedelta(minutes=day.minutes[number]),
        quiet_hours=day.quiet_hours,
        timezone=day.zone,
        time_to_live=timedelta(hours=5),
    )
    answers, pauses = iter(day.script), iter(day.pauses)

    def answer(_message, _number):
        outcome = next(answers, Accepted())
        if outcome is None:
            raise MemoryError
        return outcome

    provider = scripted(answer)
    made = dispatcher(provider, batch=4)
    while (ready_at := made.next_ready_at()) is not None:
        clock.advance_to(ready_at + timedelta(minutes=next(pauses, 0)))
        try:
            made.dispatch_due()
        except MemoryError:
            continue  # the next round is the restarted process

    rows = {row.send_id: row for row in sends.rows()}
    assert set(rows) == set(planned)
    assert all(row.state in FINAL and row.reason for row in rows.values())
    for at, message in provider.handed_over:
        assert rows[message.send_id].due_at <= at < rows[message.send_id].expires_at
        if day.quiet_hours is not None:
            assert 7 <= at.astimezone(ZoneInfo(day.zone)).hour < 22
    delivered = {send_id for send_id, row in rows.items() if row.state == "delivered"}
    assert {
        event["send_id"] for event in sends.events() if event["event_type"] == "send"
    } == delivered
    for send_id in planned:
        assert len(sends.attempts(send_id)) >= len(provider.times(send_id))
    with sends.state.read_fleet() as tx:
        assert list(audit.sends(tx)) == []


def _clear(state: State) -> None:
    with state.write_fleet() as tx:
        for table in reversed(planned_send.metadata.sorted_tables):
            tx.execute(sa.delete(table))
