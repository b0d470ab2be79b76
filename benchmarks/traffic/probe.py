"""Asks `/healthz` every 20 ms from a process of its own, until its input ends.

python probe.py PORT

Prints JSON: of every answer its seconds, and of every pause by how many seconds it was overslept:
what the machine itself, with all that others do on it, keeps a process waiting.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from traffic.samples import percentile

_PAUSE = 0.02
_BODY = b'{"status":"ok"}'
_NO_ANSWER = 60.0  # seconds that a missing one counts for
_REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass
class Probed:
    """Seconds; filled when the probing has ended."""

    answers: list[float] = field(default_factory=list)
    machine: list[float] = field(default_factory=list)

    def p99(self) -> str:
        """Say how long answers took, and how long the machine let the probe itself wait."""
        of_all = [percentile(each, 0.99) * 1000 for each in (self.answers, self.machine)]
        return f"{of_all[0]:.0f} ms ({of_all[1]:.0f} ms)"


@contextmanager
def probing(port: int) -> Iterator[Probed]:
    """Probe the service during the block."""
    found = Probed()
    with subprocess.Popen(
        [sys.executable, __file__, str(port)],
        env={"PYTHONPATH": str(Path(__file__).parents[1])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        yield found
        said, _ = process.communicate()
    seen = json.loads(said)
    found.answers, found.machine = seen["answers"], seen["machine"]


def main() -> None:
    port = int(sys.argv[1])
    answers, machine = [], []
    connection: socket.socket | None = None
    while True:
        begun = time.perf_counter()
        ended, _, _ = select.select([sys.stdin], [], [], _PAUSE)
        if ended:
            break
        asked = time.perf_counter()
        machine.append(asked - begun - _PAUSE)
        try:
            connection = connection or socket.create_connection(("127.0.0.1", port), timeout=60)
            connection.sendall(_REQUEST)
            answer = b""
            while not answer.endswith(_BODY):
                part = connection.recv(65_536)
                if not part:
                    raise ConnectionError
                answer += part
            well = answer.startswith(b"HTTP/1.1 200")
        except OSError:
            well = False
        answers.append(time.perf_counter() - asked if well else _NO_ANSWER)
        connection = connection if well else None
    print(json.dumps({"answers": answers, "machine": machine}))


if __name__ == "__main__":
    main()
