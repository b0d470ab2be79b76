"""CPU seconds of a serving process for events that come by HTTP, one a request and 500 a request.

python benchmarks/post_cpu.py [--requests 400]

To compare two releases, let them take turns, and compare medians: CPU seconds depend on what
else the machine does. The process that serves does nothing else; the log is copied by none.
"""

from __future__ import annotations

import argparse
import asyncio
import http
import tempfile
from pathlib import Path

from traffic.client import Client
from traffic.service import issue_key, running
from traffic.usage import cpu_seconds

_CLIENTS = 4


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=400)
    count = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        key = issue_key(home)
        with running("serve", home, log=Path(folder) / "log") as (process, port):
            asyncio.run(_measure(Client(port, key), process.pid, count))


async def _measure(client: Client, process_id: int, count: int) -> None:
    await _post(client, "warm", requests=40, size=5)
    for size, requests in ((1, count), (500, count // 10)):
        before = cpu_seconds(process_id)
        await _post(client, f"of{size}", requests=requests, size=size)
        spent = cpu_seconds(process_id) - before
        print(f"{requests:,} requests of {size}: {1000 * spent / requests:.2f} ms each")
    client.close()


async def _post(client: Client, prefix: str, *, requests: int, size: int) -> None:
    """Send that many requests of new events, a few at once."""
    numbers = iter(range(requests))

    async def send() -> None:
        for number in numbers:
            events = [_event(f"{prefix}-{number}-{each}", each) for each in range(size)]
            answer = await client.post("/v1/events", events)
            if answer.status != http.HTTPStatus.OK:
                raise RuntimeError(answer.body.decode())

    await asyncio.gather(*(send() for _ in range(_CLIENTS)))


def _event(event_id: str, number: int) -> dict[str, str]:
    return {
        "event_id": event_id,
        "user_id": f"user-{number % 97}",
        "event_type": "session",
        "occurred_at": "2026-10-01T18:03:00+02:00",
        "timezone": "Europe/Vienna",
    }


if __name__ == "__main__":
    main()
