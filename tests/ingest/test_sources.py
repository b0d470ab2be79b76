"""What is read is told from names, whatever their case; a folder stands for the files in it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from event_doors import take, write

from sendopt.errors import InvalidInput
from sendopt.ingest import files_of
from sendopt.ingest.mapping import load_mapping
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
        (tmp_path / name).write_text("x")
    assert files_of(tmp_path) == [tmp_path / "day=2/part-0.csv", tmp_path / "part-1.csv"]


def test_a_folder_with_what_cannot_be_read_is_refused_whole(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    (tmp_path / "notes.docx").write_text("x")
    with pytest.raises(InvalidInput, match=r"notes\.docx"):
        files_of(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput) as error:
        files_of(tmp_path / "empty")
    assert error.value.code == "file_missing"


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b" \r\n\n\t"])
@pytest.mark.parametrize(
    "name",
    ["a.csv", "a.tsv", "a.jsonl", "a.ndjson", "a.json", "a.parquet", "a.csv.gz", "a.jsonl.gz"],
)
def test_a_file_in_which_nothing_is_is_refused_alike_at_every_door(
    tmp_path: Path, name: str, content: bytes
) -> None:
    file = tmp_path / name
    file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with pytest.raises(InvalidInput) as refusal:
        files_of(file)
    assert (refusal.value.code, name in refusal.value.message) == ("file_empty", True)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.avro", "a.parquet"])
def test_so_is_another_senders(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(b"")
    with pytest.raises(InvalidInput) as refusal:
        files_of(file, load_mapping(vendor="mautic", file=None))
    assert refusal.value.code == "file_empty"


@pytest.mark.parametrize("text", ["event_id,user_id\ne1,ann\n", '"a"\n42\n[1]\n', "\n\n{cut\n"])
def test_json_lines_none_of_which_is_an_object_are_no_json_lines(
    text: str, appender: Appender, tenant: TenantId, tmp_path: Path
) -> None:
    (tmp_path / "events.jsonl").write_text(text)
    with pytest.raises(InvalidInput) as refusal:
        take(tmp_path / "events.jsonl", appender, tenant)
    first = next(number for number, line in enumerate(text.splitlines(), 1) if line)
    assert refusal.value.code == "malformed_json"
    assert f"events.jsonl has no line that can be read; line {first}: " in refusal.value.message
