"""When to try again: the back-off and the rules around it."""

from __future__ import annotations

import statistics
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from sendopt.deliver import RetryPolicy
from sendopt.records import Retry

POLICY = RetryPolicy(timedelta(seconds=10), timedelta(hours=1), max_attempts=8)


@given(
    st.text(max_size=30),
    st.integers(1, 10_000),
    st.none() | st.timedeltas(timedelta(0), timedelta(days=2)),
)
def test_a_delay_is_never_shorter_than_asked_for_and_never_longer_than_the_back_off(
    send_id, attempts, after
):
    asked = after or timedelta(0)
    longest = min(timedelta(seconds=10) * 2 ** min(attempts - 1, 20), timedelta(hours=1))
    delay = POLICY.delay(send_id, attempts, Retry("throttled", after))
    assert asked <= delay <= asked + longest
    assert delay == POLICY.delay(send_id, attempts, Retry("throttled", after))


def test_a_crowd_that_failed_together_comes_back_evenly_spread():
    delays = [POLICY.delay(f"s-{n}", 1, Retry("throttled")).total_seconds() for n in range(4000)]
    seconds = [sum(second <= delay < second + 1 for delay in delays) for second in range(10)]
    assert min(seconds) > 320  # of 400 expected in each second; three deviations are 57
    assert max(seconds) < 480


def test_another_attempt_draws_its_wait_anew():
    """Whoever waited longest once is not last for ever."""
    first, second = (
        [POLICY.delay(f"s-{n}", attempts, Retry("x")).total_seconds() for n in range(500)]
        for attempts in (1, 2)
    )
    assert abs(statistics.correlation(first, second)) < 4 / 500**0.5


def test_the_back_off_doubles():
    def mean(attempts: int) -> float:
        waits = [POLICY.delay(f"s-{n}", attempts, Retry("x")).total_seconds() for n in range(2000)]
        return sum(waits) / len(waits)

    assert [round(mean(attempts) / 5) for attempts in (1, 2, 3, 4)] == [1, 2, 4, 8]
