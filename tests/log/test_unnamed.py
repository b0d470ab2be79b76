"""A catalog that was put back names fewer files than there are, and whose events are missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sendopt.disk import database_files
from sendopt.errors import LeaseHeld
from sendopt.log import Log, event_table
from sendopt.records import Event, TenantId

SHOP = TenantId("shop")


def append(log: Log, an_event: Callable[..., Event], name: str) -> int:
    """Append so many events that they make a file; return how many were new."""
    events = event_table([an_event(f"{name}{number}") for number in range(1_200)])
    with log.appender() as appender:
        return appender.append(SHOP, events).accepted


def test_the_events_that_an_older_catalog_does_not_name_are_found_until_they_are_appended_again(
    local_log: Log, an_event: Callable[..., Event], tmp_path: Path
) -> None:
    catalog = Path(local_log.location.catalog)
    append(local_log, an_event, "first")
    local_log.close()
    shutil.copyfile(catalog, tmp_path / "older")
    append(local_log, an_event, "second")
    assert local_log.unnamed_files() == []
    local_log.close()
    for file in database_files(catalog):
        file.unlink(missing_ok=True)
    shutil.copyfile(tmp_path / "older", catalog)
    with closing(Log(local_log.location)) as log:
        (found,) = log.unnamed_files()
        assert (found.tenant_id, found.missing) == (SHOP, 1_200)
        assert (Path(log.location.data) / found.path).is_file()
        assert append(log, an_event, "second") == 1_200
        assert log.unnamed_files() == []


def test_what_a_killed_process_leaves_is_nothing_that_the_log_lacks(
    local_log: Log, an_event: Callable[..., Event]
) -> None:
    append(local_log, an_event, "first")
    (file,) = Path(local_log.location.data).rglob("*.parquet")
    shutil.copyfile(file, file.with_name("repeated-since.parquet"))
    file.with_name("broken-off.parquet").write_bytes(file.read_bytes()[:-9])
    assert local_log.unnamed_files() == []


def test_nobody_looks_while_files_are_written_that_get_their_names_later(local_log: Log) -> None:
    with local_log.appender(), pytest.raises(LeaseHeld):
        local_log.unnamed_files()
