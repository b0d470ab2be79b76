"""A service goes on when nobody reads what it says, and its lines come out when somebody does."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from service.processes import free_port, running, wait_until_ready

from sendopt.app import open_app
from sendopt.records import TenantId
from sendopt.settings import Settings


@contextmanager
def full_pipe() -> Iterator[tuple[int, int]]:
    """A pipe into which nothing more goes until somebody reads."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"\n" * 4_096)
    os.set_blocking(writer, True)
    try:
        yield reader, writer
    finally:
        os.close(reader)
        os.close(writer)


def ask(url: str, home: Path) -> None:
    """Ask for its health, and hand it an event."""
    with closing(open_app(Settings(home=home))) as app:
        key = app.as_owner_of(TenantId("default")).keys.issue("stalled").key
    event = {"event_id": "e", "user_id": "u", "event_type": "session"}
    event["occurred_at"] = datetime.now(UTC).isoformat()
    headers = {"Authorization": f"Bearer {key}"}
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
    answer = httpx.post(f"{url}/v1/events", json=[event], headers=headers)
    assert answer.json()["accepted"] == 1


def test_a_service_whose_stderr_is_full_works_and_its_lines_come_out_later(home: Path) -> None:
    environment = {"SENDOPT_HOME": str(home), "SENDOPT_HTTP__PORT": str(free_port())}
    url = f"http://127.0.0.1:{environment['SENDOPT_HTTP__PORT']}"
    with full_pipe() as (reader, writer), running("run", environment, stderr=writer) as process:
        wait_until_ready(url, process)
        ask(url, home)
        said = bytearray()

        def read() -> None:
            while b'"event": "end of the test"' not in said:
                said.extend(os.read(reader, 65_536))

        reading = threading.Thread(target=read)
        reading.start()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        os.write(writer, b'{"event": "end of the test"}\n')
        reading.join()
    lines = [json.loads(line) for line in said.decode().splitlines() if line]
    events = [line["event"] for line in lines]
    assert events[:2] == ["service_starts", "api_starts"]
    assert "/v1/events" in {line.get("route") for line in lines}
    assert "log_lines_left_out" not in events


@pytest.mark.slow  # app/test_log_lines.py closes one that nobody reads
def test_a_service_whose_stderr_is_full_ends_when_it_is_told_to(home: Path) -> None:
    environment = {"SENDOPT_HOME": str(home), "SENDOPT_HTTP__PORT": str(free_port())}
    url = f"http://127.0.0.1:{environment['SENDOPT_HTTP__PORT']}"
    with full_pipe() as (_, writer), running("run", environment, stderr=writer) as process:
        wait_until_ready(url, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
