"""One message to one user, asked for over HTTP: how long until it is planned and on disk.

python benchmarks/trigger.py [--users 1000000] [--rate 500] [--seconds 20]

The service runs as its users run it, `sendopt run`, with all of its parts, beside a tenant of so
many users with devices and stored scores. Requests come at their moments, answered or not, and the
time of each counts from its moment.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from best_times_service import train_champion
from traffic.service import running
from traffic.usage import cpu_seconds
from trigger_load import request, user_id

from sendopt.app import App, open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.records import Channel, Device, DeviceId, UserId
from sendopt.score import SLOTS_A_WEEK, Weeks
from sendopt.score.store_file import About
from sendopt.score.store_writer import write_store
from sendopt.settings import Settings
from sendopt.state import tables
from sendopt.state.bulk import insert_columns
from sendopt.state.devices import fingerprint
from sendopt.state.instant import microseconds

HERE = Path(__file__).parent
_ZONES = ("Europe/Vienna", "America/New_York", "Asia/Tokyo", "Australia/Adelaide")
_USERS_AT_ONCE = 20_000
_RUNS = 3
_PLANNED_ALONE = 300
_AT_ONCE = 20


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        key = prepare(home, Path(folder), given.users)
        print("| what | p50 | p99 | answered a second | CPU of the service each |")
        print("|---|---|---|---|---|")
        for name, milliseconds in alone(home, given.users):
            print(_row(name, milliseconds, "", ""))
        with running("run", home, log=Path(folder) / "log") as (process, port):
            for way, name in (("optimised", "best time within a day"), ("now", "now")):
                for run in range(_RUNS + 1):
                    used = cpu_seconds(process.pid)
                    answer = load(port, key, way, run, given)
                    used = (cpu_seconds(process.pid) - used) / len(answer["total"])
                    if run:  # the first one warms
                        told = f"{answer['rate']:,.0f}", f"{used * 1e3:.2f} ms"
                        print(_row(f"{name}, over HTTP", answer["total"], *told), flush=True)


def _row(name: str, seconds: Sequence[float], rate: str, cpu: str) -> str:
    p50, p99 = (statistics.quantiles(seconds, n=100)[place] * 1e3 for place in (49, 98))
    return f"| {name} | {p50:.2f} ms | {p99:.2f} ms | {rate} | {cpu} |"


def prepare(home: Path, folder: Path, users: int) -> str:
    """Make a home with so many users, devices and scores, and campaigns; return a key."""
    with closing(open_app(Settings(home=home))) as app:
        app.operator.create_tenant(DEFAULT_TENANT, timezone="UTC")
        work = app.as_owner_of(DEFAULT_TENANT)
        version = train_champion(app, folder)
        _store_scores(app, version, users)
        _store_devices(app, users)
        for name, message_class in (("optimised", "marketing"), ("now", "transactional")):
            work.campaigns.put(_campaign(name, message_class), commit=True)
        return work.keys.issue("benchmark").key


def _campaign(name: str, message_class: str) -> dict[str, Any]:
    return {
        "campaign_id": name,
        "channel": "simulator",
        "message_class": message_class,
        "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
        "send_window": {
            "earliest_at": "2026-01-01T00:00:00Z",
            "latest_at": "2090-01-01T00:00:00Z",
        },
        "quiet_hours": {"start": "22:00", "end": "08:00"},
        "audience": "triggered",
    }


def _store_scores(app: App, version: str, users: int) -> None:
    random, now = np.random.default_rng(1), app.clock.now()

    def weeks() -> Iterator[Weeks]:
        for first in range(0, users, _USERS_AT_ONCE):
            some = range(first, min(first + _USERS_AT_ONCE, users))
            logit = random.normal(-2.0, 1.0, (len(some), SLOTS_A_WEEK)).astype(np.float32)
            yield Weeks(pa.array(map(user_id, some)), logit)

    path = app.stored_scores.path(DEFAULT_TENANT, version)
    ids = pa.array(map(user_id, range(users)), pa.string())
    about = About(DEFAULT_TENANT, version, 0, as_of=now, created_at=now)
    zones = pa.array([_ZONES[number % len(_ZONES)] for number in range(users)])
    write_store(path, about, ids, zones, weeks())


def _store_devices(app: App, users: int) -> None:
    at = microseconds(app.clock.now())
    for first in range(0, users, _USERS_AT_ONCE):
        some = range(first, min(first + _USERS_AT_ONCE, users))
        devices = [
            Device(
                DeviceId(f"d{number}"), UserId(user_id(number)), Channel.SIMULATOR, {}, None, None
            )
            for number in some
        ]
        columns: dict[str, Sequence[Any]] = {
            "tenant_id": [DEFAULT_TENANT] * len(some),
            "device_id": [each.device_id for each in devices],
            "user_id": [each.user_id for each in devices],
            "channel": ["simulator"] * len(some),
            "address": ["{}"] * len(some),
            "address_hash": [fingerprint(each) for each in devices],
            "timezone": [_ZONES[number % len(_ZONES)] for number in some],
            "registered_at": [at] * len(some),
        }
        with app.state.write(DEFAULT_TENANT) as tx:
            insert_columns(tx, tables.device, columns)


def alone(home: Path, users: int) -> Iterator[tuple[str, list[float]]]:
    """Ask in this process, one after the other."""
    with closing(open_app(Settings(home=home))) as app:
        for campaign in ("optimised", "now"):
            sends = app.as_owner_of(DEFAULT_TENANT).sends
            took = []
            for number in range(_PLANNED_ALONE):
                body = request(campaign, number * 7_919 % users, f"alone-{number}")
                begun = time.perf_counter()
                sends.ask(body)
                took.append(time.perf_counter() - begun)
            yield f"`{campaign}`, in one process, one after the other", took[50:]
            yield (
                f"`{campaign}`, in one process, each of {_AT_ONCE} at once",
                _at_once(app, campaign),
            )


def _at_once(app: App, campaign: str) -> list[float]:
    """Return seconds for each of requests that come together, as a list or by many threads."""
    actor, took = "key:benchmark", []
    for turn in range(_PLANNED_ALONE // _AT_ONCE + 1):
        bodies = [request(campaign, number, f"{turn}-{number}") for number in range(_AT_ONCE)]
        begun = time.perf_counter()
        app.triggering.ask_all(bodies, DEFAULT_TENANT, asked_by=actor, now=app.clock.now())
        took.append((time.perf_counter() - begun) / _AT_ONCE)
    return took[1:]


def load(port: int, key: str, way: str, run: int, given: argparse.Namespace) -> Any:
    """Let a process of its own ask at its moments."""
    arguments = [str(port), key, way, str(run), str(given.users), str(given.rate)]
    command = [sys.executable, str(HERE / "trigger_load.py"), *arguments]
    command.append(str(given.seconds))
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


if __name__ == "__main__":
    main()
