"""`sendopt ingest`: what it says of files, and with which status it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
    assert "row" not in err
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
    assert "a.csv, row 1, timezone: 'Etc/Unknown' is no time zone" in err
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
