"""Between plan and send a country changes its clocks, and the database of zones is updated."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
import tzdata
from deliver.test_transitions import a_send

from sendopt import clock
from sendopt.deliver.retry import RetryPolicy
from sendopt.deliver.transitions import before_attempt
from sendopt.records import DueSend, Exclusion, Moved, QuietHours

RETRY = RetryPolicy(first=timedelta(0), longest=timedelta(0), max_attempts=3)
NIGHT = QuietHours(time(22), time(8))
PACKAGE = Path(tzdata.__file__).parent


@pytest.fixture
def update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Put another release of the database in place, in which a zone has the clocks of another."""

    def put(zone: str, *, like: str, release: str) -> None:
        folder = tmp_path / "tzdata"
        shutil.copytree(PACKAGE, folder)
        shutil.copy(folder / "zoneinfo" / like, folder / "zoneinfo" / zone)
        spec = importlib.util.spec_from_file_location("tzdata", folder / "__init__.py")
        newer = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(newer)
        newer.IANA_VERSION = release
        monkeypatch.setattr(clock, "tzdata", newer)
        start_anew()

    yield put
    monkeypatch.undo()
    start_anew()


def start_anew() -> None:
    """Forget what a process reads once: an update takes a new one."""
    for kept in (clock.zone_names, clock.zone_at, clock._packaged_zone):
        kept.cache_clear()


def planned_for(hour: int, minute: int) -> DueSend:
    """A send that is due when it is so late in Vienna, by the clocks as they were at planning."""
    local = datetime(2026, 12, 10, hour, minute, tzinfo=clock.zone_of("Europe/Vienna"))
    due_at = local.astimezone(UTC)
    return replace(
        a_send(),
        due_at=due_at,
        expires_at=due_at + timedelta(hours=12),
        timezone="Europe/Vienna",
        quiet_hours=NIGHT,
    )


def test_the_instant_is_the_promise_and_the_night_is_that_of_the_new_clocks(
    update: Callable[..., None],
) -> None:
    evening, late = planned_for(18, 0), planned_for(21, 30)
    for send in (evening, late):
        assert before_attempt(send, now=send.due_at, retry=RETRY) is None
    update("Europe/Vienna", like="Europe/Helsinki", release="2027z")
    assert clock.zone_database() == "2027z"
    # 19:00 by now, and sent when it was promised.
    assert before_attempt(evening, now=evening.due_at, retry=RETRY) is None
    assert before_attempt(evening, now=evening.due_at - timedelta(hours=1), retry=RETRY) is not None
    # 22:30 by now: it is night, until eight by the new clocks.
    morning = datetime(2026, 12, 11, 6, tzinfo=UTC)
    assert before_attempt(late, now=late.due_at, retry=RETRY) == Moved(
        morning, Exclusion.QUIET_HOURS
    )
