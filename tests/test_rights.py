"""Files that this user may not use are named as such, where SQLite speaks of a failing disk."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from sendopt.disk import database_files
from sendopt.errors import StoreFailure
from sendopt.log import Log, LogLocation, event_table
from sendopt.records import Event, EventType, TenantId, UserId
from sendopt.sqlite_file import Moment
from sendopt.state import State

_NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that another user can get at, unlike those that pytest makes."""
    made = Path(tempfile.mkdtemp(prefix="sendopt-rights-"))
    yield made
    shutil.rmtree(made)


@contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """For the block, be the owner of the folder and somebody to whom modes apply: no root."""
    if os.geteuid() != 0:
        yield
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, _NOBODY, _NOBODY)
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("name", "mode"),
    [("state.db", 0o400), ("state.db", 0), ("state.db-shm", 0o400), ("state.db-wal", 0), (".", 0)],
)
def test_a_file_of_the_state_that_may_not_be_used_is_named(
    folder: Path, tmp_path: Path, name: str, mode: int
) -> None:
    written = tmp_path / "state.db"
    with closing(State(f"sqlite:///{written}")) as state:
        with state.write_fleet() as tx:
            tx.execute(sa.text("create table kept (n integer)"))
        for file in database_files(written):  # as a killed process leaves them
            shutil.copy(file, folder)
    url = f"sqlite:///{folder / 'state.db'}"
    path = folder / name
    before = path.stat().st_mode
    path.chmod(mode)
    with (
        as_owner(folder),
        closing(State(url)) as state,
        pytest.raises(StoreFailure, match=f"user {os.geteuid()}") as refused,
        state.write_fleet() as tx,
    ):
        tx.execute(sa.text("insert into kept values (1)"))
    assert refused.value.code == "file_forbidden"
    assert path.resolve().name in refused.value.message
    path.chmod(before)
    with as_owner(folder), closing(State(url)) as state, state.write_fleet() as tx:
        tx.execute(sa.text("insert into kept values (2)"))
        assert tx.execute(sa.text("select n from kept")).scalars().all() == [2]


@pytest.mark.parametrize(
    ("name", "told"),
    [("log.sqlite",) * 2, ("log.sqlite.append",) * 2, (".", "log.sqlite.append")],
)
def test_a_file_of_the_log_that_may_not_be_used_is_named(
    folder: Path, name: str, told: str
) -> None:
    location = LogLocation(str(folder / "log.sqlite"), str(folder / "data"))
    with closing(Log(location)) as log:
        log.migrate()
        with log.appender():
            pass
    path = folder / name
    before = path.stat().st_mode
    path.chmod(0)
    with (
        as_owner(folder),
        closing(Log(location)) as log,
        pytest.raises(StoreFailure) as refused,
        log.appender(),
    ):
        pass
    assert refused.value.code == "file_forbidden"
    assert told in refused.value.message
    path.chmod(before)
    with as_owner(folder), closing(Log(location)) as log, log.appender() as appender:
        assert appender.high_water_mark() == 0


def test_a_folder_of_data_that_takes_no_file_is_no_failure_of_the_log_alone(folder: Path) -> None:
    location = LogLocation(str(folder / "log.sqlite"), str(folder / "data"))
    with closing(Log(location)) as log:
        log.migrate()
    main = folder / "data" / "main"
    main.chmod(0o500)
    now = datetime(2026, 3, 1, tzinfo=UTC)
    events = [Event(f"e{n}", UserId("ann"), EventType.SESSION, now) for n in range(1_200)]
    with (
        as_owner(folder),
        closing(Log(location)) as log,
        pytest.raises(StoreFailure) as refused,
        log.appender() as appender,
    ):
        appender.append(TenantId("shop"), event_table(events))
    assert refused.value.code == "file_forbidden"
    main.chmod(0o700)
    with as_owner(folder), closing(Log(location)) as log, log.appender() as appender:
        assert appender.append(TenantId("shop"), event_table(events)).accepted == 1_200


def test_a_backup_names_the_file_that_it_may_not_use(folder: Path) -> None:
    path = folder / "state.db"
    with closing(sqlite3.connect(path)) as file:
        file.execute("create table kept (n integer)")
    path.chmod(0)
    with as_owner(folder), pytest.raises(StoreFailure, match=r"state\.db may not be") as refused:
        Moment(path)
    assert refused.value.code == "file_forbidden"
    path.chmod(0o600)
    with as_owner(folder), closing(Moment(path)) as moment:
        assert moment.is_newest()
