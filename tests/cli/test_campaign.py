"""`sendopt campaign`: a campaign is looked at, paused, edited and stopped at the command line."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sendopt.api.schemas.campaigns import Results
from sendopt.app import open_app
from sendopt.cli.main import commands
from sendopt.records import CampaignId, TenantId
from sendopt.settings import Settings


@pytest.fixture
def campaign(home: Path, tmp_path: Path) -> Path:
    """A campaign of nobody that was committed."""
    written = tmp_path / "campaign.json"
    written.write_text(told(home, "plan", "--example"))
    told(home, "plan", str(written), "--commit")
    return written


def told(home: Path, *arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(commands, [*arguments, "--home", str(home)])
    assert done.exit_code == status, (done.output, done.exception)
    return done.stdout


def test_a_campaign_is_paused_edited_and_resumed(home: Path, campaign: Path) -> None:
    definition = json.loads(campaign.read_text())
    name = definition["campaign_id"]
    (listed,) = json.loads(told(home, "campaign", "list", "--json"))["campaigns"]
    assert (listed["campaign_id"], listed["phase"], listed["revision"]) == (name, "committed", 1)
    assert json.loads(told(home, "campaign", "pause", name, "--json"))["phase"] == "paused"
    assert f"{name}: paused" in told(home, "campaign", "show", name)
    campaign.write_text(json.dumps(definition | {"message_type": "news"}))
    assert f"{name}: revision 2" in told(home, "campaign", "revise", str(campaign))
    assert "is this definition already" in told(home, "campaign", "revise", str(campaign))
    shown = told(home, "campaign", "resume", name)
    assert f"{name}: committed" in shown
    assert "fallback_local_time" in shown
    assert told(home, "campaign", "commit", name)
    assert json.loads(told(home, "campaign", "list", "--phase", "paused", "--json")) == {
        "campaigns": [],
        "damaged": [],
        "more": False,
    }
    assert f"{name}: cancelled" in told(home, "campaign", "cancel", name)


@pytest.fixture
def reachable(home: Path, tmp_path: Path) -> Path:
    """A campaign of two users, of whom one can be reached."""
    devices = tmp_path / "devices.csv"
    devices.write_text("user_id,channel,timezone\nann,simulator,UTC\n")
    told(home, "devices", "import", str(devices))
    definition = json.loads(told(home, "plan", "--example"))
    written = tmp_path / "reachable.json"
    written.write_text(
        json.dumps(definition | {"channel": "simulator", "audience": ["ann", "nobody"]})
    )
    return written


def test_a_draft_is_kept_edited_previewed_and_committed(home: Path, reachable: Path) -> None:
    definition = json.loads(reachable.read_text())
    name = definition["campaign_id"]
    kept = told(home, "plan", str(reachable), "--draft")
    assert f"The draft {name} is kept" in kept
    assert f"`sendopt campaign commit {name}`" in kept
    assert f"The draft {name} is stored already" in told(home, "plan", str(reachable), "--draft")
    assert json.loads(told(home, "campaign", "show", name, "--json"))["phase"] == "draft"
    assert f"{name} has no sends" in told(home, "campaign", "results", name)
    reachable.write_text(json.dumps(definition | {"message_type": "news"}))
    assert f"The draft {name} has changed" in told(home, "plan", str(reachable), "--draft")
    answer = json.loads(told(home, "plan", str(reachable), "--draft", "--json"))
    assert (answer["stored"], answer["committed"], answer["counts"]["planned"]) == (True, False, 0)
    previewed = json.loads(told(home, "campaign", "preview", name, "--json"))
    assert previewed == answer["preview"]
    assert previewed["planned_count"] == 1
    told(home, "campaign", "commit", name)
    assert "nothing has changed" in told(home, "plan", str(reachable), "--draft")
    told(home, "plan", str(reachable), "--draft", "--commit", status=1)


def test_a_commit_is_held_to_the_count_that_its_preview_showed(home: Path, reachable: Path) -> None:
    name = json.loads(reachable.read_text())["campaign_id"]
    told(home, "plan", str(reachable), "--draft")
    told(home, "campaign", "commit", name, "--may-differ-by", "5", status=1)
    told(home, "campaign", "commit", name, "--expect", "7", "--may-differ-by", "5", status=1)
    assert json.loads(told(home, "campaign", "show", name, "--json"))["phase"] == "draft"
    told(home, "campaign", "commit", name, "--expect", "2", "--may-differ-by", "1")
    assert json.loads(told(home, "campaign", "show", name, "--json"))["counts"]["planned"] == 1


def test_one_campaign_is_shown_alike_with_and_without_an_expected_count(
    home: Path, reachable: Path
) -> None:
    name = json.loads(reachable.read_text())["campaign_id"]
    told(home, "plan", str(reachable), "--draft")
    commit = ("campaign", "commit", name)
    first = json.loads(told(home, *commit, "--expect", "1", "--json"))
    assert first["preview"]["planned_count"] == 1
    assert first == json.loads(told(home, *commit, "--json"))
    assert told(home, *commit, "--expect", "1") == told(home, *commit)


def test_results_are_those_of_the_api_and_divided_as_asked(home: Path, reachable: Path) -> None:
    name = json.loads(reachable.read_text())["campaign_id"]
    told(home, "plan", str(reachable), "--commit")
    with closing(open_app(Settings(home=home))) as app:
        found = app.as_owner_of(TenantId("default")).results.of_campaign(CampaignId(name))
    as_json = json.loads(told(home, "campaign", "results", name, "--json"))
    assert as_json == Results.of(found).model_dump(mode="json")
    assert as_json["total"]["sends"] == 2
    shown = told(home, "campaign", "results", name)
    assert "what came of 2 sends" in shown
    assert "user_unknown" in shown
    assert "By hour" in shown  # one at 18:00, one at no time
    assert "By channel" not in shown  # all on one
    by_channel = told(home, "campaign", "results", name, "--by", "channel")
    assert "By channel" in by_channel
    assert "By hour" not in by_channel
    told(home, "campaign", "results", "no-such", status=1)
