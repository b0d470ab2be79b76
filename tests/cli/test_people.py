"""`sendopt devices` and `sendopt users`: files in, what was refused on disk, what is known out."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Ended = Callable[..., tuple[int, str, str]]
DOCS = Path(__file__).parents[2] / "docs"


def test_devices_are_imported_listed_and_refused_by_name(ended: Ended, tmp_path: Path) -> None:
    file, refused = tmp_path / "d.csv", tmp_path / "refused.csv"
    file.write_text("user_id,channel,timezone\nann,simulator,UTC\nbob,pigeon,\ncat,simulator,CST\n")
    status, out, err = ended("devices", "import", str(file), "--rejections", str(refused))
    assert status == 0
    assert "accepted" in out
    assert 'row 2, channel: "pigeon" is unknown' in err
    assert "the device is registered without it" in err
    (rejection,) = csv.DictReader(refused.read_text().splitlines())
    assert [rejection[name] for name in ("file", "row", "column", "code")] == [
        *("d.csv", "2", "channel", "channel_unknown")
    ]
    _, listed, _ = ended("devices", "list", "--json")
    found = json.loads(listed)["devices"]
    assert sorted(each["user_id"] for each in found) == ["ann", "cat"]
    assert "simulator" in ended("devices", "list", "--user", "ann")[1]


def test_a_file_most_of_which_is_refused_ends_with_2(ended: Ended, tmp_path: Path) -> None:
    file = tmp_path / "d.csv"
    file.write_text("user_id,channel\nann,simulator\nbob,pigeon\ncat,pigeon\n")
    status, out, err = ended("devices", "import", str(file), "--json")
    assert status == 2
    assert "more than half" in err
    (told,) = json.loads(out)["files"]
    assert (told["accepted"], told["rejected"]) == (1, 2)


def test_users_are_imported_and_shown(ended: Ended, tmp_path: Path) -> None:
    file = tmp_path / "u.csv"
    file.write_text(
        "user_id;timezone;consent.given;consent.source\nann;Asia/Tokyo;;\nbob;;false;letter\n"
    )
    status, _, _ = ended("users", "import", str(file), "--delimiter", ";")
    assert status == 0
    assert "Asia/Tokyo" in ended("users", "show", "ann")[1]
    shown = json.loads(ended("users", "show", "bob", "--json")[1])
    assert shown["opted_out_at"] is not None
    assert [(each["given"], each["source"]) for each in shown["statements"]] == [(False, "letter")]
    assert ended("users", "show", "nobody")[0] == 2


def test_what_a_user_says_is_kept_by_the_rules_of_the_api(ended: Ended) -> None:
    consent = ("users", "consent")
    status, _, err = ended(*consent, "set", "ann", "--opt-in", "--at", "soon")
    assert status == 2
    assert "missing_field: --source" in err
    assert "time_invalid: --at" in err
    status, out, err = ended(*consent, "set", "ann", "--opt-out", "--at", "soon")
    assert (status, "ann has opted out" in out, "counts as not said: --at" in err) == (
        0,
        True,
        True,
    )
    said = ("--opt-in", "--source", "page", "--at", "2026-01-01T09:00:00+01:00", "--json")
    kept = json.loads(ended(*consent, "set", "ann", *said)[1])
    assert (kept["given"], kept["at"], kept["dropped_fields"]) == (True, "2026-01-01T08:00:00Z", [])
    history = json.loads(ended(*consent, "show", "ann", "--json")[1])
    assert history["opted_out_at"] is not None  # the latest by its own time holds
    assert [each["given"] for each in history["statements"]] == [False, True]
    shown = ended(*consent, "show", "ann")[1]
    assert shown.startswith("ann has opted out")
    assert "2026-01-01 08:00 UTC" in shown
    assert ended(*consent, "show", "nobody")[0] == 2


def test_the_receipt_of_an_erasure_can_be_read_again(ended: Ended, tmp_path: Path) -> None:
    file = tmp_path / "d.csv"
    file.write_text("user_id,channel\nann,simulator\n")
    ended("devices", "import", str(file))
    receipt = json.loads(ended("users", "erase", "ann", "--json")[1])
    shown = ended("users", "erasure", receipt["erasure_id"], "--json")[1]
    assert json.loads(shown) == receipt
    assert "devices deleted" in ended("users", "erasure", receipt["erasure_id"])[1]
    status, _, err = ended("users", "erasure", "none")
    assert (status, "erasure_unknown" in err) == (2, True)


def test_preferences_are_shown_in_the_form_in_which_they_are_set(
    ended: Ended, tmp_path: Path
) -> None:
    wanted = {
        "topics": {"promotion": False, "news": True},
        "quiet_hours": {"start": "21:00", "end": "09:00"},
        "snoozed_until": "2030-01-01T00:00:00Z",
    }
    file = tmp_path / "preferences.json"
    file.write_text(json.dumps(wanted))
    preferences = ("users", "preferences")
    assert json.loads(ended(*preferences, "set", "ann", str(file), "--json")[1]) == wanted
    assert json.loads(ended(*preferences, "show", "ann", "--json")[1]) == wanted
    assert json.loads(ended("users", "show", "ann", "--json")[1])["preferences"] == wanted
    assert "21:00 to 09:00" in ended(*preferences, "show", "ann")[1]
    file.write_text(json.dumps({"topics": {}, "quiet_hours": {"start": "9", "end": "10:00"}}))
    status, _, err = ended(*preferences, "set", "ann", str(file))
    assert status == 2
    assert "time_invalid: /quiet_hours/start" in err
    assert "missing_field: /snoozed_until" in err


def test_a_column_that_is_none_is_refused_with_what_it_may_mean(
    ended: Ended, tmp_path: Path
) -> None:
    file = tmp_path / "d.csv"
    file.write_text("user_id,chanel\nann,simulator\n")
    status, _, err = ended("devices", "import", str(file))
    assert status == 2
    assert "did you mean channel?" in err
    assert ended("devices", "import", str(file), "--ignore-column", "chanel")[0] == 2  # no channel


@pytest.mark.slow
def test_step_4_of_the_first_campaign_is_run_as_it_stands(home: Path, tmp_path: Path) -> None:
    page = (DOCS / "first-campaign.md").read_text()
    step = page.partition("## 4.")[2].partition("## 5.")[0]
    script = "\n".join(re.findall(r"```sh\n(.*?)```", step, re.DOTALL))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={
            **os.environ,
            "SENDOPT_HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "A preview: nothing was stored" in done.stdout
    assert "Not planned" not in done.stdout
