"""A log that was restored alone, from before its state, catches up by itself."""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import timedelta

import pytest
from backup.homes import silently

from sendopt.app import open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.settings import Settings


@pytest.mark.parametrize("place", ["folder"], indirect=True)
def test_a_log_that_is_older_than_its_state_catches_up(
    keep, bring_back, worked_home, tmp_path, clock
):
    keep()
    bring_back(tmp_path / "new")
    with closing(open_app(Settings(home=worked_home), clock=clock)) as app:
        clock.advance(timedelta(minutes=10))
        app.rounds.dispatcher().dispatch_due()
        app.rounds.settle()
    shutil.rmtree(worked_home / "log")
    shutil.copytree(tmp_path / "new" / "log", worked_home / "log")
    with closing(open_app(Settings(home=worked_home), clock=clock)) as app:
        assert app.log.high_water_mark() == 5
        assert not app.operator.verify(progress=silently).findings
        assert app.log.high_water_mark() == 10
        with app.reader(DEFAULT_TENANT) as reader:
            assert len(reader.query("sends", "select 1 from event")) == 10
