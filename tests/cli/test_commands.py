"""The commands as a user meets them: real processes, exit status, JSON."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def sendopt(*arguments: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "100"}
    if home is not None:
        environment["SENDOPT_HOME"] = str(home)
    return subprocess.run(
        [Path(sys.executable).with_name("sendopt"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_events_in_twice_count_once(tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text(
        "event_id,user_id,event_type,occurred_at,send_id\n"
        "e1,u1,send,2026-09-01T10:00:00Z,s1\n"
        "e2,u1,open,2026-09-01T10:05:00+02:00,s1\n"
        "e3,u1,open,2026-09-01 10:05,s1\n"
    )
    first = sendopt("ingest", str(file), "--json", home=tmp_path / "home")
    assert first.returncode == 0, first.stderr
    (report,) = json.loads(first.stdout)["files"]
    assert (report["rows"], report["accepted"], report["rejected"]) == (3, 2, 1)
    assert report["rejections"][0]["row"] == 3
    assert report["rejections"][0]["code"] == "time_invalid"
    second = json.loads(sendopt("ingest", str(file), "--json", home=tmp_path / "home").stdout)
    assert second["files"][0]["repeated"] == 2
    assert second["files"][0]["accepted"] == 0


def test_threads_that_wait_sleep(trained_home: Path, tmp_path: Path) -> None:
    """OpenMP reads its environment once, while LightGBM is imported; then it is too late."""
    unset = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    home = shutil.copytree(trained_home, tmp_path / "home")
    shown = subprocess.run(
        [Path(sys.executable).with_name("sendopt"), "backtest"],
        env={**unset, "OMP_DISPLAY_ENV": "verbose", "SENDOPT_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    policies = [line for line in shown.stderr.splitlines() if "GOMP_SPINCOUNT" in line]
    assert policies or sys.platform != "linux"  # elsewhere another library speaks
    assert all("'0'" in line for line in policies), policies
