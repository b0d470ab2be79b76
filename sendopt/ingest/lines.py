"""Splits a text file into blocks of whole lines, in UTF-8."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import InvalidInput
from sendopt.text import quoted

#: How much of a file is looked at in one go.
BLOCK_BYTES = 16 * 1024 * 1024
#: A longer line is no row of events; it is rejected without being held in memory.
MAX_LINE_BYTES = 1024 * 1024

_NEWLINE = ord("\n")
#: How files begin that are no text, what they are, and what their names lack.
_PACKED_AS = ((b"\x1f\x8b", "gzip", ".gz"), (b"PAR1", "Parquet", ".parquet"))
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Block:
    """Whole lines, each ending in a newline.

    Attributes:
        text: the bytes.
        starts: where each line begins.
        ends: just after each line's newline.
    """

    text: bytes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def line(self, index: int) -> bytes:
        """Return one line with its newline."""
        return self.text[self.starts[index] : self.ends[index]]

    @property
    def octets(self) -> NDArray[np.uint8]:
        """The text as numbers."""
        return np.frombuffer(self.text, dtype=np.uint8)

    def is_blank(self) -> NDArray[np.bool_]:
        """Say of each line whether there is nothing on it."""
        octets = self.octets
        empty = self.ends - self.starts == 1
        returns = octets[self.starts] == ord("\r")
        if not returns.any():
            return np.asarray(empty)
        written = np.cumsum((octets != ord("\r")) & (octets != _NEWLINE))  # up to each byte
        return np.asarray(empty | (returns & (written[self.ends - 1] == written[self.starts])))

    def is_too_long(self) -> NDArray[np.bool_]:
        """Say of each line whether it is longer than any row may be."""
        return (self.ends - self.starts) > MAX_LINE_BYTES

    def without(self, unwanted: NDArray[np.bool_]) -> bytes:
        """Return the text of the lines that are not `unwanted`."""
        if not unwanted.any():
            return self.text
        keep = np.repeat(~unwanted, self.ends - self.starts)
        return self.octets[keep].tobytes()


def blocks(path: Path) -> Iterator[Block]:
    """Yield the lines of a text file in blocks; a byte order mark at its start is dropped.

    A file whose name ends in .gz is unpacked on the way. Bytes that are no UTF-8 become U+FFFD,
    which no field takes. Of a line longer than MAX_LINE_BYTES only the beginning is kept, and it
    stays too long.

    Raises:
        InvalidInput: `text_invalid`, if the file is UTF-16; `malformed_file`, if it cannot be
            opened, read or unpacked to its end.
    """
    pending = b""
    for read in _parts(path):
        pending += read
        cut = pending.rfind(b"\n") + 1
        if cut:
            yield block_of(_as_utf8(pending[:cut]))
        pending = pending[cut:][: MAX_LINE_BYTES + 1]
    if pending:
        yield block_of(_as_utf8(pending + b"\n"))


def _parts(path: Path) -> Iterator[bytes]:
    """Yield the bytes of `path`, unpacked, without a byte order mark."""
    try:
        with _open(path) as file:
            yield _without_mark(path.name, file.read(BLOCK_BYTES))
            while read := file.read(BLOCK_BYTES):
                yield read
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInput(
            f"{path.name} cannot be read to its end: {error}",
            code="malformed_file",
            hint="mend the file and import it again; what is stored already is a repeat then",
        ) from error


def _open(path: Path) -> BufferedIOBase:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")


def block_of(text: bytes) -> Block:
    """Find the lines of `text`, which ends in a newline or is empty."""
    ends = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == _NEWLINE) + 1
    starts = np.concatenate((np.zeros(1, dtype=ends.dtype), ends))[:-1]
    return Block(text, starts, ends)


def _without_mark(source: str, text: bytes) -> bytes:
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InvalidInput(f"{source} is UTF-16", code="text_invalid", hint="save it as UTF-8")
    for begins, kind, suffix in _PACKED_AS:
        if text.startswith(begins):
            raise InvalidInput(
                f"{source} is {kind}", code="malformed_file", hint=f"call it {source}{suffix}"
            )
    return text.removeprefix(_BYTE_ORDER_MARK)


def _as_utf8(text: bytes) -> bytes:
    """Put U+FFFD for bytes that are no UTF-8: the field that they stand in is refused for it."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("utf-8", "replace").encode()
    return text


def too_long(line: bytes) -> NoReturn:
    """Refuse a line that is no row.

    Raises:
        InvalidInput: `too_complex`.
    """
    beginning = line[:100].decode("utf-8", "replace")
    raise InvalidInput(
        f"{quoted(beginning)} goes on for more than {MAX_LINE_BYTES} bytes",
        code="too_complex",
        expected=f"at most {MAX_LINE_BYTES} bytes a line",
    )
