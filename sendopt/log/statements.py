"""The SQL of this package, one statement a file, loaded by name; and what becomes of failures."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib.resources import files
from typing import Any

import duckdb
import pyarrow as pa

from sendopt.disk import EXPLAINED, disk_failure
from sendopt.errors import StoreFailure
from sendopt.masking import hide_in
from sendopt.sqlite_failure import file_failure


@cache
def statement(name: str) -> str:
    """Return the text of `sql/<name>.sql`."""
    with failures(name):
        return files("sendopt.log").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def run(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    sql: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> duckdb.DuckDBPyConnection:
    """Execute `sql`, or the statement called `name`, and return the connection for fetching.

    Raises:
        StoreFailure: naming the statement; DuckDB's own words are its cause.
    """
    with failures(name):
        return connection.execute(statement(name) if sql is None else sql, params or None)


def all_rows(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    sql: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> list[tuple[Any, ...]]:
    """As `run`, and return the rows: part of the work is done, or fails, as they are fetched."""
    with failures(name):
        found: list[tuple[Any, ...]] = run(connection, name, sql, params).fetchall()
        return found


@contextmanager
def failures(name: str) -> Iterator[None]:
    """Turn every error of DuckDB, of its way to Arrow and of the disk into a StoreFailure.

    It is one of the statement `name`. DuckDB quotes statements and values in its messages; those
    stay in the cause, without the passwords of URLs.
    """
    try:
        yield
    except (duckdb.Error, pa.ArrowException) as error:
        hide_in(error)
        raise database_failure(error, name) from error
    except OSError as error:
        raise disk_failure(error, name) from error


def database_failure(error: Exception, name: str) -> StoreFailure:
    """Return what `error`, of DuckDB or of its way to Arrow, means for the statement `name`."""
    return (
        file_failure(str(error), name, file="the catalog of the log")
        or _refused_by_system(error, name)
        or StoreFailure(
            f"DuckDB could not do what was asked of the log ({type(error).__name__})",
            statement=name,
            hint="`sendopt log scrub` says whether a file of it is damaged",
        )
    )


def _refused_by_system(error: Exception, name: str) -> StoreFailure | None:
    """Return what a disk or the system refused, whose words DuckDB quotes without their number."""
    if isinstance(error, duckdb.IOException):
        for number in EXPLAINED:
            if os.strerror(number) in str(error):
                return disk_failure(OSError(number, os.strerror(number)), name)
    return None


@contextmanager
def afterwards(undo: Callable[[], object], name: str) -> Iterator[None]:
    """Call `undo` when the block is left.

    Where the block failed its own failure is raised, and that of `undo` is not: what cannot be
    undone then goes with its connection.

    Raises:
        StoreFailure: of `name`, if `undo` fails after a block that did not.
    """
    try:
        yield
    except BaseException:
        with suppress(StoreFailure), failures(name):
            undo()
        raise
    with failures(name):
        undo()


#: What DuckDB raises as it refuses everything from then on, and what it raises then.
FATAL = (duckdb.FatalException, duckdb.InternalException)

_unclosable: list[duckdb.DuckDBPyConnection] = []


def roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    """End a transaction in which something failed that is being raised.

    One that cannot be rolled back ends with its connection. But once a fatal error has made the
    whole instance refuse everything, DuckDB aborts the process as a connection with an open
    transaction is closed: such a one is kept for ever.
    """
    try:
        connection.rollback()
    except FATAL:
        keep_open(connection)
    except duckdb.Error:
        return  # there is none any more


@contextmanager
def at_one_moment(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let all that the block reads be of one moment."""
    run(connection, "begin", "begin")
    try:
        yield
    finally:
        roll_back(connection)


def keep_open(connection: duckdb.DuckDBPyConnection) -> None:
    """Never close this connection, nor the instance that it belongs to."""
    _unclosable.append(connection)
    # Nor may the interpreter, as it ends, collect what is left.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def must_stay_open(connection: duckdb.DuckDBPyConnection) -> bool:
    """Tell whether closing it would abort the process."""
    return any(connection is each for each in _unclosable)


def literal(text: str) -> str:
    """Quote `text` as an SQL string, for the few statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"
