"""Hours are the user's own, across changes of clocks and of places."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendopt.features import AsOfView, Target, viewpoints
from sendopt.features.labels.labelled import labelled_sends
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

SHOP = TenantId("shop")
HALF_AN_HOUR = Target(timedelta(minutes=30))


def column(*values: object) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values)])


def session(number: int, at: datetime, zone: str | None, user: str = "ann") -> Event:
    return Event(str(number), UserId(user), EventType.SESSION, at, timezone=zone)


def append(log: Log, *found: Event) -> None:
    with log.appender() as appender:
        appender.append(SHOP, event_table(found))


@pytest.mark.parametrize(
    ("at", "zone", "day_of_week", "clock"),
    [
        (datetime(2026, 3, 8, 6, 59, tzinfo=UTC), "America/New_York", 6, "01:59"),
        (datetime(2026, 3, 8, 7, 0, tzinfo=UTC), "America/New_York", 6, "03:00"),  # 02:xx is not
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "Europe/Berlin", 6, "02:30"),  # first time
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "Europe/Berlin", 6, "02:30"),  # second time
        (datetime(2026, 10, 4, 11, 0, tzinfo=UTC), "Pacific/Auckland", 0, "00:00"),  # Monday there
        (datetime(2026, 10, 4, 11, 0, tzinfo=UTC), "Asia/Kathmandu", 6, "16:45"),
        (datetime(2026, 10, 4, 11, 0, tzinfo=UTC), None, 6, "11:00"),
    ],
)
def test_candidates_fall_on_the_local_clock(
    empty_log: Log, at: datetime, zone: str | None, day_of_week: int, clock: str
) -> None:
    append(empty_log, session(1, at - timedelta(days=2), zone))
    with empty_log.reader(SHOP) as reader:
        seen, number = viewpoints(column("ann"), column(at - timedelta(days=1)))
        asked = AsOfView(reader, HALF_AN_HOUR).moments(seen, number, column(at))
    assert asked.day_of_week[0] == day_of_week
    assert f"{asked.minute_of_day[0] // 60:02}:{asked.minute_of_day[0] % 60:02}" == clock


def test_a_move_counts_from_the_instant_it_was_known(empty_log: Log) -> None:
    moved = datetime(2026, 6, 10, 12, tzinfo=UTC)
    append(
        empty_log,
        session(1, moved - timedelta(days=5), "Europe/London"),
        session(2, moved, "Asia/Tokyo"),
        session(3, moved + timedelta(days=1), None),
    )
    at = moved + timedelta(days=3)  # 13:00 in London, 21:00 in Tokyo
    with empty_log.reader(SHOP) as reader:
        seen, number = viewpoints(column("ann", "ann"), column(moved, moved + timedelta(days=2)))
        asked = AsOfView(reader, HALF_AN_HOUR).moments(seen, number, column(at, at))
    hour = dict(
        zip(seen.as_of.to_pylist(), asked.minute_of_day[number.argsort()] // 60, strict=True)
    )
    assert list(hour.values()) == [13, 21]


ZONES, PLATFORMS = [None, "Europe/London", "Asia/Tokyo"], [None, "web", "ios"]


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["ann", "bob"]),
            st.integers(0, 1),
            st.sampled_from(ZONES),
            st.sampled_from(PLATFORMS),
        )
    )
)
def test_every_row_finds_all_that_was_told_of_it_and_nothing_twice(
    rows: list[tuple[str, int, str | None, str | None]],
) -> None:
    text, begin = pa.string(), datetime(2026, 6, 10, tzinfo=UTC)
    users, days, zones, platforms = zip(*rows, strict=True) if rows else ((), (), (), ())
    instants = [begin + timedelta(days=day) for day in days]
    seen, number = viewpoints(
        pa.array(users, text),
        pa.array(instants, pa.timestamp("us", tz="UTC")),
        timezone=pa.array(zones, text),
        platform=pa.array(platforms, text),
    )
    assert seen.timezone is not None
    assert seen.platform is not None
    columns = (seen.user_id, seen.as_of, seen.timezone, seen.platform)
    told = list(zip(*(column.to_pylist() for column in columns), strict=True))
    assert [told[each] for each in number] == list(
        zip(users, instants, zones, platforms, strict=True)
    )
    assert len(told) == len(set(rows))


def test_who_is_sent_to_in_two_zones_within_a_day_lives_by_both(empty_log: Log) -> None:
    noon = datetime(2026, 6, 10, 12, tzinfo=UTC)
    sends = [
        Event(
            f"{number}",
            UserId("ann"),
            EventType.SEND,
            noon + timedelta(minutes=number),
            send_id=SendId(f"{number}"),
            timezone=zone,
        )
        for number, zone in enumerate(["Europe/London", "Asia/Tokyo"])
    ]
    append(empty_log, session(9, noon - timedelta(days=3), "Europe/London"), *sends)
    with empty_log.reader(SHOP) as reader:
        view = AsOfView(reader, HALF_AN_HOUR)
        past = labelled_sends(
            view, since=noon - timedelta(days=1), until=noon + timedelta(days=1), limit=10
        )
        _, asked = past.viewpoints_and_moments(view)
    assert past.local_hour.tolist() == [13, 21]
    assert (asked.minute_of_day // 60).tolist() == [13, 21]


def test_evidence_keeps_the_zone_of_its_own_time(empty_log: Log) -> None:
    """Nine in the morning in Berlin stays nine in the morning after the clocks change."""
    append(
        empty_log,
        session(1, datetime(2026, 3, 27, 8, 10, tzinfo=UTC), "Europe/Berlin"),  # winter time
        session(2, datetime(2026, 3, 30, 7, 10, tzinfo=UTC), None),  # summer time, same zone
    )
    with empty_log.reader(SHOP) as reader:
        seen, _ = viewpoints(column("ann"), column(datetime(2026, 4, 1, tzinfo=UTC)))
        view = AsOfView(reader, HALF_AN_HOUR)
        found = view.user_evidence(seen, half_life=timedelta(days=100_000))
    assert found.sessions[0, 0].nonzero()[0].tolist() == [18]
    assert found.sessions[0, 0, 18] == pytest.approx(2.0, abs=0.001)


def test_a_zone_that_the_database_does_not_know_yet_breaks_nothing(empty_log: Log) -> None:
    at = datetime(2026, 10, 1, 9, tzinfo=UTC)
    append(
        empty_log,
        session(1, at, "Asia/Tokyo"),
        session(2, at + timedelta(days=1), "Antarctica/Newly_Founded"),
    )
    with empty_log.reader(SHOP) as reader:
        seen, number = viewpoints(column("ann"), column(at + timedelta(days=2)))
        view = AsOfView(reader, HALF_AN_HOUR)
        asked = view.moments(seen, number, column(at + timedelta(days=3)))
        cells = view.observations["cell"].to_pylist()
    assert cells == [36, 36]  # 18:00 in Tokyo
    assert asked.minute_of_day[0] == 18 * 60


def test_evidence_halves_with_every_half_life(empty_log: Log) -> None:
    as_of = datetime(2026, 10, 1, tzinfo=UTC)
    append(empty_log, session(1, as_of - timedelta(days=20), "UTC"))
    with empty_log.reader(SHOP) as reader:
        seen, _ = viewpoints(column("ann"), column(as_of))
        view = AsOfView(reader, HALF_AN_HOUR)
        found = view.user_evidence(seen, half_life=timedelta(days=10))
    assert found.sessions.sum() == pytest.approx(0.25)
