"""Whoever asks how the service is gets an answer soon, and a true one."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from servers import S3
from waiting import wait_until

from sendopt.app import App, readiness
from sendopt.app.disk import Disk, written_folders
from sendopt.app.readiness import Readiness
from sendopt.clock import SystemClock
from sendopt.errors import StoreFailure
from sendopt.settings import LogSettings, Settings, StateSettings


def test_a_store_that_is_silent_is_named_and_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readiness, "PATIENCE", timedelta(milliseconds=200))
    free, asked = threading.Event(), []

    def silent() -> None:
        asked.append(1)
        free.wait()

    def failing() -> None:
        raise StoreFailure("away", statement="s", code="store_unavailable")

    stores = Readiness({"state": silent, "log": failing, "registry": lambda: None})
    for _ in range(3):
        told = stores.ask()
        assert told == {"state": "no_answer", "log": "store_unavailable", "registry": None}
    assert len(asked) == 1  # who meets an open question shares it
    free.set()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[S3]:
    store = S3(tmp_path / "buckets")
    store.start()
    yield store
    store.stop()


@pytest.mark.timeout(300)
def test_an_object_store_that_is_away_is_named_and_found_again(tmp_path: Path, store: S3) -> None:
    log = LogSettings(
        data="s3://lake/log", s3_endpoint=store.endpoint, s3_key_id="any", s3_use_ssl=False
    )
    settings = Settings(home=tmp_path / "home", log=log)
    with closing(App(settings, SystemClock(), os.urandom)) as app:
        wait_until(lambda: app.ready()["log_data"] is None, "a store that answers")
        store.stop()
        assert app.ready()["log_data"] is not None
        assert app.ready()["log"] is None
        store.start()
        wait_until(lambda: app.ready()["log_data"] is None, "the store to be found again")


def test_what_nobody_foresaw_is_told_too() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    assert Readiness({"state": broken}).ask() == {"state": "internal"}


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "disk_full"), (errno.EROFS, "disk_read_only"), (errno.EIO, "disk_failed")],
)
def test_a_disk_that_takes_no_byte_is_named_and_asked_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def refuse(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    disk = Disk([tmp_path])
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refuse)
        with pytest.raises(StoreFailure) as failure:
            disk.check()
    assert failure.value.code == code
    disk.check()
    assert list(tmp_path.iterdir()) == []


def test_the_disk_of_a_machine_that_stores_nothing_is_nobodys_concern(tmp_path: Path) -> None:
    here = Settings(home=tmp_path)
    assert written_folders(here)[0] == tmp_path
    elsewhere = Settings(
        home=tmp_path,
        state=StateSettings(url="postgresql://db/state"),
        log=LogSettings(catalog="postgresql://db/log", data="s3://lake/log"),
    )
    assert written_folders(elsewhere) == ()
