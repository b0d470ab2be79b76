"""A home in which one real day was lived: trained, planned, sent, answered, billed."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from sendopt.app import open_app
from sendopt.clock import VirtualClock
from sendopt.demo.days import People, live_until
from sendopt.demo.run import HELD_FROM, LAST_ANSWERS, begin_day, learn
from sendopt.demo.studies import load_studies
from sendopt.settings import Settings
from sendopt.verify import Report


@pytest.fixture(scope="session")
def lived_home(tmp_path_factory: pytest.TempPathFactory, empty_home: Path) -> Path:
    home = shutil.copytree(empty_home, tmp_path_factory.mktemp("lived") / "home")
    clock = VirtualClock(HELD_FROM)
    study = next(study for study in load_studies() if study.tenant_id == "fried2021")
    with closing(open_app(Settings(home=home), clock=clock)) as app:
        played = learn(app, study, home.parent)
        people = People(app, clock)
        begin_day(app, played, played.days[0], people)
        live_until(app, clock, people, HELD_FROM + timedelta(days=1) + LAST_ANSWERS)
        app.rounds.settle()
    return Path(home)


@pytest.fixture
def home(lived_home: Path, tmp_path: Path) -> Iterator[Path]:
    """The lived home itself, put back as it was when the test ends."""
    untouched = tmp_path / "untouched"
    shutil.copytree(lived_home, untouched)
    yield lived_home
    shutil.rmtree(lived_home)
    shutil.copytree(untouched, lived_home)


@pytest.fixture
def verify(home: Path) -> Callable[[], Report]:
    """Verify the home as it is now, in an application opened afresh."""

    def run() -> Report:
        clock = VirtualClock(HELD_FROM + timedelta(days=3))
        with closing(open_app(Settings(home=home), clock=clock)) as app:
            return app.operator.verify(progress=lambda _about: None)

    return run


@pytest.fixture
def damage_state(home: Path) -> Callable[..., None]:
    """Run SQL on the state behind the service's back, all checks off."""

    def run(*statements: str) -> None:
        with closing(sqlite3.connect(home / "state.sqlite")) as connection:
            connection.execute("pragma foreign_keys = off")
            for statement in statements:
                changed = connection.execute(statement).rowcount
                assert changed != 0, f"nothing to damage: {statement}"
            connection.commit()

    return run


@pytest.fixture
def damage_log(home: Path) -> Callable[[str], None]:
    """Run SQL on the log behind the service's back."""

    def run(statement: str) -> None:
        with closing(open_app(Settings(home=home))) as app, app.log.appender() as appender:
            changed = appender._connection.execute(statement).fetchall()
            assert changed != [(0,)], f"nothing to damage: {statement}"

    return run
