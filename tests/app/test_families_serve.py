"""Whatever family the champion is of, users are scored, planned for and told why."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from schedule.oracle.identity import send_id
from trained import trained_as

from sendopt.app import App, open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import VirtualClock
from sendopt.learn.families import FAMILIES
from sendopt.records import CampaignId, UserId
from sendopt.settings import Settings

STUDY_IS_OVER = datetime(2025, 3, 20, tzinfo=UTC)
ANN = UserId("fried2021-75")


@pytest.fixture(
    params=[
        pytest.param(name, marks=[] if name == "level_shape_trees" else [pytest.mark.slow])
        for name in sorted(FAMILIES)
    ]
)
def app(trained_home: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[App]:
    """A home whose champion is of each family in turn."""
    shutil.copytree(trained_home, tmp_path / "home")
    clock = VirtualClock(STUDY_IS_OVER)
    with closing(open_app(Settings(home=tmp_path / "home"), clock=clock)) as app:
        with app.reader(DEFAULT_TENANT) as reader:
            model = trained_as(FAMILIES[request.param], reader, until=STUDY_IS_OVER)
        recorded = app.registry.record(DEFAULT_TENANT, model, params={}, tags={})
        app.registry.promote(
            DEFAULT_TENANT, recorded.number, by="tests", reason="", now=STUDY_IS_OVER
        )
        app.as_owner_of(DEFAULT_TENANT).devices.register(
            {"device_id": ANN, "user_id": ANN, "channel": "simulator", "address": {}},
        )
        yield app


def test_any_family_scores_explains_and_plans(app: App) -> None:
    champion = app.registry.champion(DEFAULT_TENANT)
    app.as_owner_of(DEFAULT_TENANT).scores.compute()
    best, source = app.as_owner_of(DEFAULT_TENANT).scores.best_times_and_source(ANN, top=168)
    assert source.startswith("stored")
    told = app.as_owner_of(DEFAULT_TENANT).explanations.user(ANN)
    explained = {(h.day_of_week, h.hour): h.open_probability for h in told.explanation.week}
    answered = {(slot.day_of_week, slot.hour): slot.open_probability for slot in best.slots}
    assert explained == pytest.approx(answered, rel=1e-4)
    assert any(champion.version in sentence for sentence in told.text)
    definition = {
        "campaign_id": "c",
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
        "send_window": {"earliest_at": "2025-03-20T00:00:00Z", "latest_at": "2025-03-21T00:00:00Z"},
        "quiet_hours": None,
        "audience": [ANN],
        "fallback_local_time": "18:00",
    }
    app.as_owner_of(DEFAULT_TENANT).campaigns.put(definition, commit=True)
    send = app.as_owner_of(DEFAULT_TENANT).sends.get(send_id(DEFAULT_TENANT, CampaignId("c"), ANN))
    decision = send["decision"]
    assert (decision.served_by, decision.model_version) == ("champion", champion.version)
