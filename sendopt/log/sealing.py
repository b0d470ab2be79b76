"""Writes down what each data file holds at the moment it becomes visible, and reads it again.

A seal is the size of a file and the SHA-256 of all of it. The appender writes it in the transaction
in which the file becomes visible, whichever way the rows came. A file that was merged of others
is the one exception, since DuckLake lets a merge do nothing else: its seal is taken before the
merge is visible and written right after it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pyarrow as pa

from sendopt.errors import StoreFailure
from sendopt.log.events import EVENT_SCHEMA
from sendopt.log.location import LogLocation
from sendopt.log.statements import all_rows, run, statement
from sendopt.records import TenantId

#: Of one row of events. DuckDB promises its `hash` for one version alone: `test_integrity.py` holds
#: a value of it, and a version that gives another comes with a migration that sums anew.
ROW_HASH = f"hash(tenant_id, {', '.join(EVENT_SCHEMA.names)})"

_PARTITION = "tenant_id="
_SEALS_AT_ONCE = 500  # so few rows stay in the catalog, and make no file themselves


@dataclass(frozen=True, slots=True)
class Seal:
    """What a file held when it was sealed."""

    path: str  # below the folder of the data
    bytes: int
    sha256: str


def seal(connection: duckdb.DuckDBPyConnection, location: LogLocation, file: str) -> Seal:
    """Read a whole file, named in full, and return its seal.

    Raises:
        OSError: if it cannot be read from a disk.
        StoreFailure: if it cannot be read from an object store.
    """
    path = relative(location, file)
    if location.on_s3:
        rows = all_rows(connection, "blob_hash", params={"path": file})
        if not rows:
            raise StoreFailure(f"{path} is missing in the object store", statement="blob_hash")
        return Seal(path, *rows[0])
    with Path(file).open("rb") as content:
        digest = hashlib.file_digest(content, "sha256")
        return Seal(path, content.tell(), digest.hexdigest())


def sum_of(row_hash: str = ROW_HASH) -> str:
    """Return the SQL that sums up the hashes of rows, in whatever order they come."""
    return f"(sum({row_hash}) % 9223372036854775807)::bigint"


def write_seals(connection: duckdb.DuckDBPyConnection, seals: Iterable[Seal]) -> None:
    """Add seals, inside the transaction of the connection."""
    rows = [{"path": each.path, "bytes": each.bytes, "sha256": each.sha256} for each in seals]
    for start in range(0, len(rows), _SEALS_AT_ONCE):
        connection.register("sealed", pa.Table.from_pylist(rows[start : start + _SEALS_AT_ONCE]))
        try:
            run(connection, "insert_data_files")
        finally:
            connection.unregister("sealed")


def seals(connection: duckdb.DuckDBPyConnection, lake: str) -> dict[str, Seal]:
    """Return every seal by the path of its file."""
    rows = all_rows(connection, "sealed_files", statement("sealed_files").format(lake=lake))
    return {row[0]: Seal(*row) for row in rows}


def current_files(connection: duckdb.DuckDBPyConnection, lake: str) -> Iterator[str]:
    """Yield the full name of every file that the newest snapshot consists of."""
    sql = statement("current_files").format(lake=lake)
    yield from (file for (file,) in all_rows(connection, "current_files", sql))


def relative(location: LogLocation, file: str) -> str:
    """Return the name of a file as seals have it: a log may be moved as a whole."""
    if location.on_s3:
        return file.removeprefix(location.data.rstrip("/") + "/")
    return os.path.relpath(file, location.data)


def tenant_of(path: str) -> TenantId | None:
    """Return whose events are in a file, by its name; None = it is not one tenant's alone."""
    for part in path.split("/"):
        if part.startswith(_PARTITION):
            return TenantId(unquote(part.removeprefix(_PARTITION)))
    return None
