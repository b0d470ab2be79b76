"""Best times come from the score store while it is the champion's and young, else from now."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sendopt.app import App, open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import VirtualClock
from sendopt.errors import ModelNotServable, NotFound, StoreFailure
from sendopt.records import TenantId, UserId
from sendopt.settings import Settings

STUDY_IS_OVER = datetime(2025, 3, 20, tzinfo=UTC)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(STUDY_IS_OVER)


@pytest.fixture
def app(trained_home: Path, tmp_path: Path, clock: VirtualClock) -> Iterator[App]:
    shutil.copytree(trained_home, tmp_path / "home")
    with closing(open_app(Settings(home=tmp_path / "home"), clock=clock)) as app:
        yield app


def everybody(app: App) -> list[UserId]:
    return [
        UserId(user)
        for user in app.as_owner_of(DEFAULT_TENANT).scores.slots()["user_id"].unique().to_pylist()
    ]


def source(app: App, user_id: UserId) -> str:
    return app.as_owner_of(DEFAULT_TENANT).scores.best_times_and_source(user_id, top=3)[1]


def test_the_stored_answer_is_the_live_one(app: App, tmp_path: Path) -> None:
    users = everybody(app)[:5]
    live = [
        app.as_owner_of(DEFAULT_TENANT).scores.best_times_and_source(user, top=168)
        for user in users
    ]
    assert {said for _, said in live} == {"live; reason=scores_absent"}
    report = app.as_owner_of(DEFAULT_TENANT).scores.compute(out=tmp_path / "scores.parquet")
    assert pq.read_table(tmp_path / "scores.parquet").equals(
        app.as_owner_of(DEFAULT_TENANT).scores.slots()
    )
    assert report.users == len(everybody(app))
    for user, (before, _) in zip(users, live, strict=True):
        stored, said = app.as_owner_of(DEFAULT_TENANT).scores.best_times_and_source(user, top=168)
        assert said == "stored; as_of=2025-03-20T00:00:00Z"
        assert (stored.user_id, stored.timezone) == (before.user_id, before.timezone)
        assert (stored.model_version, stored.fallback_reason) == (before.model_version, None)
        expected = {(slot.day_of_week, slot.hour): slot.open_probability for slot in before.slots}
        told = {(slot.day_of_week, slot.hour): slot.open_probability for slot in stored.slots}
        assert told == pytest.approx(expected, rel=1e-5)
        assert (
            app.as_owner_of(DEFAULT_TENANT).scores.best_times(user, top=3).slots == stored.slots[:3]
        )


def test_scores_grow_too_old_and_are_written_anew(app: App, clock: VirtualClock) -> None:
    user = everybody(app)[0]
    app.as_owner_of(DEFAULT_TENANT).scores.compute()
    clock.advance(timedelta(hours=36))
    assert source(app, user).startswith("stored")
    clock.advance(timedelta(seconds=1))
    assert source(app, user) == "live; reason=scores_too_old"
    app.as_owner_of(DEFAULT_TENANT).scores.compute()
    assert source(app, user) == "stored; as_of=2025-03-20T00:00:00Z"  # there was no news since
    app.as_owner_of(DEFAULT_TENANT).scores.compute(full=True)
    assert source(app, user) == "stored; as_of=2025-03-21T12:00:01Z"


def test_another_champion_has_no_use_for_them(app: App) -> None:
    user = everybody(app)[0]
    app.as_owner_of(DEFAULT_TENANT).scores.compute()
    champion = app.registry.champion(DEFAULT_TENANT)
    with pytest.raises(StoreFailure) as refusal:
        app.stored_scores.of(DEFAULT_TENANT, "0123456789abcdef")
    assert refusal.value.code == "scores_absent"
    # Even a file that was given the new champion's name.
    path = app.stored_scores.path(DEFAULT_TENANT, champion.version)
    shutil.copy(path, app.stored_scores.path(DEFAULT_TENANT, "0123456789abcdef"))
    with pytest.raises(StoreFailure) as refusal:
        app.stored_scores.of(DEFAULT_TENANT, "0123456789abcdef")
    assert refusal.value.code == "scores_unreadable"
    assert source(app, user).startswith("stored")


def test_another_tenants_file_is_refused(app: App) -> None:
    app.as_owner_of(DEFAULT_TENANT).scores.compute()
    version = app.registry.champion(DEFAULT_TENANT).version
    theirs = app.stored_scores.path(TenantId("other"), version)
    theirs.parent.mkdir()
    shutil.copy(app.stored_scores.path(DEFAULT_TENANT, version), theirs)
    with pytest.raises(StoreFailure) as refusal:
        app.stored_scores.of(TenantId("other"), version)
    assert refusal.value.code == "scores_unreadable"


def test_a_damaged_file_makes_nothing_worse(app: App) -> None:
    user = everybody(app)[0]
    report = app.as_owner_of(DEFAULT_TENANT).scores.compute()
    with Path(report.store).open("r+b") as file:
        file.seek(-100, 2)
        file.write(b"damage")
    times, said = app.as_owner_of(DEFAULT_TENANT).scores.best_times_and_source(user, top=3)
    assert said == "live; reason=scores_unreadable"
    assert times.fallback_reason is None
    assert len(times.slots) == 3


def test_whom_the_store_does_not_know_is_asked_about_now(app: App) -> None:
    app.as_owner_of(DEFAULT_TENANT).scores.compute()
    with pytest.raises(NotFound):
        source(app, UserId("nobody"))
    app.as_owner_of(DEFAULT_TENANT).users.put("newcomer", {"timezone": "Asia/Tokyo"})
    assert source(app, UserId("newcomer")) == "live; reason=user_not_scored"


def test_only_the_two_newest_files_are_kept(app: App) -> None:
    version = app.registry.champion(DEFAULT_TENANT).version
    folder = app.stored_scores.path(DEFAULT_TENANT, version).parent
    folder.mkdir(parents=True)
    for old in ("a", "b", "c"):
        (folder / f"{old}.scores").touch()
        (folder / f"{old}.delta").touch()
    app.as_owner_of(DEFAULT_TENANT).scores.compute()
    assert sorted(file.name for file in folder.iterdir()) == sorted(
        ["c.scores", "c.delta", f"{version}.scores"]
    )


def test_without_a_champion_there_is_nothing_to_store(app: App) -> None:
    app.operator.create_tenant(TenantId("empty"), timezone="UTC")
    with pytest.raises(ModelNotServable):
        app.as_owner_of(TenantId("empty")).scores.compute()
