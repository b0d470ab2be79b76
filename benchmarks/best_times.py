"""One user's best times over HTTP: mapped scores, a FastAPI response model, a DuckDB query.

One service answers all of them, on the cores that the clients use too: rates are of both together,
the processor time of the service is its own.
"""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from traffic.usage import cpu_seconds

HERE = Path(__file__).parent
USERS = 100_000
SECONDS = 3.0  # of one closed run
RUNS = 3
SILENCE = 5.0  # seconds
OFFERED = (1_000, 5_000)  # requests a second of the open loop
WAYS = {
    "mapped": "/v1/users/{}/best-times",
    "model": "/model/users/{}/best-times",
    "house": "/house/users/{}/best-times",
    "duckdb": "/duckdb/users/{}/best-times",
}


def measure() -> Iterator[tuple[str, str, str, str]]:
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as (service, port, key):
        rates: dict[str, list[float]] = {way: [] for way in WAYS}
        costs: dict[str, list[float]] = {way: [] for way in WAYS}
        for way in WAYS:
            load("closed", port, key, way, 1.0)  # warms
        for _ in range(RUNS):
            for way in WAYS:
                used = cpu_seconds(service)
                answer = load("closed", port, key, way, SECONDS)
                rates[way].append(answer["answered"] / answer["seconds"])
                costs[way].append((cpu_seconds(service) - used) / answer["answered"])
        for way, name in (
            ("model", "FastAPI response model over the same scores, key remembered too"),
            ("house", "the same as a plain route on a worker thread, key asked each time"),
            ("duckdb", "a DuckDB query a request"),
        ):
            ours, theirs = (
                f"{statistics.median(rates[each]):,.0f} requests/s, "
                f"{statistics.median(costs[each]) * 1e6:,.0f} µs of the service each"
                for each in ("mapped", way)
            )
            faster, cheaper = (
                statistics.median(a / b for a, b in zip(one, other, strict=True))
                for one, other in ((rates["mapped"], rates[way]), (costs[way], costs["mapped"]))
            )
            ratio = f"{faster:.1f} x; {cheaper:.1f} x less time of the service"
            yield "best times of a user over HTTP", ours, f"{name}: {theirs}", ratio
        for offered in OFFERED:
            runs = [after_silence(port, key, offered) for _ in range(RUNS)]
            answered, total, late = (
                [statistics.quantiles(run[part], n=100) for run in runs]
                for part in ("service", "total", "late")
            )
            whole = f"p50 {median_ms(total, 50)}, p99 {median_ms(total, 99)}"
            yield (
                f"the same, {offered:,} a second offered after silence, until the answer arrives",
                f"p50 {median_ms(answered, 50)}, p99 {median_ms(answered, 99)}",
                f"with what the client adds: {whole}; it sends 1 % over {median_ms(late, 99)} late",
                "",
            )


def after_silence(port: int, key: str, offered: float) -> Any:
    """Offer requests once nothing is remembered any more."""
    time.sleep(SILENCE)
    return load("open", port, key, "mapped", offered)


def median_ms(runs: Sequence[Sequence[float]], percentile: int) -> str:
    """Return the median over runs of a percentile."""
    return f"{statistics.median(run[percentile - 1] for run in runs) * 1e3:.1f} ms"


def load(how: str, port: int, key: str, way: str, amount: float) -> Any:
    """Let a process of its own ask for seconds (closed) or so often a second (open)."""
    arguments = [how, str(port), key, WAYS[way], str(USERS), str(amount)]
    command = [sys.executable, "-P", str(HERE / "http_load.py"), *arguments]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


@contextmanager
def served(folder: Path) -> Iterator[tuple[int, int, str]]:
    """Run this file as the service; yields its process, port and a key."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service = str(HERE / "best_times_service.py")
    command = [sys.executable, "-P", service, str(folder), str(port), str(USERS)]
    with (folder / "log.txt").open("w") as log:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert server.stdout is not None  # piped
    try:
        key = server.stdout.readline().strip()
        if not key:
            raise RuntimeError((folder / "log.txt").read_text())
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        yield server.pid, port, key
    finally:
        server.terminate()
        server.wait(timeout=30)
