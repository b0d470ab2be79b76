"""Finds data files with events that the log lacks, because its catalog does not name the file.

Files without a name are ordinary: a process that was killed leaves those that it had not committed,
and what was merged stays for a day. Their events are in the log, once whoever was broken off has
repeated it. Where they are not, the catalog is an older copy of itself, or the files are another
log's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from sendopt.errors import StoreFailure
from sendopt.log.durable import found_files
from sendopt.log.inventory import data_files
from sendopt.log.location import LogLocation
from sendopt.log.sealing import relative, tenant_of
from sendopt.log.statements import all_rows, statement
from sendopt.records import TenantId

_EVENTS = "main/event/"


@dataclass(frozen=True, slots=True)
class UnnamedFile:
    """A file of events that is not part of the log."""

    path: str  # below the folder of the data
    tenant_id: TenantId
    missing: int  # how many of its events the log does not hold


def unnamed_files(
    connection: duckdb.DuckDBPyConnection, lake: str, location: LogLocation
) -> Iterator[UnnamedFile]:
    """Yield the files whose events are missing; for whoever holds the right to append.

    Raises:
        StoreFailure: if a file cannot be read.
    """
    named = set(data_files(connection, lake))
    for file in sorted(found_files(location, connection)):
        path = relative(location, file)
        tenant_id = tenant_of(path)
        if path in named or not path.startswith(_EVENTS) or tenant_id is None:
            continue
        if missing := _missing(connection, lake, file, tenant_id):
            yield UnnamedFile(path, tenant_id, missing)


def _missing(
    connection: duckdb.DuckDBPyConnection, lake: str, file: str, tenant_id: TenantId
) -> int:
    sql = statement("missing_events").format(lake=lake)
    try:
        rows = all_rows(connection, "missing_events", sql, {"file": file, "tenant_id": tenant_id})
    except StoreFailure as failure:
        if isinstance(failure.__cause__, duckdb.InvalidInputException):
            return 0  # its writer died before the end of it, and so before anything was stored
        raise
    return int(rows[0][0])
