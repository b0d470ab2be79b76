"""A restore drill: backups under load, restored elsewhere, compared with what was acknowledged.

    cd tests && python -m backup.drill --drills 10        # `make drill`

A service takes events and sends messages all the while. Each drill notes what was acknowledged,
makes a backup, restores it to a folder of its own, and compares: every count of the manifest with
the restored stores, every acknowledged event with the restored state, and `sendopt verify`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from servers import S3
from service.processes import SENDOPT, campaign, free_port, running, wait_until_ready
from waiting import wait_until

from sendopt.app import open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.settings import Settings

USERS = [f"user-{number}" for number in range(60)]
EVENTS_A_REQUEST = 20


@dataclass(frozen=True)
class Drill:
    """What one drill came to."""

    place: str
    acknowledged: int  # events, before the backup began
    lost: int  # of these, not in the restored state
    delivered: int  # sends, of which the service said so before the backup began
    undelivered: int  # by how many fewer the restored state knows
    counts: int  # of the manifest
    differing: int  # in the restored stores
    held: int  # sends of the restored home
    findings: int  # of `sendopt verify`
    new_mb: float
    backup_s: float
    restore_s: float

    @property
    def passed(self) -> bool:
        return not (self.lost or self.undelivered or self.differing or self.findings)


class Load:
    """A service at work: events posted without a pause, and a campaign of sends whenever asked."""

    def __init__(self, url: str, key: str) -> None:
        self._client = httpx.Client(
            base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=60
        )
        self.acknowledged: set[str] = set()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._post, args=(n,)) for n in range(2)]
        self._campaigns = 0

    @contextmanager
    def at_work(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()
            self._client.close()

    def register(self) -> None:
        for user in USERS:
            device = {"device_id": user, "user_id": user, "channel": "simulator", "address": {}}
            assert self._client.post("/v1/devices", json=device).status_code == 200

    def begin_campaign(self) -> None:
        """Plan a send for everybody, two a second from now on."""
        self._campaigns += 1
        start = datetime.now(UTC) + timedelta(seconds=1)
        due = {user: start + timedelta(seconds=n / 2) for n, user in enumerate(USERS)}
        planned = self._client.post(
            "/v1/campaigns?commit=true", json=campaign(f"c{self._campaigns}", due)
        )
        assert planned.status_code == 201, planned.text

    def delivered(self) -> int:
        """Return how many sends the service says are delivered."""
        return sum(
            self._client.get(f"/v1/campaigns/c{number + 1}").json()["counts"].get("delivered", 0)
            for number in range(self._campaigns)
        )

    def _post(self, number: int) -> None:
        for batch in itertools.count():
            if self._stop.is_set():
                return
            at = datetime.now(UTC).isoformat()
            items = [
                {
                    "event_id": f"e-{number}-{batch}-{item}",
                    "user_id": USERS[item],
                    "event_type": "session",
                    "occurred_at": at,
                }
                for item in range(EVENTS_A_REQUEST)
            ]
            answer = self._client.post("/v1/events", json=items)
            if answer.status_code == 200:
                self.acknowledged.update(item["event_id"] for item in items)
            self._stop.wait(0.05)


def drills(folder: Path, place: str, *, access: Mapping[str, str], count: int) -> Iterator[Drill]:
    """Run a service in `folder`, and drill `count` times while it works."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "SENDOPT_HOME": str(folder / "home"),
        "SENDOPT_HTTP__PORT": str(port),
        **access,
    }
    (folder / "home").mkdir(parents=True, exist_ok=True)
    with closing(open_app(Settings(home=folder / "home"))) as app:
        key = app.as_owner_of(DEFAULT_TENANT).keys.issue("drill").key
    with running("run", environment) as service:
        wait_until_ready(url, service)
        load = Load(url, key)
        load.register()
        with load.at_work():
            for number in range(count):
                load.begin_campaign()
                enough = 400 * (number + 1)
                wait_until(lambda load=load, e=enough: len(load.acknowledged) >= e, "some events")
                yield _drill(folder / f"restored-{number}", place, environment, load)
        assert service.poll() is None, "the service ended"


def _drill(restored: Path, place: str, environment: Mapping[str, str], load: Load) -> Drill:
    acknowledged, delivered = set(load.acknowledged), load.delivered()
    backup, backup_s = _timed(("backup", place), environment)
    elsewhere = {**environment, "SENDOPT_HOME": str(restored)}
    report, restore_s = _timed(("restore", place), elsewhere)
    counts = {
        (tenant, table): rows
        for tenant, of_tables in backup["counts"].items()
        for table, rows in of_tables.items()
    }
    differing = {key for key, rows in counts.items() if _count(restored, *key) != rows}
    with closing(sqlite3.connect(restored / "state.sqlite")) as state:
        stored = {event_id for (event_id,) in state.execute("select event_id from event_outbox")}
        sent = "select count(*) from planned_send where state = 'delivered'"
        (known,) = state.execute(sent).fetchone()
    verified = subprocess.run(
        [SENDOPT, "verify", "--json"],
        env={**os.environ, **elsewhere},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return Drill(
        place=place.partition(":")[0] if "://" in place else "folder",
        acknowledged=len(acknowledged),
        lost=len(acknowledged - stored),
        delivered=delivered,
        undelivered=max(0, delivered - known),
        counts=len(counts),
        differing=len(differing),
        held=report["held"]["later"] + report["held"]["overdue"],
        findings=len(json.loads(verified.stdout)["findings"]),
        new_mb=round(backup["new_bytes"] / 1e6, 2),
        backup_s=round(backup_s, 1),
        restore_s=round(restore_s, 1),
    )


def _timed(
    command: tuple[str, ...], environment: Mapping[str, str]
) -> tuple[dict[str, Any], float]:
    begun = time.perf_counter()
    done = subprocess.run(
        [SENDOPT, *command, "--json"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), time.perf_counter() - begun


def _count(home: Path, tenant: str, table: str) -> int:
    """Count anew, by other code than the one that wrote the manifest."""
    if table == "log.event":
        with closing(open_app(Settings(home=home))) as app, app.reader(tenant) as reader:
            return reader.query("counted", "select count(*) as n from event")["n"][0].as_py()
    with closing(sqlite3.connect(home / "state.sqlite")) as state:
        rows = state.execute(f'select count(*) from "{table}" where tenant_id = ?', (tenant,))
        return rows.fetchone()[0]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--drills", type=int, default=10, help="for each kind of place")
    arguments.add_argument("--places", nargs="+", default=["folder", "s3"])
    given = arguments.parse_args()
    done: list[Drill] = []
    with tempfile.TemporaryDirectory(prefix="sendopt-drill-") as folder:
        for kind in given.places:
            with PLACES[kind](Path(folder)) as (place, access):
                done += _shown(drills(Path(folder, kind), place, access=access, count=given.drills))
    passed = sum(drill.passed for drill in done)
    print(f"\n{passed} of {len(done)} drills passed")
    sys.exit(passed != len(done))


@contextmanager
def in_folder(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    yield str(folder / "backups"), {}


@contextmanager
def in_s3(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    store = S3(folder / "buckets")
    store.start()
    try:
        yield (
            "s3://lake/drill",
            {
                "SENDOPT_BACKUP__S3_ENDPOINT": store.endpoint,
                "SENDOPT_BACKUP__S3_KEY_ID": "any",
                "SENDOPT_BACKUP__S3_SECRET": "any",
                "SENDOPT_BACKUP__S3_USE_SSL": "false",
            },
        )
    finally:
        store.stop()


PLACES = {"folder": in_folder, "s3": in_s3}


def _shown(done: Iterator[Drill]) -> Iterator[Drill]:
    names = [field.name for field in fields(Drill)]
    print("\n| " + " | ".join(name.replace("_", " ") for name in names) + " |")
    print("|---|" + "---:|" * (len(names) - 1))
    for drill in done:
        row = (getattr(drill, name) for name in names)
        print(
            "| "
            + " | ".join(f"{value:,}" if isinstance(value, int) else str(value) for value in row)
            + " |",
            flush=True,
        )
        yield drill


if __name__ == "__main__":
    main()
