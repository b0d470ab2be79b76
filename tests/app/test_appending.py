"""The pump from the state to the log, with real stores on both sides."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from sendopt.app import appending
from sendopt.app.appending import REFUSED, copy_outbox
from sendopt.errors import InvariantBroken
from sendopt.log import Log, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId
from sendopt.state import State, migrate, outbox
from sendopt.state.tables import event_outbox

SHOP = TenantId("shop")
BANK = TenantId("bank")


@pytest.fixture
def log(empty_log: Log) -> Log:
    return empty_log


def an_open(event_id: str, at: datetime, **changes: object) -> Event:
    event = Event(
        event_id=event_id,
        user_id=UserId("ann"),
        event_type=EventType.OPEN,
        occurred_at=at,
        send_id=SendId("s1"),
        channel="web_push",
        propensity=0.25,
        attributes={"app": "3.1", "nested": {"seen": True}},
    )
    return replace(event, **changes)


def record(state: State, tenant_id: TenantId, events: Sequence[Event], now: datetime) -> None:
    with state.write(tenant_id) as tx:
        outbox.record(tx, events, now=now)


def copy(state: State, log: Log, *, batch: int = 1000) -> int:
    with log.appender() as appender:
        return copy_outbox(state, appender, batch=batch)


def logged(log: Log, tenant_id: TenantId) -> list[dict[str, object]]:
    with log.reader(tenant_id) as reader:
        found = reader.query("all", "select * from event order by event_id")
    rows: list[dict[str, object]] = found.to_pylist()
    return rows


def test_every_event_arrives_once_and_whole(state: State, log: Log, now: datetime) -> None:
    events = [an_open(f"e{n:03}", now + timedelta(microseconds=n)) for n in range(25)]
    record(state, SHOP, events, now)
    record(state, BANK, events[:1], now)
    assert copy(state, log, batch=7) == 26
    assert copy(state, log, batch=7) == 0
    assert logged(log, SHOP) == event_table(events).to_pylist()
    assert logged(log, BANK) == event_table(events[:1]).to_pylist()


def test_an_event_that_a_file_brought_first_stays_as_the_file_told_it(
    state: State, log: Log, now: datetime
) -> None:
    imported = [an_open("same", now), an_open("other", now)]
    with log.appender() as appender:
        appender.append(SHOP, event_table(imported))
    told = [an_open("same", now), an_open("other", now, channel="webhook"), an_open("new", now)]
    record(state, SHOP, told, now)
    assert copy(state, log) == 3
    assert (
        logged(log, SHOP)
        == event_table(sorted([*imported, told[2]], key=lambda event: event.event_id)).to_pylist()
    )
    with state.read_fleet() as tx:
        refused = dict(
            tx.execute(sa.select(event_outbox.c.event_id, event_outbox.c.refused_reason)).all()
        )
    assert refused == {"same": None, "other": REFUSED, "new": None}
    record(state, SHOP, [an_open("later", now)], now)
    assert copy(state, log) == 1


def test_a_death_between_the_noted_conflict_and_the_log_repeats_both(
    state: State, log: Log, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with log.appender() as appender:
        appender.append(SHOP, event_table([an_open("taken", now)]))
    record(state, SHOP, [an_open("taken", now, channel="webhook"), an_open("new", now)], now)
    note = appending._refuse

    def note_and_die(state: State, positions: Sequence[int]) -> None:
        note(state, positions)
        raise KeyboardInterrupt

    monkeypatch.setattr(appending, "_refuse", note_and_die)
    with pytest.raises(KeyboardInterrupt):
        copy(state, log)
    monkeypatch.undo()
    assert [row["event_id"] for row in logged(log, SHOP)] == ["taken"]
    assert copy(state, log) == 1
    assert (
        logged(log, SHOP) == event_table([an_open("new", now), an_open("taken", now)]).to_pylist()
    )
    with state.read_fleet() as tx:
        refused = tx.scalars(
            sa.select(event_outbox.c.event_id).where(event_outbox.c.refused_reason == REFUSED)
        )
        assert refused.all() == ["taken"]


def test_a_state_from_an_older_copy_is_not_believed(
    tmp_path: Path, log: Log, now: datetime
) -> None:
    states = [State(f"sqlite:///{tmp_path}/{name}.db") for name in ("current", "restored")]
    for state in states:
        migrate(state)
        record(state, SHOP, [an_open("e1", now)], now)
    record(states[0], SHOP, [an_open("e2", now)], now)
    copy(states[0], log)
    with pytest.raises(InvariantBroken) as refused:
        copy(states[1], log)
    assert refused.value.code == "log_ahead"
    assert refused.value.hint is not None
    assert "docs/runbooks/log-ahead.md" in refused.value.hint
    for state in states:
        state.close()


def test_a_log_that_was_lost_is_filled_again(
    state: State,
    log: Log,
    make_log: Callable[[], AbstractContextManager[Log]],
    now: datetime,
) -> None:
    record(state, SHOP, [an_open(f"e{n}", now) for n in range(5)], now)
    copy(state, log)
    before = logged(log, SHOP)
    with make_log() as fresh:
        assert copy(state, fresh, batch=2) == 5
        assert logged(fresh, SHOP) == before


#: Records events until it is killed; prints each batch's last number once it is acknowledged.
RECORDER = """
    import sys
    from datetime import UTC, datetime
    from sendopt.records import Event, EventType
    from sendopt.state import State, outbox

    state, first = State(sys.argv[1]), int(sys.argv[2])
    at = datetime(2026, 10, 1, tzinfo=UTC)
    while True:
        with state.write("shop") as tx:
            outbox.record(
                tx,
                [Event(f"{n:08}", "ann", EventType.SESSION, at) for n in range(first, first + 5)],
                now=at,
            )
        first += 5
        print(first, flush=True)
"""

#: Copies until it is killed; prints how many it copied.
COPIER = """
    import sys
    from sendopt.app.appending import copy_outbox
    from sendopt.log import Log, LogLocation
    from sendopt.state import State

    state, log = State(sys.argv[1]), Log(LogLocation(sys.argv[2], sys.argv[3]))
    with log.appender() as appender:
        print("holds the lease", flush=True)
        while True:
            if copied := copy_outbox(state, appender, batch=20):
                print(copied, flush=True)
"""


@contextmanager
def running(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run `program` in a process of its own for the block, however the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def told(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def kill(process: subprocess.Popen[str]) -> list[str]:
    """Kill `process` as a power cut would, and return what it had said."""
    os.kill(process.pid, signal.SIGKILL)
    said, _ = process.communicate(timeout=60)
    return said.split("\n")[:-1]  # the last line may be cut


@pytest.mark.parametrize(
    "kills", [2, pytest.param(30, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
)
def test_kills_on_either_side_lose_and_double_nothing(state_url: str, log: Log, kills: int) -> None:
    dice = np.random.default_rng(kills)
    acknowledged = 0
    stores = (state_url, log.location.catalog, log.location.data)
    for _ in range(kills):
        with running(COPIER, *stores) as copier:
            assert told(copier) == "holds the lease\n"
            with running(RECORDER, state_url, str(acknowledged)) as recorder:
                acknowledged = int(told(recorder))
                time.sleep(dice.uniform(0.0, 0.4))
                kill(copier)
                said = kill(recorder)
        acknowledged = int(said[-1]) if said else acknowledged
    with closing(State(state_url)) as state:
        copy(state, log)
        with state.read_fleet() as tx:
            recorded = sorted(event.event_id for _, _, event in outbox.after(tx, 0, limit=10**9))
    arrived = [row["event_id"] for row in logged(log, SHOP)]
    assert arrived == recorded == sorted(set(recorded))
    # Acknowledged means on disk. The last batch may have been stored without being acknowledged.
    assert acknowledged > 0
    assert acknowledged <= len(recorded) <= acknowledged + 5
