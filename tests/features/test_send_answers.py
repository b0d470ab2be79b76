"""What the answer of a send is: one message, one user, two clocks; the same in every query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.errors import InvalidInput
from sendopt.features import (
    LONGEST_WINDOW,
    AsOfView,
    Summary,
    Target,
    labelled_sends,
    summarise,
    viewpoints,
)
from sendopt.learn.level_shape.delays import STAGES, observed_delays
from sendopt.log import Log, Reader, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId
from sendopt.score.histogram import score_hours
from sendopt.settings import LearnSettings

NOON = datetime(2026, 9, 28, 12, tzinfo=UTC)
END = NOON + timedelta(days=40)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
TARGET = Target(30 * MINUTE)
USERS = ("ann", "bob", "cid", "dan", "eve")

# (user, campaign, minute of the send, what was answered how many seconds later)
one_send = st.tuples(
    st.sampled_from(USERS),
    st.integers(0, 3),
    st.integers(0, 400),
    st.lists(
        st.tuples(st.sampled_from([EventType.OPEN, EventType.CLICK]), st.integers(-900, 5400)),
        max_size=3,
    ),
)
logs = st.lists(one_send, min_size=8, max_size=20, unique_by=lambda one: one[:2])
few = settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])

_numbers = iter(range(10**9))


def stored(log: Log, events: Sequence[Event]) -> TenantId:
    """Give every log a tenant of its own."""
    tenant = TenantId(f"tenant-{next(_numbers)}")
    with log.appender() as appender:
        appender.append(tenant, event_table(events))
    return tenant


def learned_from(log: Log, events: Sequence[Event]) -> tuple[Any, ...]:
    with log.reader(stored(log, events)) as lake, lake.for_many_queries() as reader:
        return everything(reader)


def event(
    event_id: str, kind: EventType, at: datetime, send_id: str, user: str = "ann", **more: Any
) -> Event:
    return Event(event_id, UserId(user), kind, at, send_id=SendId(send_id), **more)


def send(at: datetime = NOON, event_id: str = "s", **more: Any) -> Event:
    return event(event_id, EventType.SEND, at, "m", **more)


def opened(at: datetime, event_id: str = "o", **more: Any) -> Event:
    return event(event_id, EventType.OPEN, at, "m", **more)


def everything(reader: Reader) -> tuple[Any, ...]:
    """Return all that is learned from sends and their answers."""
    view = AsOfView(reader, TARGET)
    observed = view.observations
    seen, _ = viewpoints(
        pa.chunked_array([pa.array(USERS)]), pa.chunked_array([pa.array([END] * len(USERS))])
    )
    return (
        summarise(reader, TARGET, until=END),
        labelled(reader),
        sorted(map(str, observed.to_pylist())),
        observed_delays(reader, TARGET, until=END),
        view.user_features(seen).tolist().__repr__(),
    )


def labelled(reader: Reader) -> list[tuple[str, int, float]]:
    """Return of each send whose it is, when it was sent, and whether it was answered."""
    past = labelled_sends(AsOfView(reader, TARGET), since=NOON, until=END, limit=10**6)
    return sorted(
        zip(past.user_id.to_pylist(), past.at_us.tolist(), past.label.tolist(), strict=True)
    )


def labels(reader: Reader) -> list[float]:
    past = labelled_sends(AsOfView(reader, TARGET), since=NOON - 9 * MINUTE, until=END, limit=10**6)
    found: list[float] = past.label.tolist()
    return found


def told(reader: Reader) -> Summary:
    return summarise(reader, TARGET, until=END)


@few
@given(found=logs)
def test_one_id_for_all_users_of_a_message_changes_nothing(
    empty_log: Log, found: list[tuple[str, int, int, list[tuple[EventType, int]]]]
) -> None:
    """Vendors call a whole message by one id, whoever got it."""

    def events(name: Callable[[str, int], str]) -> list[Event]:
        made = []
        for user, campaign, minute, answers in found:
            at, own = NOON + minute * MINUTE, f"{user}-{campaign}"
            send_id = name(user, campaign)
            made.append(event(own, EventType.SEND, at, send_id, user, propensity=0.5))
            made += [
                event(f"{own}-{n}", kind, at + late * SECOND, send_id, user)
                for n, (kind, late) in enumerate(answers)
            ]
        return made

    apart = learned_from(empty_log, events(lambda user, campaign: f"{user}-{campaign}"))
    shared = learned_from(empty_log, events(lambda _user, campaign: f"msg-{campaign}"))
    assert shared == apart


def test_only_who_opened_a_shared_message_opened_it(empty_log: Log) -> None:
    events = [
        send(),
        send(event_id="s-bob", user="bob"),
        opened(NOON + 5 * MINUTE),
    ]
    with empty_log.reader(stored(empty_log, events)) as reader:
        past = labelled_sends(AsOfView(reader, TARGET), since=NOON, until=END, limit=10)
        assert dict(zip(past.user_id.to_pylist(), past.label, strict=True)) == {"ann": 1, "bob": 0}
        assert told(reader).opens == 1
        with reader.of_user(UserId("bob")) as own:
            assert AsOfView(own, TARGET).observations["latency_stage"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("stamped", "label", "early", "too_early"),
    [
        ((-2 * SECOND,), 1.0, 1, 0),
        ((-5 * MINUTE,), 1.0, 1, 0),
        ((-5 * MINUTE - timedelta(microseconds=1),), 0.0, 0, 1),
        ((-6 * MINUTE, 3 * MINUTE), 1.0, 0, 1),
        ((-6 * MINUTE, 40 * MINUTE), 0.0, 0, 1),
        ((-MINUTE, 40 * MINUTE), 1.0, 1, 0),
    ],
)
def test_an_answer_before_its_send_came_at_once_or_is_none(
    empty_log: Log, stamped: tuple[timedelta, ...], label: float, early: int, too_early: int
) -> None:
    events = [send(), *(opened(NOON + at, f"o{n}") for n, at in enumerate(stamped))]
    with empty_log.reader(stored(empty_log, events)) as reader:
        summary, observed = told(reader), AsOfView(reader, TARGET).observations
        assert labels(reader) == [label]
        prompt = {0.0: [None], 1.0: [0]}[label]
        assert observed["latency_stage"].to_pylist() == prompt
        delays = observed_delays(reader, TARGET, until=END)
    assert (summary.opens, summary.early_answers) == (label, early)
    assert summary.too_early_answers == too_early
    assert summary.earliest_answer == (-min(stamped) if early else None)
    # One send and half a one of the prior: answered in the first five minutes, or not in them.
    assert (delays.hazard[0] > 1.0) == (label > 0)


@few
@given(skew=st.integers(0, 300), found=logs)
def test_a_clock_that_is_behind_within_the_tolerance_loses_no_answer(
    empty_log: Log, skew: int, found: list[tuple[str, int, int, list[tuple[EventType, int]]]]
) -> None:
    def answered(behind: timedelta) -> list[tuple[Any, ...]]:
        events = []
        for user, campaign, minute, answers in found:
            at, own = NOON + minute * MINUTE, f"{user}-{campaign}"
            events.append(event(own, EventType.SEND, at, own, user))
            events += [
                event(f"{own}-{n}", kind, at + late * SECOND - behind, own, user)
                for n, (kind, late) in enumerate(answers)
                if 0 <= late < 1800
            ]
        with empty_log.reader(stored(empty_log, events)) as reader:
            return labelled(reader)

    assert answered(skew * SECOND) == answered(timedelta(0))


def test_the_tolerance_is_the_targets(empty_log: Log) -> None:
    strict = replace(TARGET, clock_tolerance=timedelta(0))
    events = [send(), opened(NOON - SECOND)]
    with empty_log.reader(stored(empty_log, events)) as reader:
        past = labelled_sends(AsOfView(reader, strict), since=NOON, until=END, limit=10)
        assert past.label.tolist() == [0.0]
    with pytest.raises(InvalidInput, match="clock_tolerance"):
        Target(MINUTE, clock_tolerance=-SECOND)


@pytest.mark.parametrize("later", [timedelta(0), SECOND, timedelta(days=1)])
def test_a_send_that_is_told_of_twice_is_one(empty_log: Log, later: timedelta) -> None:
    """The first event by time and id is the send; the other one weighs nothing anywhere."""
    once = [send(propensity=0.5), opened(NOON + 3 * MINUTE)]
    twice = [*once, send(NOON + later, "s-again", propensity=0.5)]
    alone, found = learned_from(empty_log, once), learned_from(empty_log, twice)
    assert found[1:] == alone[1:]
    assert (found[0].sends, found[0].repeated_sends) == (1, 1)
    assert alone[0].repeated_sends == 0
    assert found[0].opens == alone[0].opens == 1


def test_the_histogram_of_hours_knows_the_same_answers(empty_log: Log) -> None:
    """150 sends of one message, each answered a second before it, and told of twice."""
    events = []
    for number in range(150):
        user = f"user-{number}"
        events += [
            send(NOON, f"{user}-s", user=user),
            send(NOON + SECOND, f"{user}-again", user=user),
            opened(NOON - SECOND, f"{user}-o", user=user),
        ]
    with empty_log.reader(stored(empty_log, events)) as reader:
        hours = score_hours(reader, TARGET, as_of=END, timezone="UTC")
    assert hours is not None
    overall = 151 / 152
    assert hours[12].open_probability == pytest.approx((150 + 50 * overall) / 200)
    assert hours[11].open_probability == pytest.approx(overall)


def test_no_window_is_longer_than_answers_are_followed() -> None:
    """One limit: of settings, of commands, and of what delays are learned for."""
    assert STAGES[-1] == LONGEST_WINDOW
    limit = LearnSettings.model_fields["open_window_minutes"].metadata
    assert any(getattr(one, "le", None) == LONGEST_WINDOW / MINUTE for one in limit)
    Target(LONGEST_WINDOW)
    for window in (LONGEST_WINDOW + SECOND, timedelta(0)):
        with pytest.raises(InvalidInput, match="at most 24 hours") as refused:
            Target(window)
        assert (refused.value.code, refused.value.field) == ("window_too_long", "open_window")


def test_a_send_without_an_id_is_a_send_of_its_own(empty_log: Log) -> None:
    """Such are refused at the door; old logs may hold some."""
    bare = [Event(f"e{n}", UserId("ann"), EventType.SEND, NOON + n * MINUTE) for n in range(2)]
    found = learned_from(empty_log, bare)
    assert (found[0].sends, len(found[1])) == (2, 2)
    assert np.sum([row[2] for row in found[1]]) == 0.0
