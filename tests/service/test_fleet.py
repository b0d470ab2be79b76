"""The same program as a fleet: PostgreSQL, S3, one process a part, some of them killed."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from service.processes import campaign, free_port, running, verify, wait_until_ready
from waiting import wait_until

from sendopt.app import open_app
from sendopt.records import TenantId
from sendopt.settings import load_settings

USERS = 40


def delivered(client: httpx.Client) -> int:
    count: int = client.get("/v1/campaigns/fleet").json()["counts"]["delivered"]
    return count


def test_the_line_runs_on_postgresql_and_s3(
    monkeypatch: pytest.MonkeyPatch,
    empty_home: Path,
    postgres_database: str,
    s3_store: tuple[str, Path],
    tmp_path: Path,
) -> None:
    endpoint, buckets = s3_store
    # The registry is no part of what is shown here, and takes MLflow seconds to make.
    shutil.copytree(empty_home / "registry", tmp_path / "home" / "registry")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    fleet = {
        "SENDOPT_HOME": str(tmp_path / "home"),
        "SENDOPT_STATE__URL": postgres_database,
        "SENDOPT_LOG__CATALOG": postgres_database,
        "SENDOPT_LOG__DATA": f"s3://lake/{tmp_path.name}",
        "SENDOPT_LOG__S3_ENDPOINT": endpoint,
        "SENDOPT_LOG__S3_KEY_ID": "any",
        "SENDOPT_LOG__S3_SECRET": "any",
        "SENDOPT_LOG__S3_USE_SSL": "false",
        "SENDOPT_DELIVER__LEASE_SECONDS": "2",
        "SENDOPT_HTTP__PORT": str(port),
    }
    for name, value in fleet.items():
        monkeypatch.setenv(name, value)
    app = open_app(load_settings())
    acme = TenantId("acme")
    app.operator.create_tenant(acme, timezone="Europe/Vienna")
    head = {"authorization": f"Bearer {app.as_owner_of(acme).keys.issue('test').key}"}

    with ExitStack() as fleet_of:
        service = fleet_of.enter_context(running("serve", fleet))
        for command in ("append", "dispatch"):
            fleet_of.enter_context(running(command, fleet))
        wait_until_ready(url, service)
        client = fleet_of.enter_context(httpx.Client(base_url=url, headers=head, timeout=60))
        users = [f"u{n}" for n in range(USERS)]
        for user in users:
            device = {"device_id": user, "user_id": user, "channel": "simulator", "address": {}}
            assert client.post("/v1/devices", json=device).status_code == 200
        # A second dispatcher shares the work, and dies in the middle of it.
        with running("dispatch", fleet):
            start = datetime.now(UTC) + timedelta(seconds=3)
            due = {user: start + timedelta(seconds=n * 0.1) for n, user in enumerate(users)}
            planned = client.post("/v1/campaigns?commit=true", json=campaign("fleet", due))
            assert planned.status_code == 201
            wait_until(lambda: delivered(client) >= USERS / 2, "half of the sends")
        wait_until(lambda: delivered(client) == USERS, "the other half")

    app.rounds.settle()
    with app.reader(acme) as reader:
        sends = reader.query("sends", "select send_id from event where event_type = 'send'")
    assert len(set(sends["send_id"].to_pylist())) == len(sends) == USERS
    app.rounds.compact_log()
    assert list((buckets / "lake").rglob("*.parquet")), "the log's data is not in the bucket"
    app.close()
    verify(fleet)
