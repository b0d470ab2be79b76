"""The demo's numbers add up, come from the stores, and are the same at every run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sendopt.demo.run import HELD_FROM
from sendopt.demo.studies import held_days, load_studies


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("demo") / "home"
    ran = subprocess.run(
        [Path(sys.executable).with_name("sendopt"), "demo", "--json", "--home", str(home)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


@pytest.mark.timeout(300)
def test_the_counts_add_up(demo: dict[str, Any]) -> None:
    ends = ("delivered", "failed", "expired", "suppressed", "cancelled")
    assert demo["sends"] == sum(demo[end] for end in ends)
    assert demo["opens"] <= demo["answers"] <= demo["delivered"]
    assert demo["open_rate"] == pytest.approx(demo["opens"] / demo["delivered"])
    assert demo["billable"] == 2 * demo["answers"]  # a click and a response each
    totals = ("users", "events", "sends", "delivered", "opens", "billable", "statement_total_minor")
    for total in totals:
        assert demo[total] == sum(tenant[total] for tenant in demo["tenants"].values())


@pytest.mark.timeout(300)
def test_nothing_is_broken_and_everybody_was_sent_something(demo: dict[str, Any]) -> None:
    assert demo["findings"] == []
    days = [day for study in load_studies() for day in held_days(study, starts_at=HELD_FROM)]
    assert demo["sends"] == sum(len(day.answers) for day in days)


@pytest.mark.timeout(300)
def test_a_random_time_earns_what_the_days_hold(demo: dict[str, Any]) -> None:
    """Computed here from the shipped data alone."""
    shares = [
        sum(day.opened(user, at) for at in times) / len(times)
        for study in load_studies()
        for day in held_days(study, starts_at=HELD_FROM)
        for user, times in day.answers.items()
    ]
    assert demo["open_rate_random"] == pytest.approx(sum(shares) / len(shares))


@pytest.mark.timeout(300)
def test_the_picture_is_there(demo: dict[str, Any]) -> None:
    assert Path(demo["picture"]).read_bytes().startswith(b"\x89PNG")


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    refused = subprocess.run(
        [Path(sys.executable).with_name("sendopt"), "demo", "--home", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert "home_in_use" in refused.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
