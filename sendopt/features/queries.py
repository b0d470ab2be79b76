"""The queries by name."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def statement(name: str) -> str:
    """Return the SQL of `sql/{name}.sql`."""
    return resources.files(__package__).joinpath("sql", f"{name}.sql").read_text("utf-8")
