"""Files of decisions to be scored, and of the scores; docs/measuring.md describes their columns."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sendopt.errors import InvalidInput


def read_decisions(path: Path, *, field: str) -> pa.Table:
    """Return the table in a Parquet file that the user named in `field`.

    Raises:
        InvalidInput: `file_missing`, `malformed_file`.
    """
    if not path.is_file():
        raise InvalidInput(f"there is no file {path}", code="file_missing", field=field)
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput(
            f"{path.name} cannot be read as Parquet: {error}", code="malformed_file", field=field
        ) from error


def write_scores(scores: pa.Table, path: Path) -> None:
    """Write scores as Parquet."""
    pq.write_table(scores, path, compression="zstd")
