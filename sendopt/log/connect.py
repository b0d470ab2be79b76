"""Opens DuckDB with a lake attached: extensions from their wheels, nothing downloaded."""

from __future__ import annotations

import importlib.util
import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from sendopt.cores import cores
from sendopt.disk import by_its_disk
from sendopt.errors import StoreFailure
from sendopt.log.location import LogLocation
from sendopt.log.statements import (
    afterwards,
    failures,
    keep_open,
    literal,
    must_stay_open,
    run,
    statement,
)
from sendopt.postgres import with_patience
from sendopt.s3_access import S3Access

#: Catalogs of attached lakes start so; a reader's SQL may not mention it.
LAKE_PREFIX = "every_tenants_lake_"

#: A writer that finds the SQLite catalog locked waits so long.
_BUSY_TIMEOUT_MS = 30_000
#: Appends of at most so many rows go into the catalog instead of a file of their own.
INLINED_ROWS = 1_000

# The file in the wheel → the name under which DuckDB looks for the extension's entry point.
_EXTENSIONS = {
    "ducklake": "ducklake",
    "sqlite": "sqlite_scanner",
    "postgres": "postgres_scanner",
    "httpfs": "httpfs",
}

_lake_numbers = itertools.count(1)


def open_instance(
    location: LogLocation, *, memory_limit: str, threads: int, spill: Path
) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB that can reach `location`, and downloads nothing."""
    with failures("open"):
        connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": memory_limit,
                "threads": min(threads, cores()),
                "temp_directory": str(spill),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                # For our own wheels, until they are loaded: `_load_all`.
                "allow_unsigned_extensions": True,
                # Not the home of whoever runs this: no secret is found that was not given.
                "secret_directory": str(spill / "secrets"),
                # Else SQL would read Python variables that happen to have a table's name.
                "python_enable_replacements": False,
                # Halves the memory of bulk appends; whoever needs an order states it.
                "preserve_insertion_order": False,
            },
        )
        connection.execute("set global timezone = 'UTC'")
        _load_all(connection, location)
        if location.on_s3:
            _grant_s3(connection, location)
        _confine(connection, location)
    return connection


@contextmanager
def connected(instance: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection of its own, whose query is broken off at the end of the block."""
    with failures("connect"):
        connection = instance.cursor()

    def close() -> None:
        if must_stay_open(connection):
            keep_open(instance)  # it would close its connections
        else:
            connection.interrupt()
            connection.close()

    with afterwards(close, "close"):
        yield connection


@contextmanager
def attached(
    instance: duckdb.DuckDBPyConnection,
    location: LogLocation,
    *,
    read_only: bool,
) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """Yield a new connection with the lake attached and in use, and the name of its catalog."""
    lake = f"{LAKE_PREFIX}{next(_lake_numbers)}"
    # Files are named relative to the data path, so a log may be moved as a whole.
    options = [f"DATA_PATH {literal(location.data)}", "OVERRIDE_DATA_PATH true"]
    if read_only:
        options.append("READ_ONLY")
    else:
        options.append(f"DATA_INLINING_ROW_LIMIT {INLINED_ROWS}")
    file = None if location.on_postgres else Path(location.catalog)
    if location.on_postgres:
        catalog = f"ducklake:postgres:{with_patience(location.catalog)}"
    else:
        catalog = f"ducklake:sqlite:{location.catalog}"
        options += ["META_JOURNAL_MODE 'WAL'", f"META_BUSY_TIMEOUT {_BUSY_TIMEOUT_MS}"]
    with connected(instance) as connection:
        sql = statement("attach").format(
            catalog=literal(catalog), lake=lake, options=", ".join(options)
        )
        with by_its_disk(file):
            run(connection, "attach", sql)

        def detach() -> None:
            connection.interrupt()
            connection.execute("use memory")
            connection.execute(f"detach {lake}")

        with afterwards(detach, "detach"):
            run(connection, "use", f"use {lake}")
            yield connection, lake


def _load_all(connection: duckdb.DuckDBPyConnection, location: LogLocation) -> None:
    """Load what `location` needs, and shut the door to any unsigned extension behind it.

    To check a signature DuckDB hashes the whole file: a quarter of a second each time a log is
    opened. These files came the way DuckDB itself did, and pip compared their hashes then.
    """
    _load(connection, "postgres" if location.on_postgres else "sqlite")
    _load(connection, "ducklake")
    if location.on_s3:
        _load(connection, "httpfs")
    connection.execute("set allow_unsigned_extensions = false")


def _load(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    if spec is None or spec.origin is None:
        raise StoreFailure(
            f"DuckDB's extension {name} is missing: install duckdb-extension-{name}",
            statement="load",
        )
    file = (
        Path(spec.origin).parent
        / "extensions"
        / f"v{duckdb.__version__}"
        / f"{name}.duckdb_extension"
    )
    # DuckDB derives the entry point from the file's name, and two wheels name theirs otherwise.
    # Loading through a link needs no writable home, unlike installing.
    with tempfile.TemporaryDirectory(prefix="sendopt-duckdb-") as folder:
        link = Path(folder) / f"{_EXTENSIONS[name]}.duckdb_extension"
        link.symlink_to(file)
        connection.execute(f"load {literal(str(link))}")


def _grant_s3(connection: duckdb.DuckDBPyConnection, location: LogLocation) -> None:
    access: S3Access | None = location.s3
    if access is None:
        raise StoreFailure(
            f"the data is at {location.data}, but no access to it was given", statement="open"
        )
    connection.execute(
        statement("s3_secret").format(
            endpoint=literal(access.endpoint),
            region=literal(access.region),
            key_id=literal(access.key_id),
            secret=literal(access.secret),
            use_ssl=str(access.use_ssl).lower(),
            url_style=literal(access.url_style),
            scope=literal(location.data),
        )
    )


def _confine(connection: duckdb.DuckDBPyConnection, location: LogLocation) -> None:
    """From here on no SQL can open any file but the lake's own.

    DuckDB that may not open files may not attach PostgreSQL either, so beside a catalog in
    PostgreSQL only the configuration is locked.
    """
    if not location.on_postgres:
        allowed = [location.data.rstrip("/") + "/", str(Path(location.catalog).parent) + "/"]
        connection.execute(
            f"set allowed_directories = [{', '.join(literal(folder) for folder in allowed)}]"
        )
        connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
