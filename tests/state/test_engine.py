from __future__ import annotations

import os
import resource
import threading
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from sendopt.errors import InvalidInput, StoreFailure
from sendopt.records import TenantId, UserId
from sendopt.state import State, TenantRead, engine, migrate, users
from sendopt.state.tables import app_user

SHOP = TenantId("shop")


def a_user_named(state: State, name: str, now: datetime) -> None:
    with state.write(SHOP) as tx:
        users.ensure(tx, UserId(name), now=now)


def names(tx: TenantRead) -> list[str]:
    return [user.user_id for user in users.everyone(tx)]


def test_a_reader_sees_one_snapshot(state: State, now: datetime) -> None:
    a_user_named(state, "ann", now)
    with state.read(SHOP) as tx:
        assert names(tx) == ["ann"]
        a_user_named(state, "bob", now)
        assert names(tx) == ["ann"]
    with state.read(SHOP) as tx:
        assert names(tx) == ["ann", "bob"]


def test_a_reader_cannot_write_and_the_next_writer_can(state: State, now: datetime) -> None:
    with pytest.raises(StoreFailure), state.read(SHOP) as tx:
        users.ensure(tx, UserId("ann"), now=now)
    a_user_named(state, "ann", now)


def test_writers_on_many_threads_lose_nothing(state: State, now: datetime) -> None:
    threads = [
        threading.Thread(target=a_user_named, args=(state, f"u{number:02}", now))
        for number in range(48)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with state.read(SHOP) as tx:
        assert names(tx) == [f"u{number:02}" for number in range(48)]


def test_acknowledged_means_on_disk(state: State) -> None:
    """Every connection, also the second and third of the pool, syncs at its commits."""
    question, answers = {
        "sqlite": ("PRAGMA synchronous", {"2"}),  # FULL
        "postgresql": ("SHOW synchronous_commit", {"on"}),
    }[state.engine.dialect.name]
    with state.read_fleet() as first, state.read_fleet() as second, state.write_fleet() as third:
        assert {str(tx.scalar(sa.text(question))) for tx in (first, second, third)} == answers


def test_a_refused_statement_tells_neither_sql_nor_values(state: State, now: datetime) -> None:
    with pytest.raises(StoreFailure) as refused, state.write_fleet() as tx:
        tx.execute(sa.insert(app_user).values(tenant_id=SHOP, user_id="ann", updated_at=None))
    assert refused.value.code == "store_failure"
    assert not {"ann", "shop", "app_user", "insert"} & set(str(refused.value).lower().split())
    assert refused.value.__cause__ is not None


def test_a_time_without_a_zone_is_refused_by_name(state: State, now: datetime) -> None:
    with pytest.raises(InvalidInput) as refused:
        a_user_named(state, "ann", now.replace(tzinfo=None))
    assert refused.value.code == "time_invalid"


def test_a_writer_that_holds_on_for_too_long_makes_the_others_give_up(
    state: State, state_url: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LOCK_TIMEOUT_SECONDS", 0.1)
    shorter = {"sqlite": "PRAGMA busy_timeout = 100", "postgresql": "SET lock_timeout = '100ms'"}
    with closing(State(state_url)) as other, state.write(SHOP) as tx:
        sa.event.listen(
            other.engine,
            "connect",
            lambda raw, _: raw.execute(shorter[state.engine.dialect.name]),
        )
        users.ensure(tx, UserId("ann"), now=now)
        with pytest.raises(StoreFailure) as refused:
            a_user_named(other, "ann", now)
        assert refused.value.code == "store_busy"
    a_user_named(state, "ann", now)


@pytest.mark.parametrize("state_url", ["sqlite"], indirect=True)
def test_a_full_disk_acknowledges_nothing_and_work_resumes_when_it_is_freed(
    state: State, now: datetime
) -> None:
    def limit(pages: int) -> None:
        with state.read_fleet() as tx:
            tx.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    with state.read_fleet() as tx:
        used = tx.connection.exec_driver_sql("PRAGMA page_count").scalar()
    limit(used + 3)
    stored: list[str] = []

    def fill_the_disk() -> None:
        for number in range(10_000):
            a_user_named(state, f"{number:05}" * 20, now)
            stored.append(f"{number:05}" * 20)

    with pytest.raises(StoreFailure) as refused:
        fill_the_disk()
    assert refused.value.code == "disk_full"
    limit(2**30)
    a_user_named(state, "zoe", now)
    with state.read(SHOP) as tx:
        assert names(tx) == [*stored, "zoe"]


def test_a_store_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/no/such/folder.db", "postgresql://nobody@127.0.0.1:9/none"]
    for url in urls:
        with (
            closing(State(url)) as state,
            pytest.raises(StoreFailure) as refused,
            state.read(SHOP) as tx,
        ):
            names(tx)
        assert refused.value.code == "store_unavailable"


def test_a_file_that_is_no_database_is_damaged_and_names_the_runbook(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"no database" * 1000)
    with closing(State(f"sqlite:///{tmp_path / 'state.db'}")) as state:
        for use in (state.read_fleet, state.write_fleet):
            with pytest.raises(StoreFailure, match=r"corrupt-file\.md") as refused, use():
                pass
            assert refused.value.code == "store_damaged"


def test_a_page_that_holds_something_else_is_damage(tmp_path: Path, now: datetime) -> None:
    file = tmp_path / "state.db"
    with closing(State(f"sqlite:///{file}")) as state:
        migrate(state)
        a_user_named(state, "ann", now)
    pages = file.read_bytes()
    file.write_bytes(pages[:4096] + os.urandom(len(pages) - 4096))
    with closing(State(f"sqlite:///{file}")) as state:
        with pytest.raises(StoreFailure) as refused, state.read(SHOP) as tx:
            names(tx)
        assert refused.value.code == "store_damaged"


@pytest.mark.parametrize(
    ("left", "flags", "code"),
    [
        ((0, 9), 0, "disk_full"),
        ((2**20, 0), 0, "disk_full"),
        ((2**20, 9), os.ST_RDONLY, "disk_read_only"),
        ((2**20, 9), 0, "store_unavailable"),
    ],
)
def test_a_file_that_cannot_be_opened_is_named_by_its_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: tuple[int, int], flags: int, code: str
) -> None:
    free, files = left
    (tmp_path / "state.db").mkdir()  # SQLite: "unable to open database file", as on such a disk
    found = os.statvfs_result((4096, 4096, free, free, free, 9, files, files, flags, 255))
    monkeypatch.setattr(os, "statvfs", lambda _folder: found)
    with closing(State(f"sqlite:///{tmp_path / 'state.db'}")) as state:
        for use in (state.read_fleet, state.write_fleet):
            with pytest.raises(StoreFailure) as refused, use():
                pass
            assert refused.value.code == code


def test_a_process_that_may_open_no_more_files_says_so_and_goes_on_once_it_may(
    tmp_path: Path,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with closing(State(f"sqlite:///{tmp_path / 'state.db'}")) as state:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            with pytest.raises(StoreFailure, match="ulimit -n") as refused, state.read_fleet():
                pass
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert refused.value.code == "files_used_up"
        with state.read_fleet() as tx:
            assert tx.scalar(sa.text("select 1")) == 1


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://root:pw@host/db", "sqlite://"])
def test_an_unknown_store_is_refused_without_repeating_its_url(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        State(url)
    assert refused.value.code == "state_url_invalid"
    assert "pw" not in str(refused.value)
