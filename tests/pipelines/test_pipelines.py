"""The pipelines do what they say, on a home that knows a study and has a champion."""

from __future__ import annotations

import json
import runpy
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import STUDY_IS_OVER

from sendopt.app import App, open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import VirtualClock
from sendopt.records import CampaignId
from sendopt.schedule import small_example
from sendopt.settings import Settings

PIPELINES = Path(__file__).parents[2] / "pipelines"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(STUDY_IS_OVER)


@pytest.fixture
def app(trained_home: Path, tmp_path: Path, clock: VirtualClock) -> Iterator[App]:
    home = shutil.copytree(trained_home, tmp_path / "home")
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        yield app


def pipeline(name: str) -> Callable[..., None]:
    main: Callable[..., None] = runpy.run_path(str(PIPELINES / name))["main"]
    return main


def test_scores_are_written_and_a_plan_goes_out_by_them(
    app: App, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, campaign = tmp_path / "scores.parquet", tmp_path / "campaign.json"
    pipeline("score.py")(app, DEFAULT_TENANT, out)
    assert pq.read_metadata(out).num_rows % 168 == 0

    work = app.as_owner_of(DEFAULT_TENANT)
    users = pq.read_table(out, columns=["user_id"])["user_id"].unique().to_pylist()[:5]
    for user_id in users:
        device = {"device_id": user_id, "user_id": user_id, "channel": "simulator", "address": {}}
        work.devices.register(device)
    definition = small_example(app.clock.now()) | {"channel": "simulator", "audience": users}
    campaign.write_text(json.dumps(definition))
    for _ in range(2):
        pipeline("plan.py")(app, DEFAULT_TENANT, campaign)
    campaign_id = CampaignId(definition["campaign_id"])
    assert f"{campaign_id} " in capsys.readouterr().out
    assert dict(work.campaigns.get(campaign_id).counts)["planned"] == len(users)


def test_a_month_is_closed_once(
    app: App, clock: VirtualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    month = f"{STUDY_IS_OVER:%Y-%m}"
    clock.advance(timedelta(days=60))
    told = []
    for _ in range(2):
        pipeline("close_period.py")(app, DEFAULT_TENANT, month)
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
    assert month in told[0]


@pytest.mark.slow
def test_a_model_is_trained_and_judged(app: App, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline("train.py")(app, DEFAULT_TENANT)
    assert "romoted" in capsys.readouterr().out
