"""The explanation of a user is of the model that serves, and of the zones that plans use."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sendopt.app import App, open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import VirtualClock
from sendopt.errors import InvalidInput, ModelNotServable, NotFound
from sendopt.records import ServedBy, TenantId, UserId
from sendopt.score.explain_words import tell
from sendopt.settings import Settings

STUDY_IS_OVER = datetime(2025, 3, 20, tzinfo=UTC)
ANN = UserId("fried2021-75")


@pytest.fixture
def app(trained_home: Path, tmp_path: Path) -> Iterator[App]:
    shutil.copytree(trained_home, tmp_path / "home")
    clock = VirtualClock(STUDY_IS_OVER)
    with closing(open_app(Settings(home=tmp_path / "home"), clock=clock)) as app:
        yield app


def test_it_explains_what_best_times_answers(app: App) -> None:
    told = app.as_owner_of(DEFAULT_TENANT).explanations.user(ANN)
    best = app.as_owner_of(DEFAULT_TENANT).scores.best_times(ANN, top=168)
    explained = {(h.day_of_week, h.hour): h.open_probability for h in told.explanation.week}
    answered = {(slot.day_of_week, slot.hour): slot.open_probability for slot in best.slots}
    assert explained == pytest.approx(answered, rel=1e-5)
    assert told.explanation.model_version == best.model_version
    assert (told.standing.served_by, told.standing.fallback_reason) == (ServedBy.CHAMPION, None)
    assert told.text == tell(told.explanation, told.standing)


def test_the_hour_that_it_is_held_against_can_be_chosen(app: App) -> None:
    assert (
        app.as_owner_of(DEFAULT_TENANT).explanations.user(ANN).explanation.over_configured.hour.hour
        == 18
    )
    chosen = app.as_owner_of(DEFAULT_TENANT).explanations.user(ANN, configured_hour=7)
    assert chosen.explanation.over_configured.hour.hour == 7
    with pytest.raises(InvalidInput, match="24 is no hour of the day"):
        app.as_owner_of(DEFAULT_TENANT).explanations.user(ANN, configured_hour=24)


def test_it_names_the_zone_that_plans_use(app: App) -> None:
    def zones() -> tuple[str, str, str, str]:
        told = app.as_owner_of(DEFAULT_TENANT).explanations.user(ANN).standing
        return (
            told.timezone,
            told.timezone_source,
            told.planning_timezone,
            told.planning_timezone_source,
        )

    assert zones() == ("UTC", "log", "UTC", "log")
    app.as_owner_of(DEFAULT_TENANT).users.put(ANN, {"timezone": "Europe/Vienna"})
    assert zones() == ("UTC", "log", "Europe/Vienna", "user")
    app.as_owner_of(DEFAULT_TENANT).devices.register(
        {"user_id": ANN, "channel": "simulator", "timezone": "Asia/Tokyo"}
    )
    assert zones() == ("UTC", "log", "Asia/Tokyo", "device")


def test_whom_only_the_state_knows_gets_everybodys_hours(app: App) -> None:
    app.as_owner_of(DEFAULT_TENANT).users.put("newcomer", {"timezone": None})
    told = app.as_owner_of(DEFAULT_TENANT).explanations.user(UserId("newcomer"))
    assert "Nothing is known of newcomer yet: the hours are everybody's." in told.text
    assert told.standing.timezone_source == "unknown"


def test_whom_nobody_knows_cannot_be_explained(app: App) -> None:
    with pytest.raises(NotFound) as refusal:
        app.as_owner_of(DEFAULT_TENANT).explanations.user(UserId("nobody"))
    assert refusal.value.code == "user_unknown"
    app.operator.create_tenant(TenantId("other"), timezone="UTC")
    with pytest.raises(NotFound):
        app.as_owner_of(TenantId("other")).explanations.user(ANN)


def test_without_a_model_there_is_nothing_to_explain(app: App) -> None:
    app.operator.create_tenant(TenantId("other"), timezone="UTC")
    app.as_owner_of(TenantId("other")).users.put("ann", {"timezone": None})
    with pytest.raises(ModelNotServable) as refusal:
        app.as_owner_of(TenantId("other")).explanations.user(UserId("ann"))
    assert refusal.value.code == "no_champion"
