"""Reads JSON Lines: one object a line, in UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sendopt import strict_json
from sendopt.errors import InvalidInput
from sendopt.ingest.lines import Block, blocks, too_long
from sendopt.ingest.objects import as_object, chunk_of
from sendopt.ingest.raw import Chunk, Finding, Options
from sendopt.text import quoted


def read_jsonl(path: Path, options: Options) -> Iterator[Chunk]:
    """Yield the lines of `path`; `row` is the line's number, from 1.

    A cut line costs itself and no other, because no JSON text contains a bare newline.
    """
    before = 0
    for block in blocks(path):
        yield _chunk(block, before, options)
        before += len(block.starts)


def _chunk(block: Block, before: int, options: Options) -> Chunk:
    objects: list[tuple[int, dict[str, Any]]] = []
    unreadable: list[Finding] = []
    long = block.is_too_long()
    for index in np.flatnonzero(~block.is_blank()).tolist():
        row = before + 1 + index
        line = block.line(index)
        try:
            objects.append((row, too_long(line) if long[index] else _object(line)))
        except InvalidInput as error:
            unreadable.append((row, error))
    return chunk_of(objects, unreadable=unreadable, options=options)


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = strict_json.loads(line, limits=strict_json.BY_FIELD)
    except InvalidInput as error:
        told = quoted(line.decode("utf-8", "replace").rstrip("\r\n"))
        raise InvalidInput(
            f"{told}: {error.message}", code=error.code, expected="one JSON object a line"
        ) from error
    return as_object(value)
