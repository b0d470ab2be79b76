"""Forgets the answers of requests that name somebody; what was issued stays noted.

A request whose answer is forgotten is carried out anew when it is repeated, which every request
allows. One that issued what is shown once keeps no answer, and is never carried out again.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import unquote

import sqlalchemy as sa

from sendopt.state.tables_requests import keyed_request
from sendopt.state.transaction import TenantRead, TenantWrite
from sendopt.text import quoted

#: Answers that are read at once: each may hold a megabyte.
_AT_ONCE = 20
_BETWEEN_SEGMENTS = re.compile(r"[/?#&=]")


def forget_answers(tx: TenantWrite, user_ids: Collection[str], other_ids: Collection[str]) -> None:
    """Forget answers that name one of these, and requests that are called by one of the users.

    A request that issued something stays until it expires, whatever it is called.

    Args:
        tx: of the tenant.
        user_ids: of users.
        other_ids: of what is theirs, such as sends.
    """
    names = _Names(user_ids, other_ids)
    for row in _requests(tx):
        one = sa.and_(tx.owns(keyed_request), keyed_request.c.request_key == row.request_key)
        if row.issued is None and names.are_words_of(row.request_key):
            tx.execute(sa.delete(keyed_request).where(one))
        elif row.body is not None and names.are_in_answer(row.headers, row.body):
            tx.execute(
                sa.update(keyed_request).where(one).values(status=None, headers=None, body=None)
            )


def _requests(tx: TenantRead) -> Iterator[sa.Row[Any]]:
    columns = keyed_request.c
    behind = ""
    while True:
        rows = tx.execute(
            sa.select(
                columns.request_key,
                columns.issued,
                sa.cast(columns.headers, sa.Text).label("headers"),
                columns.body,
            )
            .where(tx.owns(keyed_request), columns.request_key > behind)
            .order_by(columns.request_key)
            .limit(_AT_ONCE)
        ).all()
        if not rows:
            return
        yield from rows
        behind = rows[-1].request_key


class _Names:
    """What is looked for in answers: as a whole value, a part of an address, or in quotes."""

    def __init__(self, user_ids: Collection[str], other_ids: Collection[str]) -> None:
        self._ids = {*user_ids, *other_ids}
        self._in_quotes = [quoted(each) for each in user_ids]
        self._words = re.compile(
            "|".join(rf"(?<!\w){re.escape(each)}(?!\w)" for each in sorted(user_ids)) or "(?!)"
        )

    def are_words_of(self, request_key: str) -> bool:
        return self._words.search(request_key) is not None

    def are_in_answer(self, headers: str, body: bytes) -> bool:
        """Tell whether an answer names one of them, or cannot be read, and so answers nothing."""
        try:
            text = zlib.decompress(body).decode()
            told = [json.loads(headers)]
        except (zlib.error, ValueError):
            return True
        try:
            told.append(json.loads(text))
        except ValueError:
            told.append(text)
        return any(map(self._are_in, _texts(told)))

    def _are_in(self, text: str) -> bool:
        if text in self._ids:
            return True
        # In an address, or in the JSON Pointer of a fault.
        segments = _BETWEEN_SEGMENTS.split(text)
        if any(unquote(each) in self._ids or _unescaped(each) in self._ids for each in segments):
            return True
        return '"' in text and any(each in text for each in self._in_quotes)


def _unescaped(segment: str) -> str:
    return segment.replace("~1", "/").replace("~0", "~")


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value, names of members too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
