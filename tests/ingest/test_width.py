"""A file with more columns than any export has is refused before its rows are looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sendopt.errors import InvalidInput
from sendopt.ingest import Options
from sendopt.ingest.headers import MOST_COLUMNS
from sendopt.ingest.jsonl import read_objects
from sendopt.ingest.mapping.tables import reader_of as table_reader_of
from sendopt.ingest.sources import reader_of


def wide(path: Path, count: int) -> Path:
    names = ["event_id", "user_id", "event_type", "occurred_at"]
    names += [f"c{number}" for number in range(count - len(names))]
    if path.suffix == ".csv":
        path.write_text(f"{','.join(names)}\n{','.join('1' for _ in names)}\n")
    else:
        pq.write_table(
            pa.table(
                {name: ["2026-11-01T10:00:00Z"] for name in names[:3]}
                | {name: pa.array([0], pa.timestamp("us", "UTC")) for name in names[3:]}
            ),
            path,
        )
    return path


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_that_is_too_wide_is_refused(tmp_path: Path, suffix: str) -> None:
    widest = wide(tmp_path / f"widest.{suffix}", MOST_COLUMNS)
    wider = wide(tmp_path / f"wider.{suffix}", MOST_COLUMNS + 1)
    assert list(reader_of(widest)(widest, Options()))
    for read in (
        lambda: list(reader_of(wider)(wider, Options())),
        lambda: list(table_reader_of(wider)(wider, frozenset({"user_id"}), Options())),
    ):
        with pytest.raises(InvalidInput, match=f"{MOST_COLUMNS + 1} columns") as refused:
            read()
        assert refused.value.code == "too_many_columns"


def test_a_line_with_too_many_keys_costs_itself_alone(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = [{f"c{number}": 1 for number in range(count)} for count in (1, MOST_COLUMNS + 1, 2)]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    [(objects, unreadable)] = read_objects(path)
    assert [row for row, _ in objects] == [1, 3]
    assert [(row, error.code) for row, error in unreadable] == [(2, "too_many_columns")]
