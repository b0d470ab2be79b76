"""A connection that never answers is given up; one whose statement takes long is not."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing

import pytest
import sqlalchemy as sa
from faults.proxy import Proxy
from waiting import wait_until

from sendopt.errors import StoreFailure
from sendopt.liveness import in_background
from sendopt.state import State


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[Proxy]:
    port = sa.make_url(postgres_url).port
    assert port is not None
    with closing(Proxy(port)) as proxy:
        yield proxy


@pytest.fixture
def distant(postgres_database: str, proxy: Proxy) -> Iterator[State]:
    """A state on the other side of a network that can fail."""
    url = sa.make_url(postgres_database).set(port=proxy.port)
    with closing(State(url.render_as_string(hide_password=False))) as state:
        assert ask(state) == 1  # its pool holds a connection now
        yield state


def ask(state: State, question: str = "SELECT 1") -> object:
    with state.read_fleet() as tx:
        return tx.scalar(sa.text(question))


def test_whoever_waits_for_a_session_that_is_gone_is_told_so(distant: State, proxy: Proxy) -> None:
    proxy.silence()
    waiting: Future[object] = in_background(lambda: ask(distant), name="waiting")

    def told() -> bool:
        distant.renew()
        return waiting.done()

    wait_until(told, "the end of a question that nobody answers")
    failure = waiting.exception()
    assert failure is None or isinstance(failure, StoreFailure)
    assert ask(distant) == 1


def test_a_statement_that_takes_long_outlives_a_renewal(distant: State) -> None:
    slow = in_background(lambda: ask(distant, "SELECT 7 FROM pg_sleep(1)"), name="slow")

    def at_work() -> bool:
        active = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT 7 %'"
        return ask(distant, active) == 1

    wait_until(at_work, "a statement at work")
    distant.renew()
    assert slow.result() == 7


@pytest.mark.slow
def test_a_server_that_has_vanished_is_missed(distant: State, proxy: Proxy) -> None:
    proxy.leave_half_open()
    wait_until(lambda: ask(distant) == 1, "a new connection in the place of the dead one")
