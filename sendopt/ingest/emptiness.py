"""One rule for files in which nothing is, whatever their kind."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from sendopt.errors import InvalidInput

_LOOK_BYTES = 64 * 1024
_NOTHING = b" \t\r\n\xef\xbb\xbf"  # blanks, and a byte order mark


def refuse_empty(path: Path) -> None:
    """Refuse a file that holds no more than blanks: an export that failed, not one without events.

    One that names its columns and has no row is an import of nothing, as is Avro without records.

    Raises:
        InvalidInput: `file_empty`.
    """
    try:
        with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
            while read := file.read(_LOOK_BYTES):
                if read.strip(_NOTHING):
                    return
    except (OSError, EOFError, zlib.error):
        return  # told by whoever reads it
    raise InvalidInput(
        f"there is nothing in {path.name}",
        code="file_empty",
        expected="events, or at least the names of their columns",
        hint="export it again, or leave it out; nothing of this import was read",
    )
