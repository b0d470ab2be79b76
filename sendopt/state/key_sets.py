"""Looks for the rows of many keys at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa


def is_one_of(
    columns: Sequence[sa.Column[Any]], keys: Collection[tuple[Any, ...]]
) -> sa.ColumnElement[bool]:
    """Compare columns with keys out of rows, which may be damaged.

    The keys are told as what the columns hold. By itself SQLAlchemy takes the types of the first
    key for those of all, and cannot tell any of them if these are no types of the columns.
    """
    compared = sa.tuple_(*columns)
    named = sa.bindparam("key", list(keys), type_=compared.type, expanding=True, unique=True)
    return compared.in_(named)
