"""The SQL of this package, one statement a file, loaded by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any

import duckdb

from sendopt.errors import StoreFailure


@cache
def statement(name: str) -> str:
    """Return the text of `sql/<name>.sql`."""
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


@contextmanager
def failures(name: str) -> Iterator[None]:
    """Turn every error of DuckDB into a StoreFailure of the statement `name`."""
    try:
        yield
    except duckdb.Error as error:
        # DuckDB quotes statements and values in its messages; those stay in the cause.
        raise StoreFailure(
            f"the log could not carry out {name!r} ({type(error).__name__})", statement=name
        ) from error


def literal(text: str) -> str:
    """Quote `text` as an SQL string, for the few statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"
