"""A home with something in every store, and the places where backups go."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from backup.homes import NOON, USERS, campaign, silently

from sendopt.app import back_up, open_app, restore
from sendopt.app.backing_up import BackupReport
from sendopt.app.restoring import RestoreReport
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import VirtualClock
from sendopt.score import SLOTS_A_WEEK, ScoreStore, Weeks
from sendopt.score.store_file import About
from sendopt.score.store_writer import write_delta, write_store
from sendopt.settings import BackupSettings, Settings


def _write_scores(path: Path) -> None:
    """A base of everybody, and a delta of two."""
    about = About(DEFAULT_TENANT, "1", log_snapshot=1, as_of=NOON, created_at=NOON)
    ids, zones = pa.array(USERS), pa.array(["UTC"] * len(USERS))
    weeks = Weeks(ids, np.zeros((len(USERS), SLOTS_A_WEEK), np.float32))
    write_store(path, about, ids, zones, [weeks])
    store = ScoreStore(path, tenant_id=DEFAULT_TENANT, model_version="1")
    some = Weeks(ids[:2], weeks.logit[:2])
    write_delta(store, about, ids[:2], zones[:2], [some], kept=None)


@pytest.fixture(scope="session")
def _worked_home(tmp_path_factory: pytest.TempPathFactory, empty_home: Path) -> Path:
    home = tmp_path_factory.mktemp("worked") / "home"
    shutil.copytree(empty_home, home)
    clock = VirtualClock(NOON - timedelta(minutes=30))
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        app.secrets  # noqa: B018 - made at the first use
        for user in USERS:
            device = {"device_id": user, "user_id": user, "channel": "simulator", "address": {}}
            app.as_owner_of(DEFAULT_TENANT).devices.register(device)
        app.as_owner_of(DEFAULT_TENANT).campaigns.put(campaign("noon", NOON), commit=True)
        clock.advance_to(NOON + timedelta(minutes=4))
        app.rounds.dispatcher().dispatch_due()  # five of ten
        app.rounds.settle()
    model = home / "registry" / "artifacts" / "default" / "run" / "artifacts" / "card.md"
    model.parent.mkdir(parents=True)
    model.write_text("a card")
    _write_scores(home / "scores" / "default" / "1.scores")
    return home


@pytest.fixture
def worked_home(_worked_home: Path, tmp_path: Path) -> Path:
    """A home of the test's own: five of ten sends delivered at four past noon, files of a model."""
    return Path(shutil.copytree(_worked_home, tmp_path / "original"))


@pytest.fixture
def clock() -> VirtualClock:
    """Four past noon, when the home was left."""
    return VirtualClock(NOON + timedelta(minutes=4))


Kept = Callable[..., BackupReport]
Restored = Callable[..., RestoreReport]


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, BackupSettings]]:
    """Where a backup goes, and how it is reached; the test runs once for each kind of place."""
    if request.param == "folder":
        yield str(tmp_path / "backups"), BackupSettings()
    else:
        endpoint, _ = request.getfixturevalue("s3_store")
        access = BackupSettings.model_validate(
            {"s3_endpoint": endpoint, "s3_key_id": "any", "s3_secret": "any", "s3_use_ssl": False}
        )
        yield f"s3://lake/{tmp_path.name}/backups", access


@pytest.fixture
def keep(place: tuple[str, BackupSettings], worked_home: Path, clock: VirtualClock) -> Kept:
    """Back the home up to the place."""

    def run(**options: object) -> BackupReport:
        settings = Settings(home=worked_home, backup=place[1])
        clock.advance(timedelta(microseconds=1))
        return back_up(
            settings,
            place[0],
            **{"progress": silently, "clock": clock, **options},  # type: ignore[arg-type]
        )

    return run


@pytest.fixture
def bring_back(place: tuple[str, BackupSettings], clock: VirtualClock) -> Restored:
    """Restore from the place to another home."""

    def run(home: Path, **options: object) -> RestoreReport:
        settings = Settings(home=home, backup=place[1])
        return restore(
            settings,
            place[0],
            **{"progress": silently, "clock": clock, **options},  # type: ignore[arg-type]
        )

    return run
