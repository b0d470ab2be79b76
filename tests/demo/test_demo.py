"""The demo's numbers add up, come from the stores, and are the same at every run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from sendopt.cli.answers.demo import show
from sendopt.cli.output import as_json, stdout
from sendopt.demo import run_demo
from sendopt.demo.run import HELD_FROM
from sendopt.demo.studies import Study, held_days, load_studies

Ran = Callable[[Path], str]


@dataclass(frozen=True)
class Demo:
    """What was shown of some studies."""

    studies: list[Study]
    told: dict[str, Any]
    text: str  # as people are shown it; "" of the program's own


def part(study: Study, users: int) -> Study:
    """Return what a study's first users did and were sent."""
    first = pa.array(sorted(study.user_ids())[:users])
    return replace(study, events=study.events.filter(pc.field("user_id").isin(first)))


@pytest.fixture(
    scope="module", params=["some users", pytest.param("the program", marks=pytest.mark.slow)]
)
def demo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo of some users of two studies, and the program's own of all there are."""
    home = tmp_path_factory.mktemp("demo") / "home"
    if request.param == "some users":
        studies = [part(study, 30) for study in load_studies()[1:]]
        result = run_demo(home, progress=lambda _about: None, studies=studies)
        with stdout.capture() as written:
            show(result)
        return Demo(studies, as_json(result), written.get())
    ran = subprocess.run(
        [Path(sys.executable).with_name("sendopt"), "demo", "--json", "--home", str(home)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return Demo(load_studies(), json.loads(ran.stdout), "")


@pytest.mark.timeout(300)
def test_the_counts_add_up(demo: Demo) -> None:
    ends = ("delivered", "failed", "expired", "suppressed", "cancelled")
    assert demo.told["sends"] == sum(demo.told[end] for end in ends)
    assert demo.told["opens"] <= demo.told["answers"] <= demo.told["delivered"]
    assert demo.told["open_rate"] == pytest.approx(demo.told["opens"] / demo.told["delivered"])
    assert demo.told["billable"] == 2 * demo.told["answers"]  # a click and a response each
    totals = ("users", "events", "sends", "delivered", "opens", "billable", "statement_total_minor")
    for total in totals:
        assert demo.told[total] == sum(tenant[total] for tenant in demo.told["tenants"].values())


@pytest.mark.timeout(300)
def test_nothing_is_broken_and_everybody_was_sent_something(demo: Demo) -> None:
    assert demo.told["findings"] == []
    days = [day for study in demo.studies for day in held_days(study, starts_at=HELD_FROM)]
    assert demo.told["sends"] == sum(len(day.answers) for day in days)


@pytest.mark.timeout(300)
def test_a_random_time_earns_what_the_days_hold(demo: Demo) -> None:
    """Computed here from the shipped data alone."""
    shares = [
        sum(day.opened(user, at) for at in times) / len(times)
        for study in demo.studies
        for day in held_days(study, starts_at=HELD_FROM)
        for user, times in day.answers.items()
    ]
    assert demo.told["open_rate_random"] == pytest.approx(sum(shares) / len(shares))


@pytest.mark.timeout(300)
def test_its_text_shows_no_control_characters(demo: Demo) -> None:
    assert "\\" not in demo.text


@pytest.mark.timeout(300)
def test_the_picture_is_there(demo: Demo) -> None:
    assert Path(demo.told["picture"]).read_bytes().startswith(b"\x89PNG")


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
