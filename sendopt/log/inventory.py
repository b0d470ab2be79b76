"""What a copy of a catalog says that the log consists of."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from sendopt.errors import StoreFailure
from sendopt.log.connect import attached, open_instance
from sendopt.log.location import LogLocation
from sendopt.log.migrate import applied_version
from sendopt.log.read import current_snapshot
from sendopt.log.sealing import seals
from sendopt.log.statements import run, statement
from sendopt.records import TenantId

_SEALED_SINCE = 5  # version of the schema


@dataclass(frozen=True)
class LogInventory:
    """A log as a catalog names it."""

    schema_version: int
    snapshot: int
    high_water_mark: int  # the highest position of the outbox that was copied
    events: dict[TenantId, int]
    files: tuple[str, ...]  # as seen from the data's folder; all that any snapshot reads
    sealed: Mapping[str, str]  # file → the SHA-256 it was written with, where that is known


class FilesGone(StoreFailure):
    """A log names files that are not there: merged away since its catalog was copied, or lost."""

    code = "log_files_gone"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            f"the log names {len(names):,} files that are not there: {', '.join(names)}",
            statement="data_files",
            hint="put these files back from the newest backup, or import and copy the log anew",
        )


def take_inventory(location: LogLocation, *, memory_limit: str, threads: int) -> LogInventory:
    """Read a catalog and count the events in the files that it names.

    Args:
        location: of a catalog at which no service is at work, such as a copy, and of the data.
        memory_limit: of DuckDB.
        threads: how many threads it may use.

    Raises:
        FilesGone: if files in a folder are not there that the catalog names.
        StoreFailure: if the catalog or a file cannot be read.
    """
    with (
        tempfile.TemporaryDirectory(prefix="sendopt-inventory-") as spill,
        closing(
            open_instance(location, memory_limit=memory_limit, threads=threads, spill=Path(spill))
        ) as instance,
        attached(instance, location, read_only=True) as (connection, lake),
    ):
        run(connection, "use", f"use {lake}")
        files = data_files(connection, lake)
        if not location.on_s3:
            require_files(Path(location.data), files)
        counted = run(connection, "count_by_tenant").fetchall()
        version = applied_version(connection)
        sealed = seals(connection, lake) if version >= _SEALED_SINCE else {}
        return LogInventory(
            schema_version=version,
            snapshot=current_snapshot(connection, lake),
            high_water_mark=int(run(connection, "high_water_mark").fetchall()[0][0]),
            events={TenantId(tenant_id): int(events) for tenant_id, events in counted},
            files=files,
            sealed={path: seal.sha256 for path, seal in sealed.items()},
        )


def require_files(folder: Path, names: Sequence[str]) -> None:
    """Refuse a folder of data that lacks some of these files.

    Raises:
        FilesGone: naming them.
    """
    if gone := [name for name in names if not (folder / name).exists()]:
        raise FilesGone(gone)


def data_files(connection: duckdb.DuckDBPyConnection, lake: str) -> tuple[str, ...]:
    """Return all files that any snapshot reads, as seen from the data's folder."""
    named = statement("data_files").format(metadata=f"__ducklake_metadata_{lake}")
    return tuple(_below_data(*row) for row in run(connection, "data_files", named).fetchall())


def _below_data(path: str, is_relative: bool, table: str, schema: str) -> str:  # noqa: FBT001 - a row
    if not is_relative:
        raise StoreFailure(
            "the catalog names a file by its absolute path, which no other place could have",
            statement="data_files",
        )
    return f"{schema}{table}{path}"
