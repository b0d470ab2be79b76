"""`sendopt ingest`: what it says of files, and with which status it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sendopt.ingest.raw import REQUIRED_COLUMNS
from sendopt.log import EVENT_SCHEMA

Ended = Callable[..., tuple[int, str, str]]

HEADER = "event_id,user_id,event_type,occurred_at,send_id"
SEND = "e1,ann,send,2026-09-01T16:00:00Z,s1"


@pytest.fixture
def ingest(ended: Ended, tmp_path: Path) -> Callable[..., tuple[int, dict[str, Any], str]]:
    """Write a file of these lines, import it, and return status, JSON and what stderr says."""

    def run(
        lines: list[str], *options: str, name: str = "a.csv"
    ) -> tuple[int, dict[str, Any], str]:
        (tmp_path / name).write_text("\n".join(lines))
        status, out, err = ended("ingest", str(tmp_path / name), "--json", *options)
        return status, json.loads(out), err

    return run


Ingest = Callable[..., tuple[int, dict[str, Any], str]]


def test_an_import_of_which_nothing_is_taken_ends_with_2(ingest: Ingest) -> None:
    bad = "e2,,send,2026-09-01T16:00:00Z,s2"
    status, told, _ = ingest([HEADER, bad, bad.replace("e2", "e3")])
    assert (status, told["files"][0]["rejected"]) == (2, 2)
    status, told, _ = ingest([HEADER, SEND, bad])
    assert (status, told["files"][0]["accepted"]) == (0, 1)
    assert ingest([HEADER, SEND])[0] == 0  # repeated
    assert ingest([HEADER, SEND.replace("ann", "bob")])[0] == 2  # conflicting
    assert ingest([HEADER])[0] == 0  # no rows at all


def test_a_key_that_no_line_has_is_called_missing_once(ingest: Ingest) -> None:
    lines = [json.dumps({"user_id": f"u{n}", "event_type": "session"}) for n in range(3)]
    status, told, err = ingest(lines, name="a.jsonl")
    assert (status, told["error"]["code"], told["error"]["field"]) == (
        2,
        "missing_field",
        "event_id",
    )
    assert "event_id, occurred_at" in told["error"]["message"]
    assert err.count("missing_field") == 1


def test_it_says_when_no_time_zone_is_known(ingest: Ingest) -> None:
    _, told, err = ingest([HEADER + ",Timezone", SEND + ",Europe/Vienna"])
    assert told["time_zones_known"] is False
    assert told["files"][0]["near_misses"] == {"Timezone": "timezone"}
    assert "no time zone of any user is known" in err
    _, told, err = ingest(
        [HEADER + ",timezone", "e2,bob,session,2026-09-01T16:00:00Z,,Europe/Vienna"]
    )
    assert told["time_zones_known"] is True
    assert "no time zone" not in err
    # Once one is known, files without zones are nothing to warn of.
    _, told, err = ingest([HEADER, "e3,bob,session,2026-09-01T17:00:00Z,"])
    assert (told["time_zones_known"], told["files"][0]["events_with_timezone"]) == (True, 0)
    assert "no time zone" not in err


def test_the_dialect_is_told_by_options(ingest: Ingest) -> None:
    lines = [
        HEADER.replace(",", ";") + ";platform;row",
        SEND.replace(",", ";") + ";\\N;7",
    ]
    status, told, _ = ingest(lines)
    assert (status, told["error"]["code"]) == (2, "missing_field")
    assert told["error"]["hint"].endswith("--delimiter ';'")
    options = ("--delimiter", ";", "--null", "\\N", "--null", "NULL", "--ignore-column", "row")
    status, told, err = ingest(lines, *options)
    (report,) = told["files"]
    assert (status, report["accepted"], report["dropped_fields"]) == (0, 1, [])
    assert "row" not in err.replace("rows", "")  # of which progress tells
    assert ingest([line.replace(";7", ";8") for line in lines], *options)[1]["files"][0]["repeated"]


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "é"])
def test_what_cannot_separate_fields_is_refused(ingest: Ingest, delimiter: str) -> None:
    status, told, _ = ingest([HEADER, SEND], "--delimiter", delimiter)
    assert (status, told["error"]["field"]) == (2, "--delimiter")


def test_a_field_that_is_lost_is_told_with_its_value(ended: Ended, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{HEADER},timezone\n{SEND},Etc/Unknown\n")
    status, out, err = ended("ingest", str(tmp_path / "a.csv"))
    assert status == 0
    assert "a.csv" in out
    assert 'a.csv, row 1, timezone: "Etc/Unknown" is no time zone' in err
    assert "the event counts without it" in err


def test_a_folder_is_imported_as_the_files_in_it(ended: Ended, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    for part in range(3):
        (folder / f"part-{part}.csv").write_text(f"{HEADER}\n{SEND.replace('e1', f'e{part}')}\n")
    status, out, _ = ended("ingest", str(folder), "--json")
    files = json.loads(out)["files"]
    assert status == 0
    assert [(each["file"], each["accepted"]) for each in files] == [
        (f"part-{part}.csv", 1) for part in range(3)
    ]


def test_a_column_that_the_whole_file_lacks_is_told_once_with_what_may_stand_for_it(
    ended: Ended, tmp_path: Path
) -> None:
    lines = [HEADER.replace("send_id", "message_id")]
    lines += [f"s{n},ann,send,2026-09-01T16:00:00Z,m{n}" for n in range(30)]
    lines += [f"o{n},ann,open,2026-09-01T16:07:00Z,m{n}" for n in range(4)]
    lines += [f"a{n},ann,session,2026-09-01T16:09:00Z," for n in range(9)]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    status, out, err = ended("ingest", str(tmp_path / "a.csv"), "--json")
    (told,) = json.loads(out)["files"]
    assert (status, told["accepted"], told["rejected"]) == (2, 9, 34)
    assert [(each["count"], each["first"]["row"]) for each in told["rejected_for"]] == [(34, 0)]
    assert "34 of 43 rows were refused" in err
    _, _, err = ended("ingest", str(tmp_path / "a.csv"))
    assert err.count("[missing_field]") == 1
    assert 'the file has no column send_id; it has "message_id"' in err
    assert "did you mean send_id?" in err
    assert ": 34 rows" in err


def test_rejections_are_told_by_their_reason(ended: Ended, tmp_path: Path) -> None:
    lines = [HEADER, SEND]
    lines += [f"s{n},ann,send,2026-09-01T16:00:00Z," for n in range(30)]
    lines += [f"o{n},ann,open,2026-09-01T16:07:00Z," for n in range(20)]
    lines += [f"x{n},ann,tap{n},2026-09-01T16:07:00Z,s1" for n in range(10)]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    status, _, err = ended("ingest", str(tmp_path / "a.csv"))
    assert status == 2
    assert "row 2, send_id: is missing: give every send an id; what it causes repeats it" in err
    assert "row 32, send_id: is missing, and an open belongs to a send" in err
    assert [err.count(f"and {more} more like it") for more in (29, 19, 9)] == [1, 1, 1]
    assert "a.csv: 60 refused in all" in err
    _, out, _ = ended("ingest", str(tmp_path / "a.csv"), "--json")
    (told,) = json.loads(out)["files"]
    assert [each["count"] for each in told["rejected_for"]] == [30, 20, 10]
    assert len(told["rejections"]) == 60


def test_a_file_is_in_question_where_more_than_half_of_it_is_refused(ingest: Ingest) -> None:
    bad = [f"b{n},,send,2026-09-01T16:00:00Z,s2" for n in range(3)]
    assert ingest([HEADER, SEND, bad[0]])[0] == 0
    status, _, err = ingest([HEADER, SEND, *bad[:2]])
    assert status == 2
    assert "2 of 3 rows were refused, more than half" in err


def test_the_help_shows_a_file_that_is_taken(
    ended: Ended, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = ended("ingest", "--help")
    lines = [line.strip() for line in out.splitlines()]
    at = lines.index(next(line for line in lines if line.startswith("event_id,")))
    assert status == 0
    assert all(name in out for name in (*REQUIRED_COLUMNS, "send_id", *EVENT_SCHEMA.names))
    status, told, _ = ingest(lines[at : at + 3])
    assert (status, told["files"][0]["accepted"], told["time_zones_known"]) == (0, 2, True)


def test_progress_is_told_where_there_is_no_terminal(ingest: Ingest) -> None:
    assert "importing: a.csv, 1 rows" in ingest([HEADER, SEND])[2].splitlines()
