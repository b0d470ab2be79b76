"""Reads CSV (RFC 4180): double quotes, a header line, line breaks inside quotes allowed.

A quote that is never closed would swallow the rest of the file. So records are framed first, by
counting quotes: a line with an odd number of them opens a record over several lines only if the
next such line closes it into exactly one record of the right width. If not, the line is rejected
alone and reading goes on with the next. Within a record a quote stands at the edge of a field, or
doubled inside one, and nowhere else; and a carriage return stands before a newline or in quotes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from sendopt.errors import InvalidInput
from sendopt.ingest.further import with_attributes
from sendopt.ingest.headers import check_columns, check_unique, header_of, sep_line
from sendopt.ingest.lines import MAX_LINE_BYTES, Block, block_of, blocks, too_long
from sendopt.ingest.raw import Chunk, Finding, Options
from sendopt.text import quoted

_QUOTE = ord('"')
_RETURN = ord("\r")


@dataclass(frozen=True)
class _Dialect:
    delimiter: str
    header: tuple[str, ...]


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


#: Checks a file's name, the names of its columns and its delimiter.
_Check = Callable[[str, Sequence[str], str | None], None]


def read_csv(path: Path, options: Options) -> Iterator[Chunk]:
    """Yield the records of `path` as rows of the Event contract.

    Raises:
        InvalidInput: as `read_table`, or if the header lacks a required column.
    """
    for chunk in _read(path, options, lambda *said: check_columns(*said[:2], delimiter=said[2])):
        yield with_attributes(chunk)


def read_table(path: Path, options: Options) -> Iterator[Chunk]:
    """Yield the records of `path` with whatever columns it has, as text.

    `row` counts them from 1, without the header. Fields are separated as `options` say; else by
    tabs in a .tsv file, as a first line `sep=` says, or by commas.

    Raises:
        InvalidInput: if the header cannot be read, or names a column twice.
    """
    return _read(path, options, lambda source, names, _delimiter: check_unique(source, names))


def _read(path: Path, options: Options, check: _Check) -> Iterator[Chunk]:
    dialect: _Dialect | None = None
    rows_before = 0
    pending = b""
    for block in _and_end(blocks(path)):
        at_end = block is None
        whole = block_of(pending + (b"" if block is None else block.text))
        if dialect is None and len(whole.starts):
            dialect, lines = _dialect(path, whole, options)
            check(path.name, dialect.header, dialect.delimiter)
            whole = block_of(whole.text[whole.ends[lines - 1] :])
        if dialect is None:
            continue
        frame = _frame(whole, dialect, at_end=at_end)
        framed = whole.ends[frame.complete - 1] if frame.complete else 0
        pending = whole.text[framed:]
        chunk = _chunk(whole, frame, dialect, options, rows_before=rows_before)
        rows_before += chunk.size
        yield chunk
    if dialect is None:
        check(path.name, (), None)


def _and_end(found: Iterator[Block]) -> Iterator[Block | None]:
    yield from found
    yield None


def _dialect(path: Path, block: Block, options: Options) -> tuple[_Dialect, int]:
    """Return how the file is written, and how many lines say so."""
    first = block.line(0)
    by_name = "\t" if ".tsv" in path.name.lower() or ".tab" in path.name.lower() else ","
    said = sep_line(first)
    delimiter = options.delimiter or said or by_name
    lines = 1
    if said is not None and len(block.starts) > 1:
        first, lines = block.line(1), 2
    return _Dialect(delimiter, header_of(path.name, first, delimiter)), lines


def _frame(block: Block, dialect: _Dialect, *, at_end: bool) -> _Frame:
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
        if closing > opening and _is_one_record(block, opening, closing, dialect):
            continues[opening + 1 : closing + 1] = True
            at += 2
        else:
            broken[opening] = True
            at += 1
    return _Frame(continues, broken, lines)


def _is_one_record(block: Block, opening: int, closing: int, dialect: _Dialect) -> bool:
    start, end = block.starts[opening], block.ends[closing]
    if end - start > MAX_LINE_BYTES:
        return False
    text = block.text[start:end].decode("utf-8", errors="replace")
    lines = io.StringIO(text, newline="")
    try:
        records = list(csv.reader(lines, strict=True, delimiter=dialect.delimiter))
    except csv.Error:
        return False
    return len(records) == 1 and len(records[0]) == len(dialect.header)


def _chunk(
    whole: Block, frame: _Frame, dialect: _Dialect, options: Options, *, rows_before: int
) -> Chunk:
    block = Block(
        whole.text[: whole.ends[frame.complete - 1]] if frame.complete else b"",
        whole.starts[: frame.complete],
        whole.ends[: frame.complete],
    )
    blank = block.is_blank() & ~frame.continues if frame.complete else frame.continues
    numbers = rows_before + np.cumsum(~frame.continues & ~blank)
    long = _spread(block.is_too_long(), frame.continues)
    # One misplaced quote or return spoils the whole record that it belongs to.
    passed_over = frame.broken | long
    misquoted = frame.broken | _spread(
        _misquoted(block, passed_over, dialect.delimiter), frame.continues
    )
    torn = _spread(_torn(block, passed_over), frame.continues) & ~(misquoted | long)
    unreadable: list[Finding] = []
    for row in np.unique(numbers[(long | misquoted | torn) & ~blank]).tolist():
        line = int(np.flatnonzero(numbers == row)[0])
        text = block.line(line)
        why = _why_torn(text) if torn[line] else _why_unreadable(text, is_long=bool(long[line]))
        unreadable.append((row, why))
    unwanted = blank | long | misquoted | torn
    kept = numbers[~unwanted & ~frame.continues]
    table, wrong_width = _parse(block.without(unwanted), dialect, options)
    unreadable += [(int(kept[index]), error) for index, error in wrong_width]
    kept = np.delete(kept, [index for index, _ in wrong_width])
    ignored = [name for name in table.column_names if name in options.ignored]
    return Chunk(
        rows=table.drop_columns(ignored),
        numbers=pa.array(kept),
        unreadable=tuple(unreadable),
        names=frozenset(dialect.header) - options.ignored,
    )


def _spread(bad: NDArray[np.bool_], continues: NDArray[np.bool_]) -> NDArray[np.bool_]:
    if not bad.any():
        return bad
    record = np.cumsum(~continues)
    return np.isin(record, record[bad])


def _misquoted(block: Block, ignored: NDArray[np.bool_], delimiter: str) -> NDArray[np.bool_]:
    """Say of each line whether a quote stands in it where none may.

    In a record the quotes open and close by turns. One that opens follows a delimiter, the end of
    a line, or the quote that it doubles; one that closes is followed by such a one.
    """
    found = np.zeros(len(block.starts), np.bool_)
    octets = block.octets
    at = np.flatnonzero(octets == _QUOTE)
    lines = np.searchsorted(block.ends, at, side="right")
    keep = ~ignored[lines]
    at, lines = at[keep], lines[keep]
    if not len(at):
        return found
    edges = [ord(delimiter), ord("\n"), ord("\r"), _QUOTE]
    opens = np.arange(len(at)) % 2 == 0
    neighbours = octets[np.where(opens, np.maximum(at - 1, 0), np.minimum(at + 1, len(octets) - 1))]
    fits = np.isin(neighbours, edges) | (opens & (at == 0))
    found[lines[~fits]] = True
    return found


def _torn(block: Block, ignored: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say of each line whether a carriage return tears it: one outside quotes, within the line."""
    found = np.zeros(len(block.starts), np.bool_)
    octets = block.octets
    at = np.flatnonzero(octets == _RETURN)
    # Several of them may end a line: what writes text twice writes them.
    at = at[~np.isin(octets[at + 1], [_RETURN, ord("\n")])]
    lines = np.searchsorted(block.ends, at, side="right")
    at, lines = at[~ignored[lines]], lines[~ignored[lines]]
    if not len(at):
        return found
    quotes = np.flatnonzero(octets == _QUOTE)
    quotes = quotes[~ignored[np.searchsorted(block.ends, quotes, side="right")]]
    found[lines[np.searchsorted(quotes, at) % 2 == 0]] = True
    return found


def _why_torn(line: bytes) -> InvalidInput:
    told = quoted(line.decode("utf-8", "replace").rstrip("\r\n"))
    return InvalidInput(
        f"{told}: a carriage return stands in the line, outside quotes",
        code="malformed_csv",
        expected="lines that end in a newline, and quotes around a field that holds a line break",
    )


def _why_unreadable(line: bytes, *, is_long: bool) -> InvalidInput:
    if is_long:
        try:
            too_long(line)
        except InvalidInput as error:
            return error
    told = quoted(line.decode("utf-8", "replace").rstrip("\r\n"))
    return InvalidInput(
        f"{told}: a quote stands inside a field, or is never closed",
        code="malformed_csv",
        expected='quotes around a whole field, and "" for a quote in it',
        hint='write "" instead of \\"' if b'\\"' in line else None,
    )


def _parse(
    text: bytes, dialect: _Dialect, options: Options
) -> tuple[pa.Table, list[tuple[int, InvalidInput]]]:
    """Return the records as text columns, and (index, error) of those of another width."""
    wrong_width: list[tuple[int, InvalidInput]] = []
    header = list(dialect.header)

    def skip(row: pa.csv.InvalidRow) -> str:
        error = InvalidInput(
            f"{quoted(row.text)}: the row has {row.actual_columns} fields, "
            f"the header has {len(header)}",
            code="malformed_csv",
        )
        wrong_width.append((row.number - 1, error))
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
        parse_options=pa.csv.ParseOptions(
            delimiter=dialect.delimiter, newlines_in_values=True, invalid_row_handler=skip
        ),
        convert_options=pa.csv.ConvertOptions(
            column_types=types,
            null_values=["", *options.nulls],
            strings_can_be_null=True,
            check_utf8=False,
        ),
    )
    return table, wrong_width
