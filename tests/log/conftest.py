"""Logs to test: on local files, and on PostgreSQL with an S3-compatible store."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sendopt.log import Log, LogLocation, S3Access
from sendopt.records import Event, EventType, UserId


@pytest.fixture(scope="session")
def _migrated_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalog of a migrated, empty log, to copy from."""
    home = tmp_path_factory.mktemp("log")
    with closing(Log(LogLocation(str(home / "log.sqlite"), str(home / "log-data")))) as log:
        log.migrate()
    return home / "log.sqlite"


@pytest.fixture
def local(tmp_path: Path) -> LogLocation:
    return LogLocation(catalog=str(tmp_path / "log.sqlite"), data=str(tmp_path / "log-data"))


@pytest.fixture
def fleet(postgres_database: str, s3_store: tuple[str, Path], tmp_path: Path) -> LogLocation:
    endpoint, _ = s3_store
    return LogLocation(
        catalog=postgres_database,
        data=f"s3://lake/{tmp_path.name}",
        s3=S3Access(
            endpoint=endpoint, region="us-east-1", key_id="any", secret="any", use_ssl=False
        ),
    )


@pytest.fixture
def fleet_log(fleet: LogLocation) -> Iterator[Log]:
    """A migrated, empty log on PostgreSQL and S3."""
    with closing(Log(fleet)) as log:
        log.migrate()
        yield log


@pytest.fixture(params=["local_log", "fleet_log"])
def log(request: pytest.FixtureRequest) -> Log:
    """A migrated, empty log; the test runs once in each place."""
    where: Log = request.getfixturevalue(request.param)
    return where


@pytest.fixture
def local_log(local: LogLocation, _migrated_catalog: Path) -> Iterator[Log]:
    """A migrated, empty log on local files."""
    shutil.copyfile(_migrated_catalog, local.catalog)
    with closing(Log(local)) as log:
        yield log


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
