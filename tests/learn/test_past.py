"""Which past teaches, tunes and judges, whatever a few clocks say and however large a log is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendopt.errors import InvalidInput
from sendopt.features import AsOfView, LabelledMoments, Target, body_of, labelled_sends
from sendopt.features.body import extent
from sendopt.learn.backtest import backtest
from sendopt.learn.fitting.fit import Fitted, fit
from sendopt.learn.past.groups import day_groups
from sendopt.learn.past.split import split
from sendopt.log import EVENT_SCHEMA, Log, Reader, event_table
from sendopt.records import Event, EventType, TenantId, UserId

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
TARGET = Target(timedelta(minutes=30))
DAY_US = 86_400_000_000
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DAYS = 40

_tenants = (TenantId(f"shop-{number}") for number in range(10**6))


def stored(log: Log, events: pa.Table) -> TenantId:
    tenant = next(_tenants)
    with log.appender() as appender:
        appender.append(tenant, events)
    return tenant


def sends(
    users: int, days: int, a_day: int, *, zone: str | None = None, hour: float | None = None
) -> pa.Table:
    """A quarter of `a_day` sends to each user on each day is answered within ten minutes."""
    rng = np.random.default_rng(5)
    count = users * days * a_day
    user, day = np.divmod(np.arange(count) // a_day, days)
    of_day_us = np.full(count, hour * 3.6e9) if hour is not None else rng.random(count) * 8.6e10
    at_us = int(BEGIN.timestamp()) * 10**6 + day * DAY_US + of_day_us.astype(np.int64)
    answered = rng.random(count) < 0.25
    answer_us = at_us[answered] + rng.integers(1_000_000, 600_000_000, int(answered.sum()))
    number = np.arange(count).astype(str)
    kinds = np.repeat(["send", "open"], [count, len(answer_us)])
    ids = np.concatenate([number, number[answered]])
    columns = {
        "event_id": np.char.add(kinds, ids),
        "user_id": np.char.add("user-", np.concatenate([user, user[answered]]).astype(str)),
        "event_type": kinds,
        "occurred_at": pa.array(np.concatenate([at_us, answer_us])).cast(
            pa.timestamp("us", tz="UTC")
        ),
        "send_id": ids,
        "timezone": pa.array([zone] * len(ids), pa.string()),
        "attributes": ["{}"] * len(ids),
    }
    return pa.table(
        {
            field.name: pa.array(columns[field.name]).cast(field.type)
            if field.name in columns
            else pa.nulls(len(ids), field.type)
            for field in EVENT_SCHEMA
        },
        schema=EVENT_SCHEMA,
    )


def session(at: datetime, user: str = "user-0") -> pa.Table:
    event = Event(f"alone-{at.isoformat()}", UserId(user), EventType.SESSION, at)
    return event_table([event])


def learned(reader: Reader, until: datetime) -> Fitted:
    with body_of(reader, until=until) as (inside, body):
        return fit(
            AsOfView(inside, TARGET),
            body=body,
            until=until,
            judged=True,
            seed=1,
            threads=1,
            progress=lambda _: None,
        )


# --- what a log's body is


@given(
    days=st.integers(1, 400),
    usual=st.integers(1, 10_000),
    strays=st.lists(
        st.tuples(st.integers(61, 20_000), st.booleans()), max_size=4, unique_by=lambda one: one[0]
    ),
)
def test_days_that_stand_far_apart_are_not_of_the_body(
    days: int, usual: int, strays: list[tuple[int, bool]]
) -> None:
    body = np.arange(20_000, 20_000 + days)
    far = np.array([20_000 - off if old else 20_000 + days + off for off, old in strays], int)
    day = np.sort(np.concatenate([body, far]))
    events = np.where(np.isin(day, body), usual, 1)
    first, last = extent(day, events)
    if len(strays) < 0.02 * events.sum():
        assert (day[first], day[last]) == (body[0], body[-1])


def test_a_log_that_was_silent_for_a_season_is_one_log() -> None:
    day = np.r_[0:30, 365:395]
    assert extent(day, np.full(60, 5)) == (0, 59)


@pytest.mark.parametrize("usual", [1, 50, 10_000])
@pytest.mark.parametrize("season", [5, 7])
def test_a_new_season_after_a_pause_is_of_the_body_however_short_it_is(
    usual: int, season: int
) -> None:
    day = np.r_[0:365, 426 : 426 + season]
    assert extent(day, np.full(len(day), usual)) == (0, len(day) - 1)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_the_first_day_of_a_season_is_of_the_body_before_all_are_there(share: float) -> None:
    day = np.r_[0:365, 426]
    assert extent(day, np.r_[np.full(365, 10_000), int(10_000 * share)]) == (0, 365)


def test_devices_reset_to_one_day_are_sparse_beside_usual_days() -> None:
    day = np.r_[0, 20_000:20_365]
    assert extent(day, np.r_[100, np.full(365, 5_000)]) == (1, 365)


def test_one_device_that_says_much_is_one_stray(empty_log: Log) -> None:
    wrong = [session(datetime(2000, 1, 1, 0, minute, tzinfo=UTC)) for minute in range(60)]
    table = pa.concat_tables([sends(40, DAYS, 2), *wrong])
    with (
        empty_log.reader(stored(empty_log, table)) as reader,
        body_of(reader, until=BEGIN + 100 * DAY) as (_, body),
    ):
        assert body is not None
        assert (body.begin, body.before) == (BEGIN, 60)


def test_wrong_clocks_of_every_year_make_no_log_longer() -> None:
    """Where there are millions of devices some clock is wrong on every day there ever was."""
    day = np.arange(20_040)
    events = np.where(day < 20_000, 1, 100_000)
    assert extent(day, events) == (20_000, 20_039)


@pytest.mark.parametrize(
    "wrong",
    [
        datetime(1970, 1, 1, tzinfo=UTC),
        pytest.param(datetime(2000, 1, 1, tzinfo=UTC), marks=pytest.mark.slow),
        pytest.param(datetime(2099, 1, 1, tzinfo=UTC), marks=pytest.mark.slow),
    ],
)
def test_one_wrong_clock_changes_nothing_and_is_named(empty_log: Log, wrong: datetime) -> None:
    clean = sends(40, DAYS, 2, zone="Asia/Tokyo")
    reports = []
    for table in (clean, pa.concat_tables([clean, session(wrong)])):
        with empty_log.reader(stored(empty_log, table)) as reader:
            result = backtest(
                reader,
                None,
                open_window=TARGET.open_window,
                outcome=EventType.OPEN,
                seed=1,
                threads=1,
                progress=lambda _: None,
            )
            reports.append(result.report)
    right, found = reports
    assert right.verdict is not None
    assert right.verdict.moments == pytest.approx(40 * DAYS, rel=0.02)
    assert found.verdict == right.verdict
    assert (
        [note for note in found.notes if note not in right.notes]
        == [note for note in found.notes if f"{wrong:%Y-%m-%d}" in note and "left out" in note]
        != []
    )


# --- parts by time


def moments(at_us: np.ndarray) -> LabelledMoments:
    ones = np.ones(len(at_us))
    users = pa.array(["ann"] * len(at_us))
    return LabelledMoments(users, at_us // DAY_US * DAY_US, at_us, at_us, ones, ones)


@given(st.integers(4, 300), st.integers(60, 300), st.integers(0, 3))
def test_each_part_holds_its_share_of_moments(days: int, a_day: int, strays: int) -> None:
    at_us = np.arange(days * a_day) * (DAY_US // a_day)
    end = days * DAY_US
    few = np.array([-50 * DAY_US, -30 * DAY_US, end + 40 * DAY_US])[:strays]
    past = moments(np.concatenate([few, at_us]).astype(np.int64))
    until = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days + 41)
    parts = split(past, TARGET, until=until, judged=True)
    share = min(max(days / 5, 1.0), 28.0) / days
    assert parts.judge(past).mean() == pytest.approx(share, rel=0.15, abs=0.03)
    assert parts.tune(past).mean() == pytest.approx(share, rel=0.2, abs=0.05)
    assert parts.learn(past).any()


def test_a_log_whose_first_day_holds_nearly_all_teaches_with_that_day() -> None:
    at_us = np.r_[np.arange(900) * 60_000_000, np.arange(1, 11) * DAY_US + 1].astype(np.int64)
    until = datetime(1970, 1, 12, tzinfo=UTC)
    parts = split(moments(at_us), TARGET, until=until, judged=True)
    for part in (parts.learn, parts.judge):
        assert part(moments(at_us)).any()


def test_a_log_that_ended_is_judged_on_its_last_days(empty_log: Log) -> None:
    ended = BEGIN + DAYS * DAY
    with empty_log.reader(stored(empty_log, sends(30, DAYS, 1))) as reader:
        at_once, later = learned(reader, ended), learned(reader, ended + 50 * DAY)
    assert at_once.split.judge(at_once.moments).sum() > 30 * 6
    assert later.split == at_once.split
    np.testing.assert_array_equal(later.moments.label, at_once.moments.label)


def test_half_of_what_can_be_learned_comes_before_what_is_judged(empty_log: Log) -> None:
    """A year of visits before the first send: the half of time would hold no send."""
    visits = pa.concat_tables([session(BEGIN - n * DAY) for n in range(1, 200)])
    log = pa.concat_tables([visits, sends(30, DAYS, 1)])
    with empty_log.reader(stored(empty_log, log)) as reader:
        report = backtest(
            reader,
            None,
            open_window=TARGET.open_window,
            outcome=EventType.OPEN,
            seed=1,
            threads=1,
            progress=lambda _: None,
        ).report
    assert report.label_source == "sends"
    assert report.trained_until == pytest.approx(BEGIN + DAYS * DAY / 2, abs=DAY)


def test_an_empty_log_is_refused(empty_log: Log) -> None:
    with empty_log.reader(next(_tenants)) as reader, pytest.raises(InvalidInput, match="empty"):
        backtest(
            reader,
            None,
            open_window=TARGET.open_window,
            outcome=EventType.OPEN,
            seed=1,
            threads=1,
            progress=lambda _: None,
        )


# --- a sample of a large log


def test_a_large_log_is_read_over_its_whole_time_by_user_days(empty_log: Log) -> None:
    """300 users, 40 days, four sends a day: 48,000, of which a tenth is taken."""
    until = BEGIN + (DAYS + 1) * DAY
    with empty_log.reader(stored(empty_log, sends(300, DAYS, 4, zone="Asia/Kolkata"))) as reader:
        view = AsOfView(reader, TARGET)
        whole = labelled_sends(view, since=BEGIN, until=until, limit=10**6)
        some = labelled_sends(view, since=BEGIN, until=until, limit=4_800)
        again = labelled_sends(view, since=BEGIN, until=until, limit=4_800)
    assert (whole.share, some.share) == (1.0, pytest.approx(0.1))
    assert len(some) == pytest.approx(4_800, rel=0.15)
    np.testing.assert_array_equal(some.at_us, again.at_us)
    size = dict(zip(*np.unique(_pairs(whole), return_counts=True), strict=True))
    for pair, count in zip(*np.unique(_pairs(some), return_counts=True), strict=True):
        assert size[pair] == count  # a user's local day as a whole
    a_day = np.bincount(some.local_day - some.local_day.min(), minlength=DAYS)[1:-1]
    assert a_day.min() > 40  # of 120 on average
    parts = split(some, TARGET, until=until, judged=True)
    for part in (parts.tune, parts.judge):
        assert part(some).mean() == pytest.approx(0.2, abs=0.03)


def _pairs(past: LabelledMoments) -> np.ndarray:
    names = np.array(past.user_id.to_pylist())
    return np.char.add(names, past.local_day.astype(str))


# --- a day is the user's


#: UTC hours: midnight, early or late in the local day.
HOURS = {
    "Asia/Kolkata": 0.0,
    "Asia/Kathmandu": 0.1,
    "Australia/Adelaide": 0.0,
    "America/St_Johns": 0.2,
    "UTC": 12.0,
}


@pytest.mark.parametrize("zone", HOURS)
def test_one_send_a_local_day_is_no_choice(empty_log: Log, zone: str) -> None:
    """Sends go out around UTC midnight, at one local hour, some before it and some after."""
    table = sends(20, 30, 1, zone=zone, hour=HOURS[zone])
    jitter = np.random.default_rng(1).integers(-1_200, 1_200, len(table)) * 1_000_000
    at = pa.array(table["occurred_at"].cast(pa.int64()).to_numpy() + jitter)
    is_send = np.array(table["event_type"].to_pylist()) == "send"
    moved = table.filter(pa.array(is_send)).set_column(
        3,
        EVENT_SCHEMA.field("occurred_at"),
        at.filter(pa.array(is_send)).cast(pa.timestamp("us", tz="UTC")),
    )
    with empty_log.reader(stored(empty_log, moved)) as reader:
        past = labelled_sends(
            AsOfView(reader, TARGET), since=BEGIN - DAY, until=BEGIN + 40 * DAY, limit=10**6
        )
    assert len(np.unique(day_groups(past))) == len(past) == 600
    assert (past.as_of_us <= past.at_us).all()
    assert (past.at_us - past.as_of_us < 25 * 3_600_000_000).all()


@pytest.mark.parametrize(
    ("day", "hours"),
    [(datetime(2026, 3, 29, tzinfo=UTC), 23), (datetime(2026, 10, 25, tzinfo=UTC), 25)],
)
def test_days_on_which_clocks_change_are_one_day(empty_log: Log, day: datetime, hours: int) -> None:
    midnight = day - (HOUR if hours == 23 else 2 * HOUR)  # in Berlin
    events = [
        Event(
            f"before-{n}",
            UserId("ann"),
            EventType.SEND,
            midnight + n * HOUR,
            f"s{n}",
            timezone="Europe/Berlin",
        )
        for n in range(-1, hours + 1)
    ]
    with empty_log.reader(stored(empty_log, event_table(events))) as reader:
        past = labelled_sends(
            AsOfView(reader, TARGET), since=midnight - DAY, until=midnight + 3 * DAY, limit=100
        )
    assert np.bincount(day_groups(past)).tolist() == [1, hours, 1]
    begins = past.as_of_us[1 : hours + 1]
    assert set(begins.tolist()) == {int(midnight.timestamp()) * 10**6}


def test_no_moment_is_seen_from_within_its_day(empty_log: Log) -> None:
    """All of a user's local day is seen from one instant, before any of it."""
    with empty_log.reader(stored(empty_log, sends(10, 20, 5, zone="Pacific/Auckland"))) as reader:
        past = labelled_sends(
            AsOfView(reader, TARGET), since=BEGIN, until=BEGIN + 30 * DAY, limit=10**6
        )
    group = day_groups(past)
    first = np.full(group.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, group, past.at_us)
    assert (past.as_of_us <= first[group]).all()
    for user in range(10):
        mine = np.array(past.user_id.to_pylist()) == f"user-{user}"
        assert len(np.unique(past.as_of_us[mine])) == len(np.unique(group[mine]))
