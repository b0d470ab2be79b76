"""Dispatchers in processes of their own, killed at random moments, before a real receiver."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from waiting import PATIENCE, wait_until

from sendopt.records import Channel
from sendopt.state import audit
from sendopt.state.tables import attempt, link

SECRET = "whsec_c2VuZG9wdC1zZW5kb3B0LXNlbmRvcHQ="
SCRIPT = Path(__file__).parent / "dispatch_until_killed.py"
BATCH = 20


@pytest.fixture
def start(state_url):
    """Start a dispatcher; whatever still lives in the end is killed."""
    running = []

    def start(
        owner: str,
        *,
        lease_seconds: float = 2,
        request_seconds: float = PATIENCE.total_seconds(),
    ) -> subprocess.Popen[str]:
        arguments = [state_url, owner, str(BATCH), str(lease_seconds), str(request_seconds)]
        process = subprocess.Popen(
            [sys.executable, SCRIPT, *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        process.stdout.readline()
        return process

    yield start
    for process in running:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def start_revising(state_url):
    """Start a process that revises the planned campaign until it is killed."""
    running = []

    def start_revising(count: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "deliver.revise_until_killed", state_url, str(count)],
            cwd=SCRIPT.parents[1],
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        process.stdout.readline()
        return process

    yield start_revising
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


def plan(sends, receiver, count, *, due_at=None):
    due_at = due_at or datetime.now(UTC) - timedelta(seconds=1)
    return sends.plan(
        count,
        channel=Channel.WEBHOOK,
        address=lambda _number: {"url": f"{receiver.url}/hook", "secret": SECRET},
        due_at=lambda _number: due_at,
    )


def wait_for_the_end(sends):
    def ended():
        return not any(row.state in {"planned", "claimed"} for row in sends.rows())

    wait_until(ended, "the end of every send")


def calls(receiver) -> Counter[str]:
    return Counter(request.headers["webhook-id"] for request in receiver.requests)


def check(sends, receiver, planned):
    """Each send: received, one final state, one link, one `send` event."""
    assert set(calls(receiver)) == set(planned)
    assert set(sends.ends().values()) == {("delivered", "accepted")}
    events = Counter(event["event_id"] for event in sends.events())
    assert events == Counter(f"{send_id}:send" for send_id in planned)
    assert Counter(row.send_id for row in sends.rows(link)) == Counter(planned)
    bodies = {(request.headers["webhook-id"], request.body) for request in receiver.requests}
    assert len(bodies) == len(planned)  # what came twice was the same message
    with sends.state.read_fleet() as tx:
        assert list(audit.sends(tx)) == []


def kill_and_restart(sends, receiver, start, *, count, kills, seed):
    planned = plan(sends, receiver, count)
    random = np.random.default_rng(seed)
    for number in range(kills):
        process = start(f"life-{number}")
        time.sleep(random.uniform(0.0, 0.15))
        process.kill()
        process.wait()
    start("survivor")
    wait_for_the_end(sends)
    check(sends, receiver, planned)
    doubles = sum(calls(receiver).values()) - count
    unfinished = sum(row.finished_at is None for row in sends.rows(attempt))
    # Only what was in flight at a kill can come twice, and each such attempt is on record.
    assert doubles <= unfinished <= kills * BATCH


def test_a_killed_dispatcher_loses_nothing_and_doubles_only_what_was_in_flight(
    sends, receiver, start
):
    kill_and_restart(sends, receiver, start, count=300, kills=4, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(4))
def test_many_kills(sends, receiver, start, seed):
    kill_and_restart(sends, receiver, start, count=1500, kills=25, seed=100 + seed)


def revise_and_kill(sends, receiver, start, start_revising, *, count, kills, seed):
    # Late enough for a revision to come before it on a busy machine.
    due_at = datetime.now(UTC) + timedelta(seconds=5)
    planned = plan(sends, receiver, count, due_at=due_at)
    random = np.random.default_rng(seed)
    start("dispatcher", lease_seconds=60)
    for _ in range(kills):
        process = start_revising(count)
        time.sleep(random.uniform(0.0, 0.6))
        process.kill()
        process.wait()
    wait_for_the_end(sends)
    rows = {row.send_id: row for row in sends.rows()}
    assert rows.keys() == set(planned)
    ends = Counter((row.state, row.reason) for row in rows.values())
    assert ends.keys() <= {("delivered", "accepted"), ("cancelled", "campaign_revised")}
    got = {send_id for send_id, row in rows.items() if row.state == "delivered"}
    assert calls(receiver) == Counter(got)
    titles = {
        request.headers["webhook-id"]: json.loads(request.body)["data"]["title"]
        for request in receiver.requests
    }
    of_first = {1: "Sale"}
    assert titles == {
        send_id: of_first.get(rows[send_id].revision, f"The {rows[send_id].revision}. title")
        for send_id in got
    }
    assert len({rows[send_id].revision for send_id in got}) > 1
    with sends.state.read_fleet() as tx:
        assert list(audit.sends(tx)) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("history", [(200, 4, 1), (600, 20, 2), (600, 20, 3)])
def test_a_revision_that_is_killed_is_whole_or_never_was(
    sends, receiver, start, start_revising, history
):
    count, kills, seed = history
    revise_and_kill(sends, receiver, start, start_revising, count=count, kills=kills, seed=seed)


def test_two_processes_hand_nothing_over_twice(sends, receiver, start):
    planned = plan(sends, receiver, 600)
    start("one", lease_seconds=60)
    start("two", lease_seconds=60)
    wait_for_the_end(sends)
    check(sends, receiver, planned)
    assert set(calls(receiver).values()) == {1}


def pause_at_request(receiver, number, process):
    """Pause a dispatcher while it waits for the answer to about its request `number`.

    It holds no transaction then. A process that is paused inside one holds its locks, and on
    SQLite everybody else waits for it, which is another promise.
    """
    first, paused = threading.Lock(), threading.Event()

    def answer(_request):
        if len(receiver.requests) >= number and first.acquire(blocking=False):
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
            paused.set()
        return 204, {}

    receiver.answer = answer
    return paused


def test_a_paused_process_cannot_overwrite_what_another_did(sends, receiver, start):
    # While it is paused its requests time out: it wakes to overwrite what came of them.
    process = start("paused", request_seconds=1)
    paused = pause_at_request(receiver, 30, process)
    planned = plan(sends, receiver, 200)
    assert paused.wait(PATIENCE.total_seconds())
    start("awake", lease_seconds=60)  # its own sends are its own however slow the machine
    wait_for_the_end(sends)
    ends, events = sends.rows(), sends.events()
    process.send_signal(signal.SIGCONT)
    time.sleep(0.5)
    assert sends.rows() == ends
    assert sends.events() == events
    check(sends, receiver, planned)
    assert sum(calls(receiver).values()) <= len(planned) + BATCH
