"""CPU seconds of a serving process for events that come by HTTP, one a request and 500 a request.

python benchmarks/post_cpu.py [--requests 400]

To compare two releases, let them take turns, and compare medians: CPU seconds depend on what
else the machine does. The process that serves does nothing else; the log is copied by none.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sendopt.app import open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.settings import Settings

_CLIENTS = 4
_PORT = 18_420
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=400)
    count = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        with closing(open_app(Settings(home=home))) as app:
            app.log.migrate()
            key = app.issue_key(DEFAULT_TENANT, name="benchmark")
        with _served(home) as pid:
            _post(key, "warm", requests=40, size=5)
            for size, requests in ((1, count), (500, count // 10)):
                before = _cpu_seconds(pid)
                _post(key, f"of{size}", requests=requests, size=size)
                spent = _cpu_seconds(pid) - before
                print(f"{requests:,} requests of {size}: {1000 * spent / requests:.2f} ms each")


@contextmanager
def _served(home: Path) -> Iterator[int]:
    command = [sys.executable, "-m", "sendopt", "serve", "--home", str(home)]
    process = subprocess.Popen(
        command,
        env={**os.environ, "SENDOPT_HTTP__PORT": str(_PORT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not _answers():
            if process.poll() is not None:
                sys.exit(f"serve ended with status {process.returncode}")
            time.sleep(0.1)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _answers() -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", _PORT, timeout=60)) as connection:
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False


def _post(key: str, prefix: str, *, requests: int, size: int) -> None:
    """Send that many requests of new events, by a few clients at once."""
    clients = [
        threading.Thread(
            target=_client, args=(key, f"{prefix}-{number}", requests // _CLIENTS, size)
        )
        for number in range(_CLIENTS)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()


def _client(key: str, prefix: str, requests: int, size: int) -> None:
    head = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with closing(http.client.HTTPConnection("127.0.0.1", _PORT, timeout=60)) as connection:
        for number in range(requests):
            events = [_event(f"{prefix}-{number}-{each}", each) for each in range(size)]
            connection.request("POST", "/v1/events", json.dumps(events), head)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != http.HTTPStatus.OK:
                raise RuntimeError(body.decode())


def _event(event_id: str, number: int) -> dict[str, str]:
    return {
        "event_id": event_id,
        "user_id": f"user-{number % 97}",
        "event_type": "session",
        "occurred_at": "2026-10-01T18:03:00+02:00",
        "timezone": "Europe/Vienna",
    }


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS  # in the process and in the kernel for it


if __name__ == "__main__":
    main()
