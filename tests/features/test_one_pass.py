"""One pass over the log says what SQL says that looks at all earlier events of each viewpoint."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numba
import numpy as np
import pyarrow as pa
import pytest
from examples import at_most
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sendopt.compiled import compiled
from sendopt.features import (
    LATENCY_STAGES,
    USER_FEATURES,
    AsOfView,
    Target,
    Viewpoints,
    viewpoints,
)
from sendopt.features.declared import ANSWER, DECLARED, Measure, UserFeature
from sendopt.features.local_time.zones import day_of_week, minute_of_day, zone_offsets
from sendopt.log import Log, Reader, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

NOW = datetime(2026, 3, 29, 12, tzinfo=UTC)  # the clocks of Europe went forward in the night
TARGET = Target(timedelta(minutes=90))
HALF_LIFE = timedelta(days=3)
USERS = ("ann", "bob")
ZONES = (None, "UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Africa/Cairo")
ORACLE = Path(__file__).parent / "oracle"

Happening = tuple[str, EventType, int, int, str | None, float | None]

happenings = st.lists(
    st.tuples(
        st.sampled_from(USERS),
        st.sampled_from(
            [
                EventType.SEND,
                EventType.OPEN,
                EventType.SESSION,
                EventType.SESSION,
                EventType.DISMISSAL,
            ]
        ),
        st.integers(-40 * 1440, 10 * 1440),  # minutes from NOW
        st.integers(0, 5),  # number of the send
        st.sampled_from(ZONES),
        st.sampled_from([None, 0.01, 0.3]),
    ),
    max_size=40,
    unique_by=lambda found: (found[0], found[2]),
)
views = st.lists(
    st.tuples(
        st.sampled_from([*USERS, "nobody"]),
        st.integers(-41 * 1440, 11 * 1440),
        st.integers(0, 9 * 1440),  # the moment, minutes from as_of
    ),
    min_size=1,
    max_size=12,
)
few = settings(
    max_examples=at_most(12),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def events(found: Sequence[Happening]) -> list[Event]:
    return [
        Event(
            f"{number:03}",
            UserId(user),
            event_type,
            NOW + minutes(at),
            send_id=None if event_type is EventType.SESSION else SendId(f"{user}-{send}"),
            timezone=zone,
            propensity=propensity if event_type is EventType.SEND else None,
        )
        for number, (user, event_type, at, send, zone, propensity) in enumerate(found)
    ]


def column(values: Sequence[object]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values)])


def stored(log: Log, found: Sequence[Event]) -> TenantId:
    """Give every example a tenant of its own: they share one log."""
    tenant = TenantId(f"tenant-{next(_numbers)}")
    with log.appender() as appender:
        appender.append(tenant, event_table(found))
    return tenant


_numbers = iter(range(10**9))


def oracle(reader: Reader, name: str, *, params: object = None, **inputs: pa.Table) -> pa.Table:
    return reader.query(name, (ORACLE / f"{name}.sql").read_text(), params, inputs)


def every_feature_in_sql() -> str:
    """Return the query of all declared features, each of which looks at all earlier events."""
    columns = ",\n".join(f"{in_sql(each)} as {each.name}" for each in DECLARED)
    return (ORACLE / "user_features.sql").read_text().replace("$columns", columns)


def in_sql(feature: UserFeature) -> str:
    of = EventType.OPEN if feature.of == ANSWER else feature.of
    chosen = [] if of is None else [f"event_type = '{of}'"]
    if feature.days is not None:
        chosen.append(f"age_days <= {feature.days}")
    these = f"filter (where {' and '.join(chosen)})" if chosen else ""
    return {
        Measure.COUNT: f"count(age_days) {these}::double",
        Measure.DAYS_SINCE_LAST: f"min(age_days) {these}",
        Measure.DAYS_SINCE_FIRST: f"max(age_days) {these}",
    }[feature.measure]


def dense(counted: pa.Table, row: str, name: str, rows: int) -> NDArray[np.float64]:
    counts = np.zeros((rows, 96))
    counts[counted[row].to_numpy(), counted["cell"].to_numpy()] = counted[name].to_numpy()
    return counts.reshape(rows, 2, 48)


@few
@given(found=happenings, asked=views)
def test_the_pass_agrees_with_looking_back_from_every_viewpoint(
    empty_log: Log, found: list[Happening], asked: list[tuple[str, int, int]]
) -> None:
    users, as_of_minutes, later = zip(*asked, strict=True)
    as_of = [NOW + minutes(at) for at in as_of_minutes]
    at = column([one + minutes(off) for one, off in zip(as_of, later, strict=True)])
    with empty_log.reader(stored(empty_log, events(found))) as reader:
        seen, number = viewpoints(column(users), column(as_of))
        view = AsOfView(reader, TARGET)
        observations = view.observations
        params = {name: TARGET.params[name] for name in ("outcome", "window_us", "early_us")}
        looked = oracle(reader, "observation", params=params)
        for name in (
            "is_session",
            "latency_stage",
            "happened_us",
            "known_us",
            "cell",
            "propensity",
        ):
            assert observations[name].to_pylist() == looked[name].to_pylist(), name
        assert (
            observations["user_id"].cast(pa.string()).to_pylist() == looked["user_id"].to_pylist()
        )

        counted = oracle(
            reader,
            "evidence",
            params={"half_life_days": HALF_LIFE / timedelta(days=1)},
            observation=looked,
            viewpoint=seen.table(),
        )
        mine = view.user_evidence(seen, half_life=HALF_LIFE)
        # The oracle counts in units of 2^-40.
        close = {"rtol": 1e-9, "atol": 40 * 2.0**-40}
        for name in ("sessions", "sends"):
            expected = dense(counted, "viewpoint", name, len(seen))
            np.testing.assert_allclose(getattr(mine, name), expected, **close)
        for stage in range(len(LATENCY_STAGES)):
            expected = dense(counted, "viewpoint", f"answers_{stage}", len(seen))
            np.testing.assert_allclose(mine.answers[:, stage], expected, **close)

        alone = Viewpoints(seen.user_id.slice(0, 1), seen.as_of.slice(0, 1))
        same = view.user_evidence(alone, half_life=HALF_LIFE)
        np.testing.assert_array_equal(same.sessions[0], mine.sessions[0])
        np.testing.assert_array_equal(same.answers[0], mine.answers[0])

        if len(looked):
            forever = timedelta(days=999_999_999)
            everybody, _ = view.population_evidence(seen, half_life=forever)
            daily = oracle(reader, "population", observation=looked)
            last_day = seen.as_of_us.max() // 86_400_000_000
            before = daily.filter(pa.array(daily["day"].to_numpy() < last_day))
            scale, logged = np.ones(len(before)), before["is_logged"].to_numpy()
            if logged.any():  # weights make no more of what was sent
                sent, weighed = (
                    before[each].to_numpy()[logged].sum() for each in ("sent", "sends")
                )
                scale[logged] = sent / weighed
            for name in ("sessions", "sends", "answers_0", "answers_1", "answers_2"):
                expected = np.zeros(96)
                some = before[name].to_numpy() * (1.0 if name == "sessions" else scale)
                np.add.at(expected, before["cell"].to_numpy(), some)
                kind, _, stage = name.partition("_")
                counts = getattr(everybody, kind)[-1]
                found_now = counts[int(stage)] if stage else counts
                np.testing.assert_allclose(found_now.ravel(), expected, rtol=1e-6)

        known = reader.query(
            "user_features", every_feature_in_sql(), None, {"viewpoint": seen.table()}
        )
        expected = np.column_stack(
            [known[name].to_numpy().astype(np.float64) for name in USER_FEATURES]
        )
        np.testing.assert_array_equal(view.user_features(seen), expected)

        local = view.moments(seen, number, at)
        placed = oracle(
            reader,
            "local_time",
            viewpoint=seen.table(),
            moment=pa.table(
                {
                    "moment": np.arange(len(number)),
                    "viewpoint": number.astype(np.int32),
                    "at": at.cast(pa.timestamp("us", tz="UTC")),
                }
            ),
        )
        assert local.day_of_week.tolist() == placed["day_of_week"].to_pylist()
        assert local.minute_of_day.tolist() == placed["minute_of_day"].to_pylist()
        assert local.day_type.tolist() == placed["day_type"].to_pylist()


@few
@given(found=happenings, future=happenings, order=st.randoms(use_true_random=False))
def test_neither_later_events_nor_the_order_of_reading_move_what_is_known(
    empty_log: Log, found: list[Happening], future: list[Happening], order: object
) -> None:
    past = [event for event in events(found) if event.occurred_at < NOW]
    # At equal instants: the same happenings under other ids, in another order.
    again = [
        Event(
            f"x{number}",
            one.user_id,
            one.event_type,
            one.occurred_at,
            send_id=one.send_id,
            timezone=one.timezone,
        )
        for number, one in enumerate(past)
    ]
    later = [event for event in events(future) if event.occurred_at >= NOW]
    first, second = [*past, *again], [*again, *past, *later]
    order.shuffle(second)  # type: ignore[attr-defined]
    told = []
    for each in (first, second):
        tenant = stored(
            empty_log,
            [
                Event(
                    f"{number}",
                    one.user_id,
                    one.event_type,
                    one.occurred_at,
                    send_id=one.send_id,
                    timezone=one.timezone,
                )
                for number, one in enumerate(each)
            ],
        )
        with empty_log.reader(tenant) as reader:
            seen, _ = viewpoints(column(USERS), column([NOW, NOW]))
            view = AsOfView(reader, TARGET)
            evidence = view.user_evidence(seen, half_life=HALF_LIFE)
            told.append(
                [
                    view.user_features(seen),
                    evidence.sessions,
                    evidence.sends,
                    evidence.answers,
                ]
            )
    for one, other in zip(*told, strict=True):
        np.testing.assert_array_equal(one, other)


def test_at_one_instant_the_last_zone_by_name_counts(empty_log: Log) -> None:
    given_at = NOW - minutes(600)
    zones = ("Asia/Tokyo", None, "America/Lima")
    tenant = stored(
        empty_log,
        [
            Event(str(number), UserId("ann"), EventType.SESSION, given_at, timezone=zone)
            for number, zone in enumerate(zones)
        ]
        + [Event("s", UserId("ann"), EventType.SEND, given_at, send_id=SendId("s"))],
    )
    with empty_log.reader(tenant) as reader:
        cells = AsOfView(reader, TARGET).observations["cell"].to_pylist()
    assert cells == [48 + 22] * 2  # 02:00 UTC is 11:00 in Tokyo, on a Sunday


def test_a_memory_of_minutes_over_years_stays_exact(empty_log: Log) -> None:
    """Decades of halvings: far more than a float has room for."""
    begun = datetime(1990, 1, 1, tzinfo=UTC)
    at = [begun, NOW - minutes(60), NOW - minutes(30)]
    tenant = stored(
        empty_log,
        [
            Event(str(number), UserId("ann"), EventType.SESSION, when)
            for number, when in enumerate(at)
        ],
    )
    with empty_log.reader(tenant) as reader:
        seen, _ = viewpoints(column(["ann"]), column([NOW]))
        found = AsOfView(reader, TARGET).user_evidence(seen, half_life=minutes(30))
    assert found.sessions.sum() == pytest.approx(0.75, rel=1e-7)


CHANGING = (
    "UTC",
    "Africa/Casablanca",
    "Africa/Monrovia",
    "America/New_York",
    "America/Noronha",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Apia",
    "Pacific/Chatham",
)


def test_clocks_are_exact_around_every_change() -> None:
    begin, end = datetime(1971, 1, 1, tzinfo=UTC), datetime(2037, 1, 1, tzinfo=UTC)
    begin_us, end_us = (int(at.timestamp()) * 1_000_000 for at in (begin, end))
    offsets = zone_offsets(CHANGING, begin_us=begin_us, end_us=end_us)
    changes = offsets.from_us
    zone = np.repeat(np.arange(len(CHANGING)), np.diff(offsets.first)).astype(np.int16)
    off = np.array([-60_000_000, -1_000_000, -1, 0, 1_000_000, 86_400_000_000])
    at_us = np.maximum((changes[:, None] + off).ravel(), begin_us)
    zone = np.repeat(zone, len(off))
    clocks = [ZoneInfo(name) for name in CHANGING]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    shown = [
        (epoch + timedelta(microseconds=us)).astimezone(clocks[place]).replace(tzinfo=UTC) - epoch
        for us, place in zip(at_us.tolist(), zone.tolist(), strict=True)
    ]
    assert len(changes) > 600
    expected = np.array([each // timedelta(microseconds=1) for each in shown])
    np.testing.assert_array_equal(offsets.local_us(zone, at_us), expected)


def test_local_days_before_1970_count_too() -> None:
    before = np.array([-1])  # Wednesday, 23:59:59.999999
    assert (day_of_week(before)[0], minute_of_day(before)[0]) == (2, 1439)


def test_without_a_place_to_keep_them_passes_are_compiled_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(numba.core.caching.CompileResultCacheImpl, "_locator_classes", [])

    @compiled(numba.types.int64, numba.types.int64)
    def next_one(number: int) -> int:
        return number + 1

    assert next_one(41) == 42
