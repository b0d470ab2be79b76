"""Late answers are counted where they came, and held to where their sends had waited."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from examples import at_most
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sendopt.features import LATE_AGES, AsOfView, Target, answers_by_age, microseconds, viewpoints
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

AS_OF = datetime(2026, 3, 31, tzinfo=UTC)  # the Sunday before, Berlin's clocks went forward
ZONE = "Europe/Berlin"
TARGET = Target(timedelta(minutes=45))
HALF_LIFE = timedelta(days=9)
HALF_HOUR = timedelta(minutes=30)
HAZARD = np.linspace(0.5, 0.1, LATE_AGES)
USERS = ("ann", "bob", "cem")

sends = st.tuples(
    st.sampled_from(USERS),
    st.integers(0, 12 * 1440).map(lambda minutes: AS_OF - timedelta(minutes=minutes)),
    st.lists(st.integers(0, 30 * 60), max_size=2),  # minutes until its answers
)
Found = list[tuple[str, datetime, list[int]]]
MINUTE = timedelta(minutes=1)


def happened(found: Found) -> list[Event]:
    events = []
    for number, (user, at, minutes) in enumerate(found):
        send = {"send_id": SendId(f"s{number}"), "timezone": ZONE}
        events.append(Event(f"s{number}", UserId(user), EventType.SEND, at, **send))
        events += [
            Event(f"o{number}-{nth}", UserId(user), EventType.OPEN, at + each * MINUTE, **send)
            for nth, each in enumerate(minutes)
        ]
    return events


def counted(found: Found, user: str, as_of: datetime) -> tuple[NDArray, NDArray]:
    """The definition, an answer at a time."""
    answers, expected = np.zeros((2, 2, 48))
    for of_user, at, minutes in found:
        delay = min(minutes, default=0) * MINUTE
        answered = at + delay
        late = TARGET.open_window <= delay < LATE_AGES * HALF_HOUR
        if of_user != user or not late or answered >= as_of:
            continue
        weight = 0.5 ** ((as_of - answered) / HALF_LIFE)
        local = answered.astimezone(ZoneInfo(ZONE))
        day_type, half_hour = int(local.weekday() >= 5), local.hour * 2 + local.minute // 30
        answers[day_type, half_hour] += weight
        age = delay // HALF_HOUR
        for back in range(age - TARGET.open_window // HALF_HOUR + 1):
            # On the wall, where a day has 48 half hours also when clocks are changed.
            then = local.replace(tzinfo=None) - back * HALF_HOUR
            cell = int(then.weekday() >= 5), then.hour * 2 + then.minute // 30
            expected[cell] += weight * HAZARD[age - back]
    return answers, expected


@settings(
    max_examples=at_most(15),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(found=st.lists(sends, max_size=25), hours=st.lists(st.integers(0, 200), max_size=3))
def test_users_are_held_to_the_definition(empty_log: Log, found: Found, hours: list[int]) -> None:
    tenant = TenantId(f"{abs(hash((str(found), str(hours))))}")  # its own: they share one log
    with empty_log.appender() as appender:
        appender.append(tenant, event_table(happened(found)))
    instants = [AS_OF, *(AS_OF - timedelta(hours=each) for each in hours)]
    asked = [(user, at) for user in (*USERS, "unknown") for at in instants]
    with empty_log.reader(tenant) as reader:
        seen, row = viewpoints(
            pa.array([user for user, _ in asked]), pa.array([at for _, at in asked])
        )
        view = AsOfView(reader, TARGET)
        told = view.user_late_evidence(seen, hazard=HAZARD, half_life=HALF_LIFE)
    for number, (user, at) in zip(row, asked, strict=True):
        answers, expected = counted(found, user, at)
        np.testing.assert_allclose(told.answers[number], answers, atol=1e-12)
        np.testing.assert_allclose(told.expected[number], expected, atol=1e-12)


def test_everybodys_part_is_the_sum_of_all_users_by_days(empty_log: Log) -> None:
    midday = AS_OF - timedelta(hours=12)
    found: Found = [
        (user, midday - timedelta(days=day), [60 + 45 * day]) for user in USERS for day in range(8)
    ]
    with empty_log.appender() as appender:
        appender.append(TenantId("shop"), event_table(happened(found)))
    days = [AS_OF - timedelta(days=back) for back in (0, 3)]
    with empty_log.reader(TenantId("shop")) as reader:
        view = AsOfView(reader, TARGET)
        day = np.array([microseconds(each) for each in days]) // 86_400_000_000
        told = view.population_late_evidence(day, hazard=HAZARD, half_life=HALF_LIFE)
    for row, as_of in enumerate(days):
        # Days as a whole forget: all of a UTC day's answers are as old as its beginning.
        answers, expected = np.zeros((2, 2, 48))
        for user, at, wait in found:
            answered = at + wait[0] * MINUTE
            if answered < as_of:
                mine = counted([(user, at, wait)], user, AS_OF)
                began = answered.replace(hour=0, minute=0)
                aged = 0.5 ** (((as_of - began) - (AS_OF - answered)) / HALF_LIFE)
                answers, expected = answers + aged * mine[0], expected + aged * mine[1]
        np.testing.assert_allclose(told.answers[row], answers, atol=1e-12)
        np.testing.assert_allclose(told.expected[row], expected, atol=1e-12)


def test_a_send_waits_from_the_end_of_the_window_until_its_answer(empty_log: Log) -> None:
    found: Found = [("ann", AS_OF - timedelta(days=2), [100]), ("bob", AS_OF, [])]
    with empty_log.appender() as appender:
        appender.append(TenantId("shop"), event_table(happened(found)))
    with empty_log.reader(TenantId("shop")) as reader:
        late = AsOfView(reader, TARGET).late_answers
        answered, waited = answers_by_age(late, until_us=microseconds(AS_OF))
    # The window of 45 minutes ends in the second half hour; the answer came in the fourth.
    assert np.flatnonzero(waited).tolist() == [1, 2, 3]
    assert np.flatnonzero(answered).tolist() == [3]


def test_later_answers_are_not_known_before(empty_log: Log) -> None:
    found: Found = [("ann", AS_OF - timedelta(days=2), [100])]
    with empty_log.appender() as appender:
        appender.append(TenantId("shop"), event_table(happened(found)))
    with empty_log.reader(TenantId("shop")) as reader:
        late = AsOfView(reader, TARGET).late_answers
        until = AS_OF - timedelta(days=2) + 100 * MINUTE
        for instant, known in ((until, 0.0), (until + MINUTE, 1.0)):
            answered, _ = answers_by_age(late, until_us=microseconds(instant))
            assert answered.sum() == known
