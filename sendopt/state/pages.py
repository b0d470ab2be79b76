"""A page of a list, which one damaged row does not keep from being read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from sendopt.errors import InvariantBroken
from sendopt.state.damage import NOT_A_VALUE, Unreadable, readable
from sendopt.state.transaction import Transaction

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items of a list in its order, and where it goes on."""

    items: tuple[Item, ...]
    damaged: tuple[str, ...]  # ids of those that cannot be read; `sendopt verify` says why
    behind: tuple[Any, ...] | None  # the place behind which the next page begins; None = the end


def read_page(
    tx: Transaction,
    query: sa.Select[Any],
    item: Callable[[sa.Row[Any]], Item],
    *,
    place: Sequence[sa.Column[Any]],
    named_by: sa.Column[str],
    limit: int,
) -> Page[Item]:
    """Return the first `limit` items of `query`.

    Args:
        tx: of the tenant whose rows they are, or of the fleet.
        query: the list from some place on, in its order.
        item: makes an item of a row.
        place: the columns that the list is in the order of.
        named_by: the column that names an item to people.
        limit: most items of the page.

    Raises:
        InvariantBroken: `record_damaged`, if not even the places of the items can be read.
    """
    query = query.limit(limit)
    damaged: list[str] = []
    try:
        rows = readable(tx, query)
        items = [item(row) for row in rows]
    except (Unreadable, *NOT_A_VALUE):
        names = list(dict.fromkeys((*place, named_by)))
        rows = _places(tx, query.with_only_columns(*names))
        items = []
        for row in rows:
            one = query.where(*(column == getattr(row, column.name) for column in names))
            try:
                items += [item(each) for each in readable(tx, one)]
            except (Unreadable, *NOT_A_VALUE):
                damaged.append(str(getattr(row, named_by.name)))
    behind = None
    if len(rows) == limit:
        behind = tuple(getattr(rows[-1], column.name) for column in place)
    return Page(tuple(items), tuple(damaged), behind)


def _places(tx: Transaction, query: sa.Select[Any]) -> list[sa.Row[Any]]:
    try:
        return readable(tx, query)
    except Unreadable as damage:
        raise InvariantBroken(
            "a row of this list cannot be read",
            code="record_damaged",
            hint="`sendopt verify` names it",
        ) from damage
