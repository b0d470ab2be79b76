from __future__ import annotations

import threading
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from sendopt.errors import InvalidInput, StoreFailure
from sendopt.records import TenantId, UserId
from sendopt.state import State, users
from sendopt.state.tables import app_user

SHOP = TenantId("shop")


def a_user_named(state: State, name: str, now: datetime) -> None:
    with state.write() as tx:
        users.ensure(tx, SHOP, UserId(name), now=now)


def names(tx: sa.Connection) -> list[str]:
    return [user.user_id for user in users.everyone(tx, SHOP)]


def test_a_reader_sees_one_snapshot(state: State, now: datetime) -> None:
    a_user_named(state, "ann", now)
    with state.read() as tx:
        assert names(tx) == ["ann"]
        a_user_named(state, "bob", now)
        assert names(tx) == ["ann"]
    with state.read() as tx:
        assert names(tx) == ["ann", "bob"]


def test_a_reader_cannot_write_and_the_next_writer_can(state: State, now: datetime) -> None:
    with pytest.raises(StoreFailure), state.read() as tx:
        users.ensure(tx, SHOP, UserId("ann"), now=now)
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
    with state.read() as tx:
        assert names(tx) == [f"u{number:02}" for number in range(48)]


def test_acknowledged_means_on_disk(state: State) -> None:
    """Every connection, also the second and third of the pool, syncs at its commits."""
    question, answers = {
        "sqlite": ("PRAGMA synchronous", {"2"}),  # FULL
        "postgresql": ("SHOW synchronous_commit", {"on"}),
    }[state.engine.dialect.name]
    with state.read() as first, state.read() as second, state.write() as third:
        assert {str(tx.scalar(sa.text(question))) for tx in (first, second, third)} == answers


def test_a_refused_statement_tells_neither_sql_nor_values(state: State, now: datetime) -> None:
    with pytest.raises(StoreFailure) as refused, state.write() as tx:
        tx.execute(sa.insert(app_user).values(tenant_id=SHOP, user_id="ann", updated_at=None))
    assert refused.value.code == "store_failure"
    assert not {"ann", "shop", "app_user", "insert"} & set(str(refused.value).lower().split())
    assert refused.value.__cause__ is not None


def test_a_store_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/no/such/folder.db", "postgresql://nobody@127.0.0.1:9/none"]
    for url in urls:
        with (
            closing(State(url)) as state,
            pytest.raises(StoreFailure) as refused,
            state.read() as tx,
        ):
            names(tx)
        assert refused.value.code == "store_unavailable"


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://root:pw@host/db", "sqlite://"])
def test_an_unknown_store_is_refused_without_repeating_its_url(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        State(url)
    assert refused.value.code == "state_url_invalid"
    assert "pw" not in str(refused.value)
