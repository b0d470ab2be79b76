"""`kill -9` the whole service at random moments: nothing acknowledged is lost, nothing doubled."""

from __future__ import annotations

import random
import signal
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from service.processes import campaign, free_port, running, verify, wait_until_ready

from sendopt.app import App, open_app
from sendopt.records import SendState, TenantId
from sendopt.settings import Settings
from sendopt.state import tables

TENANT = TenantId("default")
PHONE = {"user-agent": "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/131.0 Mobile"}
USERS = 60


def plan_sends(app: App, url: str, key: str) -> None:
    """One send for each user, due within the next seconds."""
    users = [f"u{n}" for n in range(USERS)]
    for user in users:
        app.register_device(
            TENANT,
            {"device_id": f"d-{user}", "user_id": user, "channel": "simulator", "address": {}},
        )
    start = datetime.now(UTC) + timedelta(seconds=3)
    due = {user: start + timedelta(seconds=n * 0.05) for n, user in enumerate(users)}
    answer = httpx.post(
        f"{url}/v1/campaigns?commit=true",
        headers={"authorization": f"Bearer {key}"},
        json=campaign("crash", due),
        timeout=60,
    )
    assert answer.status_code == 201, answer.text


def open_links(app: App) -> list[str]:
    """The tokens of every message that is out."""
    with app.state.read() as tx:
        ids = tx.scalars(
            sa.select(tables.link.c.link_id)
            .join(
                tables.planned_send,
                (tables.planned_send.c.tenant_id == tables.link.c.tenant_id)
                & (tables.planned_send.c.send_id == tables.link.c.send_id),
            )
            .where(tables.planned_send.c.state == SendState.DELIVERED)
        ).all()
    return [app.link_signer.token(link_id) for link_id in ids]


def crash_and_recover(home: Path, kills: int) -> None:
    rng = random.Random(kills)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "SENDOPT_HOME": str(home),
        "SENDOPT_HTTP__PORT": str(port),
        "SENDOPT_DELIVER__LEASE_SECONDS": "2",
    }
    acknowledged: set[str] = set()
    clicked: set[str] = set()
    with closing(open_app(Settings(home=home))) as app:
        key = app.issue_key(TENANT, "crash test")
        head = {"authorization": f"Bearer {key}"}
        number = 0
        for life in range(kills + 1):
            with (
                running("run", environment) as process,
                httpx.Client(base_url=url, timeout=60) as client,
            ):
                wait_until_ready(url, process)
                if life == 0:
                    plan_sends(app, url, key)
                dies_at = time.monotonic() + rng.uniform(0.3, 2.5)
                last = life == kills
                while True:
                    if not last and time.monotonic() >= dies_at:
                        break
                    event_id = f"e{number}"
                    number += 1
                    event = {
                        "event_id": event_id,
                        "user_id": f"u{number % USERS}",
                        "event_type": "session",
                        "occurred_at": datetime.now(UTC).isoformat(),
                    }
                    if client.post("/v1/events", headers=head, json=[event]).status_code == 200:
                        acknowledged.add(event_id)
                    for token in set(open_links(app)) - clicked:
                        if client.get(f"/t/{token}", headers=PHONE).status_code == 302:
                            clicked.add(token)
                    if last and len(clicked) == USERS:
                        break
                if last:
                    process.send_signal(signal.SIGTERM)
                    assert process.wait(timeout=60) in (0, -signal.SIGTERM)
        app.settle()
        with app.reader(TENANT) as reader:
            stored = reader.query("sessions", "select event_id from event")["event_id"].to_pylist()
            sends = reader.query(
                "sends", "select count(*) as n from event where event_type = 'send'"
            )["n"][0].as_py()
        assert acknowledged <= set(stored), "an acknowledged event was lost"
        assert sends == USERS
        counts = app.campaign(TENANT, "crash").counts  # type: ignore[arg-type]
        assert counts["delivered"] == USERS, counts
    verify(environment)


@pytest.mark.timeout(180)
def test_the_service_survives_two_kills(home: Path) -> None:
    crash_and_recover(home, kills=2)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_service_survives_twenty_kills(home: Path) -> None:
    crash_and_recover(home, kills=20)
