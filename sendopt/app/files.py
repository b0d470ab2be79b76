"""Files that a user names: JSON and decisions in, scores out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sendopt import strict_json
from sendopt.errors import InvalidInput


def read_json(path: Path, *, field: str) -> Any:
    """Return what is in a JSON file that the user named in `field`.

    Raises:
        InvalidInput: `file_missing`, or as `strict_json.loads`.
    """
    _require_file(path, field=field)
    return strict_json.loads(path.read_bytes())


def read_decisions(path: Path, *, field: str) -> pa.Table:
    """Return the decisions in a Parquet file that the user named in `field`.

    Raises:
        InvalidInput: `file_missing`, `malformed_file`.
    """
    _require_file(path, field=field)
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput(
            f"{path.name} cannot be read as Parquet: {error}", code="malformed_file", field=field
        ) from error


def write_scores(scores: pa.Table, path: Path) -> None:
    """Write scores as Parquet."""
    pq.write_table(scores, path, compression="zstd")


def _require_file(path: Path, *, field: str) -> None:
    if not path.is_file():
        raise InvalidInput(f"there is no file {path}", code="file_missing", field=field)
