"""Reads CSV (RFC 4180): commas, double quotes, a header line, line breaks inside quotes allowed.

A quote that is never closed would swallow the rest of the file. So records are framed first, by
counting quotes: a line with an odd number of them opens a record over several lines only if the
next such line closes it into exactly one record of the right width. If not, the line is rejected
alone and reading goes on with the next.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from sendopt.errors import InvalidInput
from sendopt.ingest.lines import MAX_LINE_BYTES, Block, block_of, blocks
from sendopt.ingest.raw import Chunk, rejections, require_columns, with_extra

_QUOTE = ord('"')


@dataclass(frozen=True)
class _Frame:
    """A block's lines sorted into records.

    Attributes:
        continues: lines that belong to the record of the line before.
        broken: lines whose quotes do not fit.
        complete: how many lines were framed; the rest may go on in the next block.
    """

    continues: NDArray[np.bool_]
    broken: NDArray[np.bool_]
    complete: int


def read_csv(path: Path) -> Iterator[Chunk]:
    """Yield the records of `path`; `row` counts them from 1, without the header.

    Raises:
        InvalidInput: if the header cannot be read or lacks a required column.
    """
    header: list[str] = []
    rows_before = 0
    pending = b""
    for block in _and_end(blocks(path)):
        at_end = block is None
        whole = block_of(pending + (b"" if block is None else block.text))
        if not header and len(whole.starts):
            header = _header(path.name, whole.line(0))
            whole = block_of(whole.text[whole.ends[0] :])
        frame = _frame(whole, width=len(header), at_end=at_end)
        pending = b"".join(whole.line(i) for i in range(frame.complete, len(whole.starts)))
        chunk = _chunk(whole, frame, header, rows_before)
        rows_before += chunk.size
        yield chunk
    if not header:
        require_columns(path.name, header)


def _and_end(found: Iterator[Block]) -> Iterator[Block | None]:
    yield from found
    yield None


def _header(source: str, line: bytes) -> list[str]:
    try:
        (names,) = csv.reader([line.decode("utf-8")], strict=True)
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        raise InvalidInput(
            f"the first line of {source} is no CSV header: {error}", code="malformed_csv"
        ) from error
    # Spreadsheets and data frames like to leave the name of a column of row numbers empty.
    names = [name or f"column_{number}" for number, name in enumerate(names, start=1)]
    require_columns(source, names)
    return names


def _frame(block: Block, *, width: int, at_end: bool) -> _Frame:
    lines = len(block.starts)
    continues = np.zeros(lines, dtype=np.bool_)
    broken = np.zeros(lines, dtype=np.bool_)
    quotes_before = np.concatenate(([0], np.cumsum(block.octets == _QUOTE)))
    odd = np.flatnonzero((quotes_before[block.ends] - quotes_before[block.starts]) % 2)
    at = 0
    while at < len(odd):
        opening = int(odd[at])
        room = block.ends[-1] - block.starts[opening] <= MAX_LINE_BYTES
        if at + 1 == len(odd) and room and not at_end:
            return _Frame(continues[:opening], broken[:opening], opening)
        closing = int(odd[at + 1]) if at + 1 < len(odd) else opening
        if closing > opening and _is_one_record(block, opening, closing, width):
            continues[opening + 1 : closing + 1] = True
            at += 2
        else:
            broken[opening] = True
            at += 1
    return _Frame(continues, broken, lines)


def _is_one_record(block: Block, opening: int, closing: int, width: int) -> bool:
    start, end = block.starts[opening], block.ends[closing]
    if end - start > MAX_LINE_BYTES:
        return False
    text = block.text[start:end].decode("utf-8", errors="replace")
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        return False
    return len(records) == 1 and len(records[0]) == width


def _chunk(whole: Block, frame: _Frame, header: list[str], rows_before: int) -> Chunk:
    block = Block(
        whole.text[: whole.ends[frame.complete - 1]] if frame.complete else b"",
        whole.starts[: frame.complete],
        whole.ends[: frame.complete],
    )
    blank = block.is_blank() & ~frame.continues if frame.complete else frame.continues
    numbers = rows_before + np.cumsum(~frame.continues & ~blank)
    too_long = block.is_too_long()
    # One bad line spoils the whole record that it belongs to.
    not_text = _spread(block.is_not_text(), frame.continues) & ~too_long
    broken = frame.broken & ~too_long & ~not_text
    unwanted = blank | too_long | not_text | broken
    refused = [
        (int(row), "", code, reason)
        for bad, code, reason in (
            (too_long, "too_complex", f"the line is longer than {MAX_LINE_BYTES} bytes"),
            (not_text, "text_invalid", "the row is not UTF-8"),
            (broken, "malformed_csv", "a quote is opened and never closed, or closed too early"),
        )
        for row in np.unique(numbers[bad])
    ]
    kept = numbers[~unwanted & ~frame.continues]
    table, wrong_width = _parse(block.without(unwanted), header)
    for index, found in wrong_width:
        reason = f"the row has {found} fields, the header has {len(header)}"
        refused.append((int(kept[index]), "", "malformed_csv", reason))
    kept = np.delete(kept, [index for index, _ in wrong_width])
    return Chunk(rows=with_extra(pa.array(kept), table), rejections=rejections(refused))


def _spread(bad: NDArray[np.bool_], continues: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if not bad.any():
        return bad
    record = np.cumsum(~continues)
    return np.isin(record, record[bad])


def _parse(text: bytes, header: list[str]) -> tuple[pa.Table, list[tuple[int, int]]]:
    """Return the records as text columns, and (index, width) of those of another width."""
    wrong_width: list[tuple[int, int]] = []

    def skip(row: pa.csv.InvalidRow) -> str:
        wrong_width.append((row.number - 1, row.actual_columns))
        return "skip"

    types = {name: pa.string() for name in header}
    if not text:
        return pa.schema(types).empty_table(), []
    table = pa.csv.read_csv(
        pa.py_buffer(text),
        # Rows are numbered only without threads, and only within one block.
        read_options=pa.csv.ReadOptions(
            column_names=header, use_threads=False, block_size=len(text) + 1
        ),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
        convert_options=pa.csv.ConvertOptions(
            column_types=types, null_values=[""], strings_can_be_null=True, check_utf8=False
        ),
    )
    return table, wrong_width
