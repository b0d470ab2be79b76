"""Logs to test: on local files, and on PostgreSQL with an S3-compatible store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sendopt.log import Log, LogLocation
from sendopt.records import Event, EventType, UserId
from sendopt.s3_access import S3Access


@pytest.fixture
def local(tmp_path: Path) -> LogLocation:
    return LogLocation(catalog=str(tmp_path / "log.sqlite"), data=str(tmp_path / "log-data"))


@pytest.fixture(scope="session")
def _migrated_fleet(
    database: Callable[..., AbstractContextManager[str]], s3_store: tuple[str, Path]
) -> Iterator[str]:
    """The URI of a database with a migrated, empty log on S3, to copy from."""
    with database() as url:
        with closing(_fleet(url, s3_store, folder="template")) as log:
            log.migrate()
        yield url


@pytest.fixture
def fleet_log(
    database: Callable[..., AbstractContextManager[str]],
    _migrated_fleet: str,
    s3_store: tuple[str, Path],
    tmp_path: Path,
) -> Iterator[Log]:
    """A migrated, empty log on PostgreSQL and S3."""
    with (
        database(template=_migrated_fleet) as url,
        closing(_fleet(url, s3_store, folder=tmp_path.name)) as log,
    ):
        yield log


@pytest.fixture(params=["local_log", "fleet_log"])
def log(request: pytest.FixtureRequest) -> Log:
    """A migrated, empty log; the test runs once in each place."""
    where: Log = request.getfixturevalue(request.param)
    return where


@pytest.fixture
def local_log(empty_log: Log) -> Log:
    """A migrated, empty log on local files."""
    return empty_log


@pytest.fixture
def an_event() -> Callable[..., Event]:
    """Builds an event; every field can be said."""

    def build(event_id: str = "e1", **fields: Any) -> Event:
        defaults: dict[str, Any] = {
            "user_id": UserId("ann"),
            "event_type": EventType.SESSION,
            "occurred_at": datetime(2026, 3, 1, 8, tzinfo=UTC),
        }
        return Event(event_id, **{**defaults, **fields})

    return build


def _fleet(catalog: str, s3_store: tuple[str, Path], *, folder: str) -> Log:
    endpoint, _ = s3_store
    access = S3Access(
        endpoint=endpoint, region="us-east-1", key_id="any", secret="any", use_ssl=False
    )
    return Log(LogLocation(catalog=catalog, data=f"s3://lake/{folder}", s3=access))
