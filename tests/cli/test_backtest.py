"""`sendopt backtest` on files of strangers: what is left out is said, what is no log is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

Ended = Callable[..., tuple[int, str, str]]

HEADER = "event_id,user_id,event_type,occurred_at,send_id\n"
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def decisions(tmp_path: Path) -> Path:
    """The 24 hours of one day, of a user of the log and of a stranger."""
    as_of = BEGIN + timedelta(days=30)
    hours = [as_of + timedelta(hours=hour) for hour in range(24)]
    table = pa.table(
        {
            "decision_id": ["known"] * 24 + ["new"] * 24,
            "user_id": [7] * 24 + [8] * 24,
            "as_of": pa.array([as_of] * 48),
            "candidate_at": pa.array(hours * 2),
        }
    )
    path = tmp_path / "decisions.parquet"
    pq.write_table(table, path)
    return path


def sessions(count: int) -> str:
    lines = [
        f"e{number},7,session,{(BEGIN + timedelta(days=number, hours=9)).isoformat()},\n"
        for number in range(count)
    ]
    return HEADER + "".join(lines)


def test_rows_that_are_left_out_are_told(ended: Ended, decisions: Path, tmp_path: Path) -> None:
    log, out = tmp_path / "log.csv", tmp_path / "scores.parquet"
    unsent = "".join(f"o{n},7,open,2026-03-05T10:00:00Z,\n" for n in range(5))
    log.write_text(sessions(20) + unsent)
    files = "--log", str(log), "--decisions", str(decisions), "--out", str(out)
    status, printed, explained = ended("backtest", *files, "--json")
    assert status == 0, explained
    (told,) = json.loads(printed)["files"]
    assert (told["rows"], told["accepted"], told["rejected"]) == (25, 20, 5)
    assert "log.csv, row 21, send_id:" in explained
    assert "5 refused in all" in explained
    scores = pq.read_table(out)
    asked = pq.read_table(decisions)
    assert scores.select(["decision_id", "candidate_at"]).equals(
        asked.select(["decision_id", "candidate_at"])
    )
    assert len(scores["open_probability"].slice(0, 24).unique()) > 1, "hours differ"


def test_a_file_without_any_event_is_refused(ended: Ended, decisions: Path, tmp_path: Path) -> None:
    log, out = tmp_path / "log.csv", tmp_path / "scores.parquet"
    log.write_text(HEADER + "e1,7,send,2026-03-05T10:00:00Z,\ne2,7,tap,2026-03-05T10:05:00Z,s1\n")
    files = "--log", str(log), "--decisions", str(decisions), "--out", str(out)
    status, printed, explained = ended("backtest", *files)
    assert (status, printed) == (2, "")
    assert "all 2 rows of log.csv are refused; row 1, send_id:" in explained
    assert not out.exists()
