"""Labels look ahead, but never past the instant at which learning ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import md5
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from sendopt.errors import InvalidInput
from sendopt.features import (
    AsOfView,
    LabelledMoments,
    Target,
    active_days,
    labelled_sends,
    session_moments,
    summarise,
)
from sendopt.features.labels.labelled import sends_with_labels
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

SHOP = TenantId("shop")
TARGET = Target(timedelta(hours=1))
MONDAY = datetime(2026, 9, 28, tzinfo=UTC)


def append(log: Log, *found: Event) -> None:
    with log.appender() as appender:
        appender.append(SHOP, event_table(found))


def send(
    number: int, at: datetime, propensity: float | None = None, platform: str | None = None
) -> Event:
    return Event(
        f"{number}",
        UserId("ann"),
        EventType.SEND,
        at,
        send_id=SendId(f"s{number}"),
        propensity=propensity,
        platform=platform,
    )


def opened(number: int, at: datetime) -> Event:
    return Event(f"{number}o", UserId("ann"), EventType.OPEN, at, send_id=SendId(f"s{number}"))


def test_sends_whose_window_is_open_are_left_out(empty_log: Log) -> None:
    noon = MONDAY + timedelta(hours=12)
    append(
        empty_log,
        send(1, noon - timedelta(hours=3)),
        send(2, noon - timedelta(hours=1)),  # closes at noon sharp
        opened(2, noon - timedelta(minutes=1)),
        send(3, noon - timedelta(minutes=59)),
        opened(3, noon - timedelta(minutes=58)),
    )
    with empty_log.reader(SHOP) as reader:
        past = labelled_sends(AsOfView(reader, TARGET), since=MONDAY, until=noon, limit=10)
        summary = summarise(reader, TARGET, until=noon)
    assert past.label.tolist() == [0.0, 1.0]
    assert past.as_of.to_pylist() == [MONDAY, MONDAY]
    assert (summary.sends, summary.opens) == (3, 2)


def test_an_answer_counts_from_the_send_on_and_until_the_window_closes(empty_log: Log) -> None:
    hours = [MONDAY + timedelta(hours=hour) for hour in (6, 8, 10)]
    moment = timedelta(microseconds=1)
    delays = (timedelta(0), timedelta(hours=1) - moment, timedelta(hours=1))
    append(
        empty_log,
        *(send(number, at) for number, at in enumerate(hours)),
        *(opened(number, hours[number] + delay) for number, delay in enumerate(delays)),
    )
    with empty_log.reader(SHOP) as reader:
        past = labelled_sends(
            AsOfView(reader, TARGET), since=hours[0], until=MONDAY + timedelta(days=1), limit=10
        )
    assert past.label.tolist() == [1.0, 1.0, 0.0]


def test_only_sends_whose_time_was_randomised_are_taken(empty_log: Log) -> None:
    times = [MONDAY + timedelta(minutes=number) for number in range(80)]
    chances = (0.5, 1.0, None, 0.0)
    append(empty_log, *(send(number, at, chances[number % 4]) for number, at in enumerate(times)))
    until = MONDAY + timedelta(days=1)
    with empty_log.reader(SHOP) as reader:
        sent, share = sends_with_labels(
            reader, TARGET, since=MONDAY, until=until, randomised=True, limit=20
        )
    assert (sent["at"].to_pylist(), share) == (times[::4], 1.0)


def test_what_was_never_logged_weighs_one_beside_what_was(empty_log: Log) -> None:
    chances = (0.5, None, 0.25, 0.0)
    sends = [send(n, MONDAY + timedelta(hours=n), chance) for n, chance in enumerate(chances)]
    append(empty_log, *sends)
    with empty_log.reader(SHOP) as reader:
        past = labelled_sends(
            AsOfView(reader, TARGET), since=MONDAY, until=MONDAY + timedelta(days=1), limit=10
        )
    assert past.weight.tolist() == pytest.approx([2 / 3, 1.0, 4 / 3, 1.0])


def test_a_send_tells_the_platform_that_whoever_planned_it_knew(empty_log: Log) -> None:
    append(empty_log, send(1, MONDAY, platform="ios"), send(2, MONDAY + timedelta(days=1)))
    with empty_log.reader(SHOP) as reader:
        past = labelled_sends(
            AsOfView(reader, TARGET), since=MONDAY, until=MONDAY + timedelta(days=2), limit=10
        )
        seen, asked = past.viewpoints_and_moments(AsOfView(reader, TARGET))
    assert seen.platform is not None
    assert seen.platform.take(pa.array(asked.viewpoint)).to_pylist() == ["ios", None]


@pytest.mark.parametrize("seed", range(3))
def test_of_a_large_log_whole_local_days_of_users_are_drawn(empty_log: Log, seed: int) -> None:
    rng = np.random.default_rng(seed)
    named = ("Europe/Berlin", "Australia/Adelaide", "Asia/Kathmandu", "Pacific/Apia")
    begin = datetime(2026, 3, 24, tzinfo=UTC)  # clocks change in Berlin, Adelaide two weeks on
    sends = []
    for number in range(1_500):
        user = int(rng.integers(20))
        zone = named[user % 4] if number % 3 else None  # most events tell it
        at = begin + timedelta(seconds=int(rng.integers(16 * 86_400)))
        event = Event(f"{number}", UserId(f"u{user}"), EventType.SEND, at, SendId(f"s{number}"))
        sends.append(replace(event, timezone=zone))
    append(empty_log, *sends)
    until = begin + timedelta(days=20)
    with empty_log.reader(SHOP) as reader:
        view = AsOfView(reader, TARGET)
        every = labelled_sends(view, since=begin, until=until, limit=10_000)
        some = labelled_sends(view, since=begin, until=until, limit=600)

    def days(moments: LabelledMoments) -> Counter[tuple[str, str]]:
        users, instants = moments.user_id.to_pylist(), moments.at.to_pylist()
        zones = [ZoneInfo(named[int(user[1:]) % 4]) for user in users]
        local = [f"{at.astimezone(zone):%F}" for at, zone in zip(instants, zones, strict=True)]
        return Counter(zip(users, local, strict=True))

    assert every.share == 1.0
    assert days(some).items() < days(every).items()  # each whole or not at all
    drawn = len(days(some)) / len(days(every))
    assert drawn == pytest.approx(some.share, abs=4 * np.sqrt(0.24 / len(days(every))))
    # The same on every machine and in every release: MD5 (RFC 1321) of the day and the user.
    assert set(days(some)) == {
        (user, day)
        for user, day in days(every)
        if int.from_bytes(md5(f"{day} {user}".encode()).digest()[:8], "little") / 2**64 < some.share
    }


def test_unlikely_times_weigh_more_but_never_without_bound(empty_log: Log) -> None:
    append(
        empty_log,
        send(1, MONDAY, propensity=0.5),
        send(2, MONDAY + timedelta(hours=1), propensity=0.001),
    )
    with empty_log.reader(SHOP) as reader:
        past = labelled_sends(
            AsOfView(reader, TARGET), since=MONDAY, until=MONDAY + timedelta(days=1), limit=10
        )
    assert past.weight[1] / past.weight[0] == pytest.approx(20.0 / 2.0)
    assert past.weight.mean() == pytest.approx(1.0)


def session(number: int, user: str, at: datetime) -> Event:
    return Event(f"session-{number}", UserId(user), EventType.SESSION, at)


def days_of(
    log: Log, *, since: datetime = MONDAY, days: int = 4, limit: int = 10_000
) -> LabelledMoments:
    with log.reader(SHOP) as reader:
        return active_days(
            AsOfView(reader, TARGET),
            since=since,
            until=MONDAY + timedelta(days=days),
            limit=limit,
            rng=np.random.default_rng(1),
        )


def test_active_days_are_whole_days_that_have_closed(empty_log: Log) -> None:
    active = [
        timedelta(hours=5),
        timedelta(days=1, hours=9, minutes=15),
        timedelta(days=3, hours=23),
    ]
    append(empty_log, *(session(n, "ann", MONDAY + after) for n, after in enumerate(active)))
    past = days_of(empty_log)
    at = past.at.filter(pa.array(past.label > 0)).to_pylist()
    # The first day begins after the first event; the last would close an hour after its end.
    assert len(past) == 2 * 24
    assert at == [MONDAY + timedelta(days=1, hours=9)]
    assert len(days_of(empty_log, limit=47)) == 24
    from_tuesday_noon = days_of(empty_log, since=MONDAY + timedelta(days=1, hours=12))
    assert set(from_tuesday_noon.as_of.to_pylist()) == {MONDAY + timedelta(days=2)}


def test_of_a_log_without_a_whole_day_there_is_no_moment_and_no_sample(empty_log: Log) -> None:
    append(empty_log, session(0, "ann", MONDAY), session(1, "ann", MONDAY + timedelta(hours=30)))
    past = days_of(empty_log, days=2)
    assert (len(past), past.share) == (0, 1.0)


def test_an_hour_is_active_if_a_session_began_in_it(empty_log: Log) -> None:
    """A session at ten sharp is of that hour alone, and to answer a push is no session."""
    tuesday = MONDAY + timedelta(days=1)
    append(
        empty_log,
        session(0, "ann", MONDAY),
        session(1, "ann", tuesday + timedelta(hours=10)),
        session(2, "bob", tuesday + timedelta(hours=12)),
        send(1, tuesday + timedelta(hours=15)),
        opened(1, tuesday + timedelta(hours=15, minutes=5)),
    )
    past = days_of(empty_log, days=3)
    active = pa.array(past.label > 0)
    assert past.at.filter(active).to_pylist() == [tuesday + timedelta(hours=10)]


def test_every_day_of_everybody_is_drawn_as_often_as_any_other(empty_log: Log) -> None:
    append(empty_log, session(0, "ann", MONDAY), session(1, "bob", MONDAY + timedelta(days=1)))
    past = days_of(empty_log, days=6)
    days = Counter(zip(past.user_id.to_pylist(), past.as_of.to_pylist(), strict=True))
    assert set(days.values()) == {24}
    assert Counter(user for user, _ in days) == {"ann": 4, "bob": 3}


def test_sessions_are_seen_from_before_any_of_them(empty_log: Log) -> None:
    """Had each been seen from its own day, what is to be told would be known."""
    times = [MONDAY + timedelta(days=day, hours=9) for day in range(5)]
    append(empty_log, *(session(n, "ann", at) for n, at in enumerate(times)))
    since, until = times[1], times[4]
    with empty_log.reader(SHOP) as reader:
        found = session_moments(reader, since=since, until=until, limit=10)
    assert set(found.as_of.to_pylist()) == {since}
    assert sorted(found.at.to_pylist()) == times[1:4]


@pytest.mark.parametrize("outcome", [EventType.SEND, EventType.SESSION, EventType.OPT_OUT])
def test_only_answers_can_be_predicted(outcome: EventType) -> None:
    with pytest.raises(InvalidInput, match="outcome"):
        Target(timedelta(minutes=30), outcome)
