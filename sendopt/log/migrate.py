"""Brings a lake's schema to the version that this code reads and writes: forward only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import duckdb

from sendopt.errors import StoreFailure
from sendopt.log.connect import attached
from sendopt.log.durable import found_files
from sendopt.log.lease import exclusive
from sendopt.log.location import LogLocation
from sendopt.log.statements import all_rows, failures, roll_back, run, statement


@dataclass(frozen=True)
class Migration:
    """One step of the schema, applied whole or not at all."""

    version: int
    name: str
    sql: str


def shipped() -> tuple[Migration, ...]:
    """Return the migrations in `schema/`, in order."""
    found = sorted(
        (file for file in files("sendopt.log").joinpath("schema").iterdir()),
        key=lambda file: file.name,
    )
    return tuple(
        Migration(int(file.name[:4]), file.name[5:].removesuffix(".sql"), file.read_text("utf-8"))
        for file in found
        if file.name.endswith(".sql")
    )


def migrate(
    instance: duckdb.DuckDBPyConnection,
    location: LogLocation,
    migrations: Sequence[Migration],
) -> None:
    """Create or upgrade the lake at `location`.

    Processes that race wait for each other; each migration runs once.

    Raises:
        StoreFailure: `catalog_lost`, if there are data files and the catalog is empty.
    """
    with (
        exclusive(location, "migrate", wait=True),
        attached(instance, location, read_only=False) as (connection, lake),
    ):
        applied = applied_version(connection)
        if applied == 0:
            _require_no_data(connection, location)
        missing = [each for each in migrations if each.version > applied]
        if missing:
            _apply(connection, missing)
        if location.relative_data is not None:
            run(
                connection,
                "relative_data_path",
                statement("relative_data_path").format(metadata=f"__ducklake_metadata_{lake}"),
                params={"data_path": location.relative_data},
            )


def _require_no_data(connection: duckdb.DuckDBPyConnection, location: LogLocation) -> None:
    """Refuse to begin a log where data files lie: their catalog was lost, or they are another's."""
    found = sum(1 for file in found_files(location, connection) if file.endswith(".parquet"))
    if found:
        raise StoreFailure(
            f"the log's catalog is empty, and {found:,} data files are there that it does not name",
            statement="migrate",
            code="catalog_lost",
            hint="restore the catalog with its backup (docs/runbooks/corrupt-file.md); to begin a "
            "new log, move the data away or name another place by SENDOPT_LOG__DATA",
        )


def applied_version(connection: duckdb.DuckDBPyConnection) -> int:
    """Return the version of the lake that the connection uses; 0 if it has no tables yet."""
    if not all_rows(connection, "has_schema_version"):
        return 0
    (version,) = all_rows(connection, "applied_version")[0]
    return int(version)


def check_version(connection: duckdb.DuckDBPyConnection, expected: int) -> None:
    """Refuse a lake that this code does not know how to read or write.

    Raises:
        StoreFailure: if the schema is older than `expected`. A newer one is fine: migrations
            only add, and every statement names its columns.
    """
    found = applied_version(connection)
    if found < expected:
        raise StoreFailure(
            f"the log has schema version {found}, this release needs {expected}: migrate it first",
            statement="check_version",
        )


def _apply(connection: duckdb.DuckDBPyConnection, migrations: Sequence[Migration]) -> None:
    """Apply all or none: each transaction of the lake costs as much as a table."""
    run(connection, "begin", "begin")
    try:
        run(connection, "create_schema_version")
        for migration in migrations:
            with failures(f"{migration.version:04}_{migration.name}"):
                connection.execute(migration.sql)
            run(
                connection,
                "record_migration",
                params={"version": migration.version, "name": migration.name},
            )
        run(connection, "commit", "commit")
    except BaseException:
        roll_back(connection)
        raise
