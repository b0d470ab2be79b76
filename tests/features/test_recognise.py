"""How answers were recorded is recognised on planted logs, and honest logs are taken as they stand.

Every planted person answers a send within half an hour, or not at all; what is learned of them must
be the same, however their answers were stamped and whatever machines did beside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from sendopt.features import (
    AsOfView,
    InstantAnswers,
    Recording,
    Target,
    labelled_sends,
    microseconds,
    recognised,
    summarise,
    viewpoints,
)
from sendopt.learn.level_shape.delays import observed_delays
from sendopt.learn.past.notes import notes_on_log, too_little_history
from sendopt.log import Log, Reader, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=33)
TARGET = Target(timedelta(minutes=30))
SHOP = TenantId("shop")
HOUR = 3600.0

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Planted:
    """Seconds since BEGIN, one row a send; infinite = nobody answers."""

    user: NDArray[np.int64]
    sent: Numbers
    opened: Numbers  # by the person
    machine: Numbers  # by a machine


def planted(
    *, machines: float = 0.0, mean_delay: float = 480.0, on_the_hour: bool = False
) -> Planted:
    """40 users with a send a day for 30 days, at any time; four in ten are answered."""
    rng = np.random.default_rng(11)
    user = np.repeat(np.arange(40), 30)
    sent = np.tile(np.arange(30), 40) * 86400.0 + rng.uniform(0, 86400, 1200)
    if on_the_hour:
        sent = np.floor(sent / HOUR) * HOUR
    delay = np.minimum(5.0 + rng.exponential(mean_delay, 1200), 1790.0)
    opened = np.where(rng.random(1200) < 0.4, sent + delay, np.inf)
    machine = np.where(user < machines * 40, sent + rng.random(1200), np.inf)
    return Planted(user, sent, opened, machine)


def hidden(world: Planted) -> Planted:
    """Only the first open of a send is recorded."""
    return replace(world, opened=np.where(np.isfinite(world.machine), np.inf, world.opened))


def stored(log: Log, world: Planted, stamp: Callable[[Numbers], Numbers] = lambda at: at) -> None:
    events = []

    def add(name: str, row: int, kind: EventType, at: float) -> None:
        user, send_id = UserId(f"u{world.user[row]}"), SendId(f"m{row}")
        when = BEGIN + timedelta(microseconds=round(at * 1e6))
        events.append(Event(f"{name}{row}", user, kind, when, send_id=send_id))

    opened, machine = stamp(world.opened), world.machine
    for row, at in enumerate(world.sent):
        add("s", row, EventType.SEND, float(at))
        if np.isfinite(opened[row]):
            add("o", row, EventType.OPEN, float(opened[row]))
        if np.isfinite(machine[row]):
            add("b", row, EventType.OPEN, float(machine[row]))
    with log.appender() as appender:
        appender.append(SHOP, event_table(events))


def floor(at: Numbers) -> Numbers:
    return np.floor(at / HOUR) * HOUR


def ceil(at: Numbers) -> Numbers:
    return np.ceil(at / HOUR) * HOUR


Labels = list[tuple[str, int, float]]  # user, when a send went out, whether it was answered


def labels(reader: Reader, target: Target) -> Labels:
    found = labelled_sends(AsOfView(reader, target), since=BEGIN, until=END, limit=10**6)
    rows = zip(found.user_id.to_pylist(), found.at_us.tolist(), found.label.tolist(), strict=True)
    return sorted(rows)


def truth(world: Planted) -> Labels:
    begin_us = microseconds(BEGIN)
    rows = zip(world.user.tolist(), world.sent.tolist(), world.opened.tolist(), strict=True)
    return sorted(
        (f"u{user}", begin_us + round(sent * 1e6), float(np.isfinite(opened)))
        for user, sent, opened in rows
    )


@pytest.mark.parametrize(
    ("world", "stamp"),
    [
        (planted(), lambda at: at),
        (planted(mean_delay=60.0), lambda at: at),
        (planted(), lambda at: at - 90.0),
        (planted(mean_delay=120.0), lambda at: at - 30.0),
        (planted(), np.floor),
        (planted(), lambda at: np.floor(at / 60) * 60),
        (planted(on_the_hour=True), lambda at: at),
    ],
    ids=[
        "eight minutes",
        "one minute",
        "clocks 90 s behind",
        "prompt and clocks 30 s behind",
        "whole seconds",
        "whole minutes",
        "sends at whole hours",
    ],
)
def test_honest_answers_are_taken_as_they_stand(
    empty_log: Log, world: Planted, stamp: Callable[[Numbers], Numbers]
) -> None:
    stored(empty_log, world, stamp)
    with empty_log.reader(SHOP) as reader:
        assert recognised(reader, TARGET, until=END) == TARGET
        assert labels(reader, TARGET) == truth(world)


@pytest.mark.parametrize(
    ("stamp", "down"), [(floor, True), (ceil, False)], ids=["rounded down", "rounded up"]
)
@pytest.mark.parametrize("on_the_hour", [False, True])
def test_answers_of_rounded_stamps_are_found(
    empty_log: Log, stamp: Callable[[Numbers], Numbers], *, down: bool, on_the_hour: bool
) -> None:
    world = planted(on_the_hour=on_the_hour)
    stored(empty_log, world, stamp)
    with empty_log.reader(SHOP) as reader:
        target = recognised(reader, TARGET, until=END)
        if on_the_hour and not down:  # nothing tells which of both stamps was rounded
            assert target == TARGET
            return
        assert target.recording == Recording(step=timedelta(hours=1), rounded_down=down)
        assert labels(reader, target) == truth(world)
        summary = summarise(reader, target, until=END)
        assert (summary.early_answers, summary.too_early_answers) == (0, 0)
        observed = AsOfView(reader, target).observations
        assert set(observed["latency_stage"].drop_null().to_pylist()) == {1}
        (note,) = (n for n in notes_on_log(None, summary, target) if "stamped when" in n)
    assert "1:00:00" in note


@pytest.mark.parametrize("minutes", [15, 30, 60, 24 * 60])
def test_sends_are_observed_whatever_the_step_of_answers(empty_log: Log, minutes: int) -> None:
    world, step = planted(), timedelta(minutes=minutes)
    seconds = step.total_seconds()
    stored(empty_log, world, lambda at: np.floor(at / seconds) * seconds)
    with empty_log.reader(SHOP) as reader:
        target = recognised(reader, TARGET, until=END)
        assert target.recording == Recording(step=step, rounded_down=True)
        observed = AsOfView(reader, target).observations
    assert len(observed) == len(world.sent)
    assert observed["latency_stage"].drop_null().unique().to_pylist() == [1]


@pytest.mark.parametrize("stamp", [floor, ceil])
def test_what_is_known_as_of_an_instant_stays_so_when_rounded_answers_come_in(
    empty_log: Log, stamp: Callable[[Numbers], Numbers]
) -> None:
    stored(empty_log, planted(), stamp)
    with empty_log.reader(SHOP) as reader:
        target = recognised(reader, TARGET, until=END)
        for hours in (400.25, 400.5, 411.75, 420.0):
            as_of = BEGIN + timedelta(hours=hours)
            users = pa.array([f"u{n}" for n in range(40)])
            seen, _ = viewpoints(users, pa.array([as_of] * 40))
            half_life = timedelta(days=30)
            later = AsOfView(reader, target).user_evidence(seen, half_life=half_life)
            with reader.before(as_of) as known:
                then = AsOfView(known, target).user_evidence(seen, half_life=half_life)
            for name, value in vars(then).items():
                np.testing.assert_allclose(getattr(later, name), value, err_msg=name)


def test_sends_whose_person_a_machine_hides_are_left_out(empty_log: Log) -> None:
    world = hidden(planted(machines=0.3))
    stored(empty_log, world)
    with empty_log.reader(SHOP) as reader:
        target = recognised(reader, TARGET, until=END)
        assert target.recording == Recording(instant=InstantAnswers.INSTEAD)
        summary = summarise(reader, target, until=END)
        assert (summary.instant_answers, summary.unknown_sends) == (360, 360)
        people = np.isinf(world.machine)
        rows = Planted(*(column[people] for column in vars(world).values()))
        assert labels(reader, target) == truth(rows)
        view = AsOfView(reader, target)
        assert len(view.observations) == 840
        delays = observed_delays(reader, target, until=END)
        assert 1 - np.exp(-delays.within(TARGET.open_window)) == pytest.approx(0.4, abs=0.05)
        notes = notes_on_log(None, summary, target)
    assert any("360 answers, 30% of sends" in note for note in notes)


def test_people_count_beside_machines(empty_log: Log) -> None:
    """Everybody's machine opens at once, and who opens later is recorded as well."""
    world = planted(machines=1.0)
    stored(empty_log, world)
    with empty_log.reader(SHOP) as reader:
        target = recognised(reader, TARGET, until=END)
        assert target.recording == Recording(instant=InstantAnswers.BESIDE)
        assert labels(reader, target) == truth(world)
        assert summarise(reader, target, until=END).unknown_sends == 0


@pytest.mark.parametrize("hides", [False, True])
def test_machines_leave_no_trace_in_what_is_known_of_users(empty_log: Log, *, hides: bool) -> None:
    world = planted(machines=0.3)
    world = hidden(world) if hides else world
    stored(empty_log, world)
    with empty_log.reader(SHOP) as reader:
        target = recognised(reader, TARGET, until=END)
        kind = AsOfView(reader, target).history.key & 15
        opens = int((kind == list(EventType).index(EventType.OPEN)).sum())
    assert opens == np.isfinite(world.opened).sum()


def test_a_log_of_machines_alone_says_so(empty_log: Log) -> None:
    stored(empty_log, hidden(planted(machines=1.0)))
    with empty_log.reader(SHOP) as reader:
        target = recognised(reader, TARGET, until=END)
        notes = notes_on_log(None, summarise(reader, target, until=END), target)
        assert labels(reader, target) == []
    assert any("--outcome click" in note for note in notes)
    assert "--outcome click" in str(too_little_history(None, target, until=END))


def test_only_what_came_before_tells_how_answers_are_recorded(empty_log: Log) -> None:
    stored(empty_log, hidden(planted(machines=0.3)))
    with empty_log.reader(SHOP) as reader:
        early = BEGIN + timedelta(days=9)
        with reader.before(early) as known:
            then = recognised(known, TARGET, until=END)
        assert recognised(reader, TARGET, until=early) == then
        assert recognised(reader, TARGET, until=BEGIN) == TARGET
