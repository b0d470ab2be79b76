"""A clock that is set forward or back: nothing waits for it, nothing goes out early or twice."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from sendopt.deliver.providers import SimulatorProvider
from sendopt.records import Accepted

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
LEASE = timedelta(minutes=1)


class SteppingClock:
    """Time goes on by itself; the hands can be set to anything."""

    def __init__(self) -> None:
        self.elapsed = timedelta(0)
        self.set_by = timedelta(0)

    def now(self) -> datetime:
        return NOON + self.elapsed + self.set_by

    def monotonic(self) -> float:
        return self.elapsed.total_seconds()

    def wait(self, wake: threading.Event, until: datetime) -> None:
        self.elapsed += max(until - self.now(), timedelta(0))


STEPS = [
    timedelta(hours=-1),
    timedelta(days=-1),
    datetime(1970, 1, 1, tzinfo=UTC) - NOON,
    timedelta(hours=1),
    timedelta(0),
]


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_claim_of_a_dead_dispatcher_is_recovered_within_a_lease(sends, dispatcher, step):
    [send_id] = sends.plan(time_to_live=timedelta(days=2))
    clock = SteppingClock()

    class Dies:
        name = "dies"

        def deliver(self, messages):
            raise MemoryError

    with pytest.raises(MemoryError):
        dispatcher(Dies(), clock=clock, lease=LEASE).dispatch_batch()
    clock.set_by = step
    seen = []
    other = dispatcher(SimulatorProvider(seen.append), clock=clock, lease=LEASE)
    while clock.elapsed <= LEASE + timedelta(seconds=2):
        other.dispatch_due()
        clock.elapsed += timedelta(seconds=1)
    # It may not go out before its time by the clock on the wall; but nobody claims it any more.
    taken_up = clock.now() < NOON
    row = sends.row(send_id)
    assert row.state == ("planned" if taken_up else "delivered")
    if taken_up:
        assert row.ready_at == NOON
        clock.set_by = timedelta(0)
        other.dispatch_due()
        assert sends.ends() == {send_id: ("delivered", "accepted")}
    assert len(seen) == 1


@pytest.mark.parametrize("hours", [-1, 1, 24 * 365])
def test_a_dispatcher_at_work_keeps_its_claims_while_the_clock_is_set(
    sends, dispatcher, scripted, hours
):
    sends.plan(5, time_to_live=timedelta(days=1000))
    clock = SteppingClock()
    seen = Counter()
    other = dispatcher(
        SimulatorProvider(lambda message: seen.update([message.send_id])),
        owner="other",
        clock=clock,
        lease=LEASE,
    )

    def meanwhile(message, _number):
        seen.update([message.send_id])
        clock.set_by = timedelta(hours=hours)
        clock.elapsed += timedelta(seconds=5)
        other.dispatch_due()
        return Accepted()

    provider = scripted(meanwhile)
    dispatcher(provider, clock=clock, lease=LEASE).dispatch_due()
    assert set(seen.values()) == {1}
    assert set(sends.ends().values()) == {("delivered", "accepted")}


@pytest.mark.parametrize("step", [*STEPS, timedelta(days=1), timedelta(days=365 * 73)], ids=str)
def test_nothing_overflows_and_everything_ends_whatever_the_clock_says(sends, dispatcher, step):
    sends.plan(3, quiet_hours={"start": "22:00", "end": "07:00"}, timezone="Asia/Kolkata")
    clock = SteppingClock()
    made = dispatcher(SimulatorProvider(), clock=clock, lease=LEASE)
    clock.set_by = step
    made.dispatch_due()
    clock.set_by = timedelta(hours=5)
    made.dispatch_due()
    assert {state for state, _ in sends.ends().values()} <= {"delivered", "expired"}
