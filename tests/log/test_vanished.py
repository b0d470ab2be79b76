"""Connections of which nobody says that they are dead: each is missed by both of its ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from faults.proxy import Proxy
from waiting import wait_until

from sendopt.errors import LeaseHeld, StoreFailure
from sendopt.log import Log, LogLocation
from sendopt.log import event_table as table
from sendopt.log.lease import exclusive
from sendopt.records import Event, TenantId

TENANT = TenantId("a")


@pytest.fixture
def catalog(fleet_log: Log) -> Iterator[Proxy]:
    """The network to the log's catalog."""
    port = int(fleet_log.location.catalog.rpartition("/")[0].rpartition(":")[2])
    with closing(Proxy(port)) as proxy:
        yield proxy


@pytest.fixture
def store(fleet_log: Log) -> Iterator[Proxy]:
    """The network to the log's data."""
    assert fleet_log.location.s3 is not None
    with closing(Proxy(int(fleet_log.location.s3.endpoint.rpartition(":")[2]))) as proxy:
        yield proxy


@pytest.fixture
def distant(fleet_log: Log, catalog: Proxy, store: Proxy) -> Iterator[Log]:
    """The same log on the other side of both."""
    here = fleet_log.location
    assert here.s3 is not None
    server, _, database = here.catalog.rpartition("/")
    far = LogLocation(
        catalog=f"{server.rpartition(':')[0]}:{catalog.port}/{database}",
        data=here.data,
        s3=replace(here.s3, endpoint=f"127.0.0.1:{store.port}"),
    )
    with closing(Log(far)) as log:
        yield log


def succeeds(ask: Callable[[], object]) -> Callable[[], bool]:
    def asked() -> bool:
        try:
            ask()
        except (StoreFailure, LeaseHeld):
            return False
        return True

    return asked


@pytest.mark.slow  # it waits until the server misses the session
def test_a_right_of_a_session_that_has_vanished_is_let_go(
    fleet_log: Log, distant: Log, catalog: Proxy
) -> None:
    def take() -> None:
        with exclusive(fleet_log.location, "append", wait=False):
            pass

    with exclusive(distant.location, "append", wait=False) as check_held:
        catalog.leave_half_open()
        wait_until(succeeds(take), "the right of a session that is gone")
        with pytest.raises(StoreFailure):
            check_held()


@pytest.mark.slow  # the server misses the session that held the lock, as it does the right above
def test_an_append_that_was_cut_off_hinders_no_other(
    fleet_log: Log, distant: Log, catalog: Proxy, an_event: Callable[..., Event]
) -> None:
    def append() -> None:
        with fleet_log.appender() as appender:
            appender.append(TENANT, table([an_event("other")]))

    with distant.appender() as appender:
        appender.append(TENANT, table([an_event("first")]))
        catalog.leave_half_open()
        with pytest.raises(StoreFailure):
            appender.append(TENANT, table([an_event("cut off")]))
    wait_until(succeeds(append), "an append after one that was cut off")


@pytest.mark.parametrize("network", ["catalog", "store"])
def test_a_reader_finds_a_new_connection(
    request: pytest.FixtureRequest,
    fleet_log: Log,
    distant: Log,
    network: str,
    an_event: Callable[..., Event],
) -> None:
    def count() -> int:
        with distant.reader(TENANT) as reader:
            return len(reader.query("all", "select * from event"))

    events = [an_event(f"e{number}") for number in range(1_200)]  # a file of their own
    with fleet_log.appender() as appender:
        appender.append(TENANT, table(events))
    assert count() == len(events)
    proxy: Proxy = request.getfixturevalue(network)
    proxy.leave_half_open()
    wait_until(succeeds(count), "an answer over a new connection")
    assert count() == len(events)
