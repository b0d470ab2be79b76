"""Divides what is too much for one statement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Value = TypeVar("Value")

#: Values that a statement looks for at a time; SQLite takes 32,766 parameters.
_MOST_VALUES = 10_000


def chunks(values: Iterable[Value], size: int = _MOST_VALUES) -> Iterator[list[Value]]:
    """Yield the values in their order, up to `size` at a time."""
    rest = iter(values)
    while some := list(islice(rest, size)):
        yield some
