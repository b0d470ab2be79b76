"""Whoever does what the pages on adding a family and a feature say gets what they say."""

from __future__ import annotations

import os
import sys
import venv
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from page_reader import Reader, copy_of_the_repository
from trained import trained_as

from sendopt.app import open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import SystemClock
from sendopt.learn.families import FAMILIES
from sendopt.log import event_table
from sendopt.records import Event, EventType, SendId, UserId
from sendopt.settings import Settings

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)


def events() -> Iterator[Event]:
    """Users of the weekday's mornings and of the weekend's evenings; every other one clicks."""
    rng = np.random.default_rng(3)
    for number in range(30):
        user = UserId(f"u{number}")
        for day in range(34):
            likes = 20 if (BEGIN + timedelta(days=day)).weekday() >= 5 else 8
            for hour in (8, 14, 20):
                send = SendId(f"{user}-{day}-{hour}")
                at = BEGIN + timedelta(days=day, hours=hour, minutes=float(rng.uniform(0, 50)))
                yield Event(f"s-{send}", user, EventType.SEND, at, send_id=send)
                if rng.random() < (0.7 if hour == likes else 0.2):
                    at += timedelta(minutes=float(rng.uniform(1, 20)))
                    yield Event(f"o-{send}", user, EventType.OPEN, at, send_id=send)
                    if number % 2:
                        at += timedelta(seconds=5)
                        yield Event(f"c-{send}", user, EventType.CLICK, at, send_id=send)


@pytest.fixture
def own_log(home: Path, tmp_path: Path) -> Path:
    """A home with the log of a sender, and no model."""
    pq.write_table(event_table(list(events())), tmp_path / "events.parquet")
    with closing(open_app(Settings(home=home))) as app:
        app.as_owner_of(DEFAULT_TENANT).events.import_files(
            [tmp_path / "events.parquet"], progress=lambda _path, _rows: None
        )
    return home


@pytest.fixture
def environment(own_log: Path) -> dict[str, str]:
    return {"SENDOPT_HOME": str(own_log), "COLUMNS": "80", "UV_OFFLINE": "1"}


@pytest.fixture
def with_own_packages(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A virtual environment that packages may be put into; sendopt is there already."""
    mine, ours = tmp_path / "venv", Path(sys.prefix)
    venv.create(mine, symlinks=True)
    (site,) = mine.glob("lib/python*/site-packages")
    (theirs,) = ours.glob("lib/python*/site-packages")
    (site / "sendopt.pth").write_text(f"import site; site.addsitedir({str(theirs)!r})\n")
    command = mine / "bin" / "sendopt"
    command.write_text(f"#!{mine}/bin/python\nfrom sendopt.cli import main\nmain()\n")
    command.chmod(0o755)
    path = f"{mine}/bin:{ours}/bin:{os.environ['PATH']}"
    return {**environment, "VIRTUAL_ENV": str(mine), "PATH": path}


@pytest.mark.slow  # it installs a package into an environment of its own
def test_a_family_is_added_by_a_package_of_ones_own(
    with_own_packages: dict[str, str], own_log: Path, tmp_path: Path
) -> None:
    with (
        closing(open_app(Settings(home=own_log))) as app,
        app.reader(DEFAULT_TENANT) as log,
    ):
        serves = trained_as(FAMILIES["population"], log, until=BEGIN + timedelta(days=27))
        recorded = app.registry.record(DEFAULT_TENANT, serves, params={}, tags={})
        now = SystemClock().now()
        app.registry.promote(DEFAULT_TENANT, recorded.number, by="tests", reason="", now=now)
    folder = tmp_path / "work"
    folder.mkdir()
    said = Reader(folder, with_own_packages).follow("adding-a-model-family.md")
    card = said["sendopt models show challenger"]
    assert "- Family weekend_hours." in card
    assert "- Best hours: 8:00 on weekdays, 20:00 on weekends." in card
    assert "- Set otherwise than as shipped: prior_moments = 50.0." in card
    compared = said["sendopt models compare champion challenger"]
    assert "population" in compared
    assert "weekend_hours" in compared


@pytest.mark.slow  # trains twice, in processes of their own
def test_a_feature_is_added_by_a_line(environment: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "work"
    reader = Reader(folder, environment | copy_of_the_repository(folder))
    said = reader.follow("adding-a-feature.md")
    assert "clicks_28d" in said["sendopt models show 2"]
    assert "log loss" in said["sendopt models compare 1 2"]
