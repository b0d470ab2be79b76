"""What a service writes while it runs: JSON lines on stderr, and nothing on stdout."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

SENDOPT = Path(sys.executable).with_name("sendopt")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: str, home: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Run a service command; whatever happens in the block, nothing of it stays behind."""
    with subprocess.Popen(
        [SENDOPT, command, "--home", home],
        env={**os.environ, "SENDOPT_HTTP__PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the service ended: {process.communicate()[1]}")
        try:
            httpx.get(url, timeout=5)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the service did not start")


def test_a_service_logs_json_lines_on_stderr_alone(tmp_path: Path) -> None:
    port = free_port()
    # The registry is made anew in this home: MLflow has much to say about that.
    with running("run", tmp_path, port) as process:
        wait_for(f"http://127.0.0.1:{port}/healthz", process)
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.sendall(b"no HTTP at all\r\n\r\n")  # a library complains of this one
            stranger.recv(1024)
        process.send_signal(signal.SIGTERM)
        told, logged = process.communicate(timeout=60)
    assert told == ""
    lines = [json.loads(line) for line in logged.splitlines()]
    assert {"api_starts", "request"} <= {line["event"] for line in lines}
    assert any(line.get("logger") == "uvicorn.error" for line in lines)
    for line in lines:
        assert line["level"] in {"info", "warning"}
        assert datetime.fromisoformat(line["timestamp"]).utcoffset() == timedelta(0)
