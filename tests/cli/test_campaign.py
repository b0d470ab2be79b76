"""`sendopt campaign`: a campaign is looked at, paused, edited and stopped at the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sendopt.cli.main import commands


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
