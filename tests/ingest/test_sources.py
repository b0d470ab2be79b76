"""What is read is told from names, whatever their case; a folder stands for the files in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from event_doors import take, write

from sendopt.errors import InvalidInput
from sendopt.ingest import files_of
from sendopt.log import Appender
from sendopt.records import TenantId

OPEN = {
    "event_id": "e1",
    "user_id": "ann",
    "event_type": "open",
    "occurred_at": "2026-09-01T10:00:00+02:00",
    "send_id": "s1",
}


@pytest.mark.parametrize("name", ["a.json", "a.JSON", "a.ndjson", "a.JSONL"])
def test_one_object_a_line_is_read_whatever_the_file_is_called(
    name: str, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(json.dumps(OPEN) + "\n")
    assert take(tmp_path / name, appender, tenant).accepted == 1


@pytest.mark.parametrize("name", ["a.pq", "a.PARQUET"])
def test_parquet_is_read_under_its_other_names(
    name: str, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    write(tmp_path / "a.parquet", [OPEN]).rename(tmp_path / name)
    assert take(tmp_path / name, appender, tenant).accepted == 1


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("a.xlsx", "save the sheet as CSV"),
        ("a.zip", "unpack it first"),
        ("a.csv.bz2", "bunzip2"),
        ("a.jsonl.zst", "unzstd"),
        ("a.txt", "name it .csv"),
        ("a.orc", "write it as Parquet"),
        ("part-00000", None),
    ],
)
def test_what_is_not_read_comes_with_what_to_do(
    name: str, advice: str | None, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InvalidInput) as error:
        files_of(tmp_path / name)
    assert error.value.code == "file_kind_unknown"
    assert ".parquet" in (error.value.expected or "")
    assert (advice or "") in (error.value.hint or "")


def test_a_folder_stands_for_its_parts(tmp_path: Path) -> None:
    for name in ("_SUCCESS", ".part-0.crc", "part-1.csv", "day=2/part-0.csv", "_logs/a.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert files_of(tmp_path) == [tmp_path / "day=2/part-0.csv", tmp_path / "part-1.csv"]


def test_a_folder_with_what_cannot_be_read_is_refused_whole(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    (tmp_path / "notes.docx").touch()
    with pytest.raises(InvalidInput, match=r"notes\.docx"):
        files_of(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput) as error:
        files_of(tmp_path / "empty")
    assert error.value.code == "file_missing"
