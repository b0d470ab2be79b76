"""Rows that a database gives back and nobody can read, told apart from failures of the database.

SQLite keeps whatever was written into a column: text that is no UTF-8, JSON that breaks off, a word
where a number belongs. One such row must not stop what is done with those beside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import sqlalchemy as sa

from sendopt.state.transaction import Transaction


class Unreadable(Exception):
    """A row, or one of its columns, does not hold what belongs there; says which and why.

    The message names columns and kinds, never what a tenant's user could be recognised by.
    """


#: What turning a row into values raises where one of them is not what its column is for.
NOT_A_VALUE = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


def readable(
    tx: Transaction, query: sa.Select[Any], given: Mapping[str, Any] | None = None
) -> list[sa.Row[Any]]:
    """Return the rows of `query`; the transaction goes on whatever becomes of it.

    Raises:
        Unreadable: if one of the rows cannot be read; says nothing of which.
    """
    try:
        with set_apart(tx):
            return list(tx.execute(query, given or {}))
    except NOT_A_VALUE as error:
        raise Unreadable(type(error).__name__) from error
    except sa.exc.DBAPIError as error:
        if not is_damage(error):
            raise
        raise Unreadable(type(error.orig).__name__) from error


def set_apart(tx: Transaction) -> AbstractContextManager[object]:
    """PostgreSQL refuses all that follows a statement that failed; SQLite does not."""
    return nullcontext() if tx.is_sqlite else tx.begin_nested()


def damage_of(tx: Transaction, one: sa.Select[Any], given: Mapping[str, Any] | None = None) -> str:
    """Say which columns of a damaged row cannot be read, and what its reader called each."""
    unreadable = []
    for column in one.selected_columns:
        try:
            readable(tx, one.with_only_columns(column), given)
        except Unreadable as damage:
            unreadable.append(f"{column.key} cannot be read ({damage})")
    return ", ".join(unreadable)


def damaged_text(error: Exception) -> bool:
    """Tell whether a statement failed because of what a row holds."""
    return not isinstance(error, sa.exc.DBAPIError) or is_damage(error)


def is_damage(error: sa.exc.DBAPIError) -> bool:
    """Tell whether what a row holds made a statement fail, and neither a disk nor a server.

    Bytes that are no UTF-8 are refused by Python's driver, which gives no code of SQLite's then;
    JSON that breaks off is an SQLITE_ERROR like many others. PostgreSQL calls either a data error.
    """
    if isinstance(error, sa.exc.DataError):
        return True
    return isinstance(error.orig, sqlite3.Error) and (
        not hasattr(error.orig, "sqlite_errorname") or "malformed JSON" in str(error.orig)
    )
