"""`sendopt explain`: words, JSON and a picture."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sendopt.app import open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.cli.main import commands
from sendopt.errors import InvalidInput
from sendopt.settings import Settings

ANN = "fried2021-75"


@pytest.fixture
def home(trained_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a study that ended long ago."""
    monkeypatch.setenv("SENDOPT_LEARN__MODEL_MAX_AGE_DAYS", "100000")
    return Path(shutil.copytree(trained_home, tmp_path / "home"))


def explain(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(commands, ["explain", ANN, *arguments, "--home", str(home)])


def test_it_is_told_in_words_and_figures_and_drawn(home: Path, tmp_path: Path) -> None:
    said = explain(home)
    assert said.exit_code == 0, said.output
    assert said.stdout.startswith(f"{ANN} most likely answers ")
    picture = tmp_path / "ann.png"
    answer = json.loads(explain(home, "--json", "--out", str(picture)).stdout)
    assert " ".join(answer["text"]) == " ".join(said.stdout.split())
    assert len(answer["explanation"]["week"]) == 168
    assert answer["out"] == str(picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_it_is_told_why_a_campaign_does_not_reach_a_user(home: Path, tmp_path: Path) -> None:
    window = {"earliest_at": "2030-10-02T00:00:00Z", "latest_at": "2030-10-03T00:00:00Z"}
    variant = {"variant_id": "plain", "title": "T", "body": "B", "url": "https://a.example/"}
    definition = {"campaign_id": "drafted", "channel": "simulator", "variants": [variant]}
    work = open_app(Settings(home=home)).as_owner_of(DEFAULT_TENANT)
    work.campaigns.put(
        definition | {"send_window": window, "audience": [ANN], "quiet_hours": None}, commit=False
    )
    said = explain(home, "--campaign", "drafted")
    assert said.exit_code == 0, said.output
    assert "no_device" in said.stdout
    assert json.loads(explain(home, "--campaign", "drafted", "--json").stdout)["code"] == (
        "no_device"
    )


def test_a_picture_of_no_known_kind_is_refused(home: Path) -> None:
    refused = explain(home, "--out", "ann.docx")
    assert isinstance(refused.exception, InvalidInput)
    assert refused.exception.code == "picture_unknown"
