"""Rows for every table that has hashes, each unlike the others in every column."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sendopt.state.instant import Instant
from sendopt.state.row_hash import hashed_columns
from sendopt.state.tables import metadata

HASHED = [table for table in metadata.sorted_tables if hashed_columns(table)]
BEGAN = datetime(2026, 10, 1, tzinfo=UTC)


def sample(column: sa.Column[Any], number: int) -> Any:
    """Return a value that differs for every number."""
    kinds: tuple[tuple[type[sa.types.TypeEngine[Any]], Any], ...] = (
        (sa.Text, f"é{number}"),
        (Instant, BEGAN + timedelta(microseconds=number)),
        (sa.Integer, number),
        (sa.Float, number + 0.1),
        (sa.Boolean, number % 2 == 0),
        (sa.JSON, {"a": [number, "é", None]}),
        (sa.LargeBinary, bytes([0, number, 255])),
    )
    return next(value for kind, value in kinds if isinstance(column.type, kind))


def sample_row(table: sa.Table, number: int) -> dict[str, Any]:
    return {
        column.name: sample(column, number)
        for column in table.c
        if column.name not in {"row_hash", "sequence"}
    }
