"""A page of a list, whatever it is a list of."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from sendopt.api.schemas.answer import Answer

Item = TypeVar("Item", bound=Answer)


class Page(Answer, Generic[Item]):
    """Some items of a list. It may hold few, or none: only without a cursor is the list over."""

    items: list[Item]
    damaged: list[str]
    """Ids of those of the page that cannot be read; `sendopt verify` says why."""
    next_cursor: str | None
    """With it, and the same filters, the list goes on."""

    @classmethod
    def examples(cls) -> list[Any]:
        """Return a page of one item that is an example itself."""
        (item,) = cls.__pydantic_generic_metadata__["args"] or (Answer,)
        return [
            {"items": [each], "damaged": [], "next_cursor": "WyI2ZjMiLCJhIiwidSJd"}
            for each in item.examples()
        ]
