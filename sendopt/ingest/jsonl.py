"""Reads JSON Lines: one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from sendopt.ingest.lines import MAX_LINE_BYTES, Block, blocks
from sendopt.ingest.raw import Chunk, rejections


def read_jsonl(path: Path) -> Iterator[Chunk]:
    """Yield the lines of `path`, not yet parsed; `row` is the line's number, from 1.

    A cut line costs itself and no other, because no JSON text contains a bare newline.
    """
    before = 0
    for block in blocks(path):
        yield _chunk(block, before)
        before += len(block.starts)


def _chunk(block: Block, before: int) -> Chunk:
    too_long = block.is_too_long()
    not_text = block.is_not_text() & ~too_long
    unwanted = block.is_blank() | too_long | not_text
    numbers = before + 1 + np.arange(len(block.starts))
    kept = block.without(unwanted)
    lengths = (block.ends - block.starts)[~unwanted]
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    lines = pa.StringArray.from_buffers(
        len(lengths), pa.py_buffer(offsets.tobytes()), pa.py_buffer(kept)
    )
    refused = [
        (int(row), "", "too_complex", f"the line is longer than {MAX_LINE_BYTES} bytes")
        for row in numbers[too_long]
    ] + [(int(row), "", "text_invalid", "the line is not UTF-8") for row in numbers[not_text]]
    return Chunk(
        rows=pa.table({"row": pa.array(numbers[~unwanted]), "line": lines}),
        rejections=rejections(refused),
    )
