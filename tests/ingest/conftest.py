"""A log for the tests of a file, and a tenant for each test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from sendopt.log import Appender, Log
from sendopt.records import TenantId

_tenants = itertools.count()


@pytest.fixture(scope="module")
def log(make_log: Callable[[], AbstractContextManager[Log]]) -> Iterator[Log]:
    with make_log() as log:
        yield log


@pytest.fixture(scope="module")
def appender(log: Log) -> Iterator[Appender]:
    with log.appender() as appender:
        yield appender


@pytest.fixture
def tenant() -> TenantId:
    """A tenant that no other test has."""
    return TenantId(f"tenant {next(_tenants)}")
