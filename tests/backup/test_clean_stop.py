"""A service that was stopped leaves whole files: what is copied without a WAL lacks nothing."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import httpx
import pytest
from service.processes import free_port, running, wait_until_ready

from sendopt.app import open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.settings import Settings


@pytest.mark.slow
def test_after_a_stop_nothing_waits_in_a_write_ahead_log(home, tmp_path):
    port = free_port()
    with closing(open_app(Settings(home=home))) as app:
        key = app.as_owner_of(DEFAULT_TENANT).keys.issue("test").key
    environment = {"SENDOPT_HOME": str(home), "SENDOPT_HTTP__PORT": str(port)}
    with running("run", environment) as service:
        wait_until_ready(f"http://127.0.0.1:{port}", service)
        event = {
            "event_id": "e",
            "user_id": "u",
            "event_type": "session",
            "occurred_at": datetime.now(UTC).isoformat(),
        }
        answer = httpx.post(
            f"http://127.0.0.1:{port}/v1/events",
            json=[event],
            headers={"authorization": f"Bearer {key}"},
            timeout=60,
        )
        assert answer.status_code == 200
        service.send_signal(signal.SIGTERM)
        assert service.wait() == 0
    left = [path for path in home.rglob("*-wal") if path.stat().st_size]
    assert left == []
    with closing(
        sqlite3.connect(shutil.copyfile(home / "state.sqlite", tmp_path / "alone"))
    ) as copy:
        assert copy.execute("select event_id from event_outbox").fetchall() == [("e",)]
