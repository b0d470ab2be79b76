"""A missing, broken, stale, slow or raving model costs a send its best time, never the send."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from schedule.oracle.identity import send_id
from untrained import rebuilt, scorer_of

from sendopt.app import App, open_app
from sendopt.clock import VirtualClock
from sendopt.demo.studies import load_studies
from sendopt.errors import ModelNotServable
from sendopt.learn import ServableModel
from sendopt.learn.registry import serving
from sendopt.records import CampaignId, Decision, ServedBy, TenantId, UserId
from sendopt.settings import LearnSettings, RegistrySettings, Settings

TENANT = TenantId("default")
NOW = datetime(2025, 3, 17, tzinfo=UTC)
USERS = ("fried2021-1", "fried2021-2", "a stranger")


def opened(
    home: Path,
    *,
    now: datetime = NOW,
    learn: LearnSettings | None = None,
    registry: RegistrySettings | None = None,
) -> AbstractContextManager[App]:
    settings = Settings(
        home=home, learn=learn or LearnSettings(), registry=registry or RegistrySettings()
    )
    return closing(open_app(settings, clock=VirtualClock(now)))


def add_users(app: App) -> None:
    for user in USERS:
        device = {"device_id": user, "user_id": user, "channel": "simulator", "address": {}}
        app.as_owner_of(TENANT).devices.register(device)


@pytest.fixture(scope="module")
def home(empty_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a study's log and two versions of its model: one serves, one did before."""
    home = Path(shutil.copytree(empty_home, tmp_path_factory.mktemp("two-models") / "home"))
    study = next(study for study in load_studies() if study.tenant_id == "fried2021")
    file = tmp_path_factory.mktemp("log") / "events.parquet"
    pq.write_table(study.events, file)
    with opened(home) as app:
        app.as_owner_of(TENANT).events.import_files([file], progress=lambda _path, _rows: None)
        report = app.as_owner_of(TENANT).models.train(progress=lambda _: None)
        assert report.promoted, report.reason
        model = app.registry.champion(TENANT)
        serve(app, replace(model, calibration=(model.calibration[0] + 0.01, model.calibration[1])))
        add_users(app)
    return home


def serve(app: App, model: ServableModel) -> None:
    """Let `model` serve, past the gate: what the chain must survive, whoever let it in."""
    recorded = app.registry.record(TENANT, model, params={}, tags={})
    app.registry.promote(TENANT, recorded.number, by="tests", reason="past the gate", now=NOW)


@contextmanager
def broken(app: App, *aliases: str) -> Iterator[None]:
    """Damage the files of these models, and mend them afterwards."""
    folders = []
    for alias in aliases:
        found = app.registry._versions.with_alias(TENANT, alias)
        assert found is not None
        artifacts = app.settings.home / "registry" / "artifacts"
        folders.append(next(artifacts.rglob(found.run_id)) / "artifacts" / "model")
    for folder in folders:
        shutil.copytree(folder, folder.with_name("kept"))
        (folder / "model.json").write_bytes((folder / "model.json").read_bytes()[:-20])
    try:
        yield
    finally:
        for folder in folders:
            shutil.rmtree(folder)
            folder.with_name("kept").rename(folder)


def decide(app: App, campaign_id: str) -> list[Decision]:
    """Commit a campaign and return the decision of everybody: nobody may go without a time."""
    begin = app.clock.now()
    definition = {
        "campaign_id": campaign_id,
        "channel": "simulator",
        "variants": [{"variant_id": "v", "title": "t", "body": "b"}],
        "send_window": {
            "earliest_at": begin.isoformat(),
            "latest_at": (begin + timedelta(days=1)).isoformat(),
        },
        "quiet_hours": None,
        "audience": list(USERS),
        "fallback_local_time": "18:00",
        "least_confidence": 0.5,
    }
    app.as_owner_of(TENANT).campaigns.put(definition, commit=True)
    sends = [
        app.as_owner_of(TENANT).sends.get(send_id(TENANT, CampaignId(campaign_id), UserId(user)))
        for user in USERS
    ]
    assert {send["state"] for send in sends} == {"planned"}
    return [send["decision"] for send in sends]


def told(decisions: list[Decision]) -> tuple[ServedBy | None, str | None, str | None]:
    """Return who spoke, why not the champion, and the model's version: the same for all."""
    (one,) = {(each.served_by, each.fallback_reason, each.model_version) for each in decisions}
    return one


def test_the_champion_speaks(home: Path) -> None:
    with opened(home) as app:
        champion = app.registry.champion(TENANT).version
        assert told(decide(app, "sound")) == (ServedBy.CHAMPION, None, champion)


def test_a_damaged_champion_gives_way_to_the_last_good_model(home: Path) -> None:
    with opened(home) as app, broken(app, "champion"):
        last_good = app.registry.last_good(TENANT).version
        assert told(decide(app, "one-broken")) == (ServedBy.LAST_GOOD, "model_damaged", last_good)


def test_best_times_come_from_the_last_good_model_too(home: Path) -> None:
    user = UserId(USERS[0])
    with opened(home) as app, broken(app, "champion"):
        told = app.as_owner_of(TENANT).scores.best_times(user, top=3)
        assert (len(told.slots), told.fallback_reason) == (3, "model_damaged")
        assert told.model_version == app.registry.last_good(TENANT).version
    with opened(home) as app, broken(app, "champion", "last_good"):
        told = app.as_owner_of(TENANT).scores.best_times(user, top=3)
        assert (told.slots, told.fallback_reason) == ((), "model_damaged")


@pytest.mark.slow
def test_an_explanation_is_of_the_last_good_model_too(home: Path) -> None:
    user = UserId(USERS[0])
    with opened(home) as app, broken(app, "champion"):
        told = app.as_owner_of(TENANT).explanations.user(user)
        assert told.standing.served_by is ServedBy.LAST_GOOD
        assert told.standing.fallback_reason == "model_damaged"
        assert told.explanation.model_version == app.registry.last_good(TENANT).version
    with opened(home) as app, broken(app, "champion", "last_good"):
        with pytest.raises(ModelNotServable) as refusal:
            app.as_owner_of(TENANT).explanations.user(user)
        assert refusal.value.code == "model_damaged"


def test_without_any_sound_model_the_histogram_speaks(home: Path) -> None:
    with opened(home) as app, broken(app, "champion", "last_good"):
        decisions = decide(app, "both-broken")
    assert told(decisions) == (ServedBy.TENANT_HISTOGRAM, "model_damaged", None)


def test_without_a_log_the_configured_time_stands(empty_home: Path, tmp_path: Path) -> None:
    with opened(Path(shutil.copytree(empty_home, tmp_path / "home"))) as app:
        add_users(app)
        decisions = decide(app, "empty")
    assert told(decisions) == (ServedBy.CONFIGURED_TIME, "no_champion", None)
    assert {each.chosen_at and each.chosen_at.hour for each in decisions} == {18}


def test_stale_models_are_not_asked(home: Path) -> None:
    with opened(home, now=NOW + timedelta(days=31), learn=LearnSettings(model_max_age_days=30)) as (
        app
    ):
        assert told(decide(app, "stale"))[:2] == (ServedBy.TENANT_HISTOGRAM, "model_stale")


def test_a_stale_model_does_not_speak_through_the_scores_that_it_left(
    home: Path, tmp_path: Path
) -> None:
    """Plan, explanation, best times asked now and best times stored: one rule for all four."""
    user = UserId(USERS[0])
    copied = Path(shutil.copytree(home, tmp_path / "home"))
    learn = LearnSettings(model_max_age_days=30)
    with opened(copied, learn=learn) as app:
        trained_until = app.registry.champion(TENANT).provenance.trained_until
    last_day = trained_until + timedelta(days=30)
    with opened(copied, now=last_day, learn=learn) as app:
        app.as_owner_of(TENANT).scores.compute()
        told, source = app.as_owner_of(TENANT).scores.best_times_and_source(user, top=3)
        assert source.startswith("stored")
        assert told.fallback_reason is None
    with opened(copied, now=last_day + timedelta(seconds=1), learn=learn) as app:
        told, source = app.as_owner_of(TENANT).scores.best_times_and_source(user, top=3)
        assert source == "live; reason=model_stale"
        assert (told.slots, told.fallback_reason) == ((), "model_stale")
        with pytest.raises(ModelNotServable) as refusal:
            app.as_owner_of(TENANT).explanations.user(user)
        assert refusal.value.code == "model_stale"


def test_slow_models_are_left_behind(home: Path) -> None:
    impatient = LearnSettings(model_patience_seconds=1e-9, model_rows_per_second=1e12)
    with opened(home, learn=impatient) as app:
        assert told(decide(app, "slow"))[:2] == (ServedBy.TENANT_HISTOGRAM, "model_too_slow")
        for thread in threading.enumerate():
            if thread.name == "scoring":
                thread.join()


def test_a_model_that_hangs_is_not_asked_for_ever_more(home: Path) -> None:
    """Each question takes a thread, which nobody can stop."""
    let_go, begun = threading.Event(), []

    def hangs(model: ServableModel) -> pa.Table:
        begun.append(model.version)
        let_go.wait()
        return pa.table({"open_probability": [0.5]})

    impatient = LearnSettings(model_patience_seconds=1e-9, model_rows_per_second=1e12)
    with opened(home, learn=impatient) as app:
        asked = partial(serving.ask, app.registry, TENANT, hangs, rows=1, now=NOW)
        reasons = [asked(limits=app.model_limits).reasons for _ in range(5)]
        assert {reason for each in reasons for reason in each.values()} == {"model_too_slow"}
        assert Counter(begun) == dict.fromkeys(begun, 2)
        let_go.set()
        for thread in threading.enumerate():
            if thread.name == "scoring":
                thread.join()
        patient = replace(app.model_limits, patience=timedelta(minutes=1))
        assert asked(limits=patient).step == ServedBy.CHAMPION


def test_a_registry_that_is_away_stops_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    nowhere = RegistrySettings(tracking_uri="http://127.0.0.1:9")
    with opened(home, registry=nowhere) as app:
        assert told(decide(app, "away"))[:2] == (ServedBy.TENANT_HISTOGRAM, "registry_unavailable")


def test_a_raving_or_failing_champion_gives_way_and_can_be_rolled_back(home: Path) -> None:
    with opened(home) as app:
        good = app.registry.champion(TENANT)
        for name, reason, model in (
            ("raving", "model_output_invalid", raving(good)),
            ("failing", "model_failed", failing(good)),
        ):
            serve(app, model)
            assert told(decide(app, name)) == (ServedBy.LAST_GOOD, reason, good.version)
            app.as_owner_of(TENANT).models.roll_back({"reason": f"it is {name}"})
            decided = told(decide(app, f"after-{name}"))
            assert decided == (ServedBy.CHAMPION, None, good.version)


def raving(model: ServableModel) -> ServableModel:
    return rebuilt(model, weights=replace(scorer_of(model).weights, level=float("nan")))


def failing(model: ServableModel) -> ServableModel:
    """Its trees read three features, of which this release has never heard."""
    rng = np.random.default_rng(1)
    data = lgb.Dataset(rng.normal(size=(200, 3)), label=rng.integers(0, 2, 200))
    settings = {"objective": "binary", "verbosity": -1, "num_threads": 1}
    return rebuilt(model, booster=lgb.train(settings, data, num_boost_round=3))
