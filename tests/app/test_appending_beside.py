"""An import waits for a copy that is going on, instead of giving up at once."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import pytest

from sendopt.app import appending, open_app
from sendopt.errors import LeaseHeld
from sendopt.records import TenantId
from sendopt.settings import Settings

TENANT = TenantId("default")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "events.csv"
    file.write_text("event_id,user_id,event_type,occurred_at\ne,u,session,2026-01-01T00:00:00Z\n")
    return file


def test_an_import_waits_for_the_right_to_append(home: Path, file: Path) -> None:
    with (
        closing(open_app(Settings(home=home))) as app,
        closing(open_app(Settings(home=home))) as service,
    ):
        _ = app.state
        begun, done = threading.Event(), threading.Event()

        def append_for_a_moment() -> None:
            with service.log.appender():
                begun.set()
                done.wait(0.5)

        thread = threading.Thread(target=append_for_a_moment)
        thread.start()
        begun.wait()
        (report,) = app.as_owner_of(TENANT).events.import_files(
            [file], progress=lambda _path, _rows: None
        )
        done.set()
        thread.join()
        assert report.accepted == 1


def test_its_patience_ends(home: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appending, "PATIENCE", appending.PATIENCE * 0)
    with (
        closing(open_app(Settings(home=home))) as app,
        closing(open_app(Settings(home=home))) as service,
    ):
        _ = app.state
        with service.log.appender(), pytest.raises(LeaseHeld):
            app.as_owner_of(TENANT).events.import_files([file], progress=lambda _path, _rows: None)
