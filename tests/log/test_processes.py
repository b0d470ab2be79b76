"""Several processes at one log: one appends, any number read, any of them may be killed."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from waiting import wait_until

from sendopt.errors import LeaseHeld
from sendopt.log import Log, LogLocation, event_table
from sendopt.records import Event, TenantId

SHOP = TenantId("shop")
WORKER = Path(__file__).with_name("worker.py")


@contextlib.contextmanager
def process(job: str, location: LogLocation) -> Iterator[subprocess.Popen[str]]:
    worker = subprocess.Popen(
        [sys.executable, str(WORKER), job, location.catalog, location.data],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait()
        if worker.stdout is not None:
            worker.stdout.close()


def next_line(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


def test_readers_see_whole_batches_while_another_process_appends(local_log: Log) -> None:
    with process("append", local_log.location) as appender:
        assert next_line(appender) == "0"
        with process("read", local_log.location) as one, process("read", local_log.location) as two:
            assert (one.wait(timeout=90), two.wait(timeout=90)) == (0, 0)
        assert appender.poll() is None


@pytest.mark.parametrize("where", ["local", "postgres"])
def test_the_right_to_append_is_free_the_moment_its_holder_is_killed(
    where: str, request: pytest.FixtureRequest, local: LogLocation
) -> None:
    location = local
    if where == "postgres":
        location = LogLocation(request.getfixturevalue("postgres_database"), local.data)
    with contextlib.closing(Log(location)) as log:
        log.migrate()
        with process("hold", location) as holder:
            assert next_line(holder) == "holding"
            with pytest.raises(LeaseHeld, match=f"process {holder.pid} "), log.appender():
                pass
            with log.reader(SHOP):  # reading needs no right
                pass
            holder.kill()
            holder.wait()
            with _soon(log):
                pass


def test_two_who_append_in_turn_find_what_the_other_has_stored(
    log: Log, an_event: Callable[..., Event]
) -> None:
    with contextlib.closing(Log(log.location)) as other:
        for number, each in enumerate([log, other] * 3):
            rows = [an_event(event_id=f"e{known}") for known in range(number + 1)]
            with each.appender() as appender:
                report = appender.append(SHOP, event_table(rows))
                assert (report.accepted, report.repeated) == (1, number)
                assert appender.high_water_mark() == number
                following = an_event(event_id=f"next-{number}")
                assert appender.append_outbox([(number + 1, SHOP, following)]).accepted == 1


def test_processes_that_migrate_at_once_make_one_schema(local: LogLocation) -> None:
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(process("migrate", local)) for _ in range(3)]
        assert [worker.wait(timeout=90) for worker in workers] == [0, 0, 0]
    with contextlib.closing(Log(local)) as log, log.appender() as appender:
        assert appender.high_water_mark() == 0


@pytest.mark.parametrize("kills", [3, pytest.param(60, marks=pytest.mark.slow)])
@pytest.mark.timeout(900)
def test_killing_the_pump_loses_and_doubles_nothing(local_log: Log, kills: int) -> None:
    random = np.random.default_rng(kills)
    acknowledged = 0
    for _ in range(kills):
        with process("pump", local_log.location) as pump:
            acknowledged = max(acknowledged, int(next_line(pump)))
            time.sleep(random.uniform(0, 0.4))
            pump.send_signal(signal.SIGKILL)
            lines = pump.communicate()[0].split()
        acknowledged = max([acknowledged, *map(int, lines)])
        _check(local_log, acknowledged)
    with local_log.appender() as appender:
        appender.compact()
    _check(local_log, acknowledged)


def _check(log: Log, acknowledged: int) -> None:
    """Everything below the mark is there once, nothing above it is, and no acknowledgement lied."""
    with log.appender() as appender:
        mark = appender.high_water_mark()
    with log.reader(SHOP) as reader:
        rows = reader.query(
            "positions",
            """
            select
                count(*) as rows,
                count(distinct event_id) as ids,
                coalesce(max(split_part(event_id, '-', 2)::integer), 0) as last
            from event
            """,
        ).to_pylist()
    assert rows == [{"rows": mark, "ids": mark, "last": mark}]
    assert mark >= acknowledged


@contextlib.contextmanager
def _soon(log: Log) -> Iterator[None]:
    """Take the right; a server may need a moment to notice that a client is gone."""
    with contextlib.ExitStack() as stack:

        def is_free() -> bool:
            try:
                stack.enter_context(log.appender())
            except LeaseHeld:
                return False
            return True

        wait_until(is_free, "the right to append")
        yield
