"""`sendopt campaign replay`: the same, or the first differences and a status that says so."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from sendopt.cli.main import commands
from sendopt.records import TenantId
from sendopt.state import State
from sendopt.state.tables import planned_send


@pytest.fixture
def name(home: Path, tmp_path: Path) -> str:
    """A committed campaign of two users, of whom one can be reached."""
    devices = tmp_path / "devices.csv"
    devices.write_text("user_id,channel,timezone\nann,simulator,UTC\n")
    told(home, "devices", "import", str(devices))
    definition = json.loads(told(home, "plan", "--example"))
    definition |= {"channel": "simulator", "audience": ["ann", "bob"]}
    written = tmp_path / "campaign.json"
    written.write_text(json.dumps(definition))
    told(home, "plan", str(written), "--commit")
    return str(definition["campaign_id"])


def told(home: Path, *arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(commands, [*arguments, "--home", str(home)])
    assert done.exit_code == status, (done.output, done.exception)
    return done.stdout


def test_a_plan_is_the_same_until_somebody_changes_it(home: Path, name: str) -> None:
    answer = told(home, "campaign", "replay", name)
    assert "1 of 1 sends: the same" in answer
    assert "nobody could be reached" in answer
    with (
        closing(State(f"sqlite:///{home / 'state.sqlite'}")) as state,
        state.write(TenantId("default")) as tx,
    ):
        of_ann = sa.and_(tx.owns(planned_send), planned_send.c.user_id == "ann")
        tx.execute(sa.update(planned_send).where(of_ann).values(propensity=0.4321))
    answer = told(home, "campaign", "replay", name, status=1)
    assert "0 of 1 sends: the same" in answer
    assert "propensity" in answer
    assert "0.4321" in answer
    found = json.loads(told(home, "campaign", "replay", name, "--json", status=1))
    assert (found["compared"], found["differing"]) == (1, 1)
