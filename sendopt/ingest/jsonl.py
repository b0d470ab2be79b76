"""Reads JSON Lines: one object a line, in UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sendopt import strict_json
from sendopt.errors import InvalidInput
from sendopt.ingest.headers import refuse_wide
from sendopt.ingest.lines import Block, blocks, too_long
from sendopt.ingest.objects import as_object, chunk_of
from sendopt.ingest.raw import Chunk, Finding, Options
from sendopt.text import quoted

Objects = list[tuple[int, dict[str, Any]]]


def read_jsonl(path: Path, options: Options) -> Iterator[Chunk]:
    """Yield the lines of `path` as rows of the Event contract."""
    for objects, unreadable in read_objects(path):
        yield chunk_of(objects, unreadable=unreadable, options=options)


def read_objects(path: Path) -> Iterator[tuple[Objects, list[Finding]]]:
    """Yield the objects of `path`, each with its line's number, from 1, and what is none.

    A cut line costs itself and no other, because no JSON text contains a bare newline.

    Raises:
        InvalidInput: `malformed_json`, if no line is an object: then it is a file of another kind.
    """
    before, readable = 0, False
    first_fault: Finding | None = None
    for block in blocks(path):
        objects, unreadable = _objects(block, before)
        readable = readable or bool(objects)
        first_fault = first_fault or next(iter(unreadable), None)
        yield objects, unreadable
        before += len(block.starts)
    if first_fault is not None and not readable:
        row, error = first_fault
        raise InvalidInput(
            f"{path.name} has no line that can be read; line {row}: {error.message}",
            code="malformed_json",
            expected="one JSON object a line",
        )


def _objects(block: Block, before: int) -> tuple[Objects, list[Finding]]:
    objects: Objects = []
    unreadable: list[Finding] = []
    long = block.is_too_long()
    for index in np.flatnonzero(~block.is_blank()).tolist():
        row = before + 1 + index
        line = block.line(index)
        try:
            objects.append((row, too_long(line) if long[index] else _object(line)))
        except InvalidInput as error:
            unreadable.append((row, error))
    return objects, unreadable


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = strict_json.loads(line, limits=strict_json.BY_FIELD)
    except InvalidInput as error:
        told = quoted(line.decode("utf-8", "replace").rstrip("\r\n"))
        raise InvalidInput(
            f"{told}: {error.message}", code=error.code, expected="one JSON object a line"
        ) from error
    found = as_object(value)
    refuse_wide("the line", len(found))
    return found
