"""Runs sendopt as its users do: real processes, stopped or killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

import httpx
from waiting import wait_until

SENDOPT = Path(sys.executable).with_name("sendopt")


@contextmanager
def running(
    command: str,
    environment: Mapping[str, str],
    *,
    stdout: IO[str] | int = subprocess.DEVNULL,
    stderr: IO[str] | int = subprocess.DEVNULL,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `sendopt <command>`, killed without warning at the end of the block."""
    process = subprocess.Popen(
        [SENDOPT, command],
        env={**os.environ, **environment},
        stdout=stdout,
        stderr=stderr,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def verify(environment: Mapping[str, str]) -> None:
    """Fail with what `sendopt verify` finds."""
    verified = subprocess.run(
        [SENDOPT, "verify"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait for `/readyz` of the service that `process` is."""

    def is_ready() -> bool:
        try:
            return httpx.get(f"{url}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    wait_until(lambda: process.poll() is not None or is_ready(), "a service that is ready")
    assert process.poll() is None, "the service has ended"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def campaign(campaign_id: str, due: Mapping[str, datetime]) -> dict[str, Any]:
    """One send for each user, at exactly the given time."""
    start = min(due.values())
    return {
        "campaign_id": campaign_id,
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "t", "body": "b", "url": "https://example.com/"}],
        "send_window": {
            "earliest_at": start.isoformat(),
            "latest_at": (start + timedelta(hours=1)).isoformat(),
        },
        "quiet_hours": None,
        "audience": list(due),
        "candidate_times": {user: [at.isoformat()] for user, at in due.items()},
    }
