"""Scores after a day: whoever has news is scored as in full, and all others keep what they had."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.app import App, open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import VirtualClock
from sendopt.features import AsOfView, Population
from sendopt.log import event_table
from sendopt.records import Event, EventType
from sendopt.score import ScoreStore, score_weeks
from sendopt.score.renewal import LONGEST_KEPT
from sendopt.score.store_file import LARGEST_ERROR
from sendopt.settings import Settings

STUDY_IS_OVER = datetime(2025, 3, 20, tzinfo=UTC)
SINCE = timedelta(days=2)  # by when every send of the study may be used
HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(STUDY_IS_OVER + SINCE)


@pytest.fixture
def app(trained_home: Path, tmp_path: Path, clock: VirtualClock) -> Iterator[App]:
    shutil.copytree(trained_home, tmp_path / "home")
    with closing(open_app(Settings(home=tmp_path / "home"), clock=clock)) as app:
        yield app


def stored(app: App) -> ScoreStore:
    return app.current_scores(DEFAULT_TENANT)


def ids(store: ScoreStore) -> list[str]:
    users: list[str] = store.user_ids.to_pylist()
    return users


def append(app: App, events: list[Event]) -> None:
    with app.log.appender() as appender:
        appender.append(DEFAULT_TENANT, event_table(events))


def session(user: str, at: datetime, name: str = "") -> Event:
    return Event(
        event_id=f"{name}{user}-{at.isoformat()}",
        user_id=user,  # type: ignore[arg-type]
        event_type=EventType.SESSION,
        occurred_at=at,
        timezone="Asia/Tokyo",
    )


def in_full(app: App, store: ScoreStore, as_of: datetime) -> np.ndarray:
    """Return the weeks of everybody by the whole log, beside what the store says of everybody."""
    model = app.registry.champion(DEFAULT_TENANT)
    assert store.about.everybody is not None
    with app.reader(DEFAULT_TENANT) as reader:
        everybody = Population.read(store.about.everybody).for_days(LONGEST_KEPT.days + 1)
        view = AsOfView(reader, model.target, everybody)
        weeks = score_weeks(model, view, store.user_ids.cast("string"), as_of=as_of)
        return np.vstack([some.logit for some in weeks])


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    some=st.sets(st.integers(0, 100), min_size=1, max_size=20),
    hours_ago=st.integers(0, 200),
    newcomers=st.integers(0, 2),
)
def test_who_has_news_is_scored_as_in_full_and_nobody_else_is(
    app: App, clock: VirtualClock, some: set[int], hours_ago: int, newcomers: int
) -> None:
    app.score(DEFAULT_TENANT, full=True)
    before = stored(app)
    first_as_of = clock.now()
    users = ids(before)
    clock.advance(timedelta(days=1))
    told = {users[number % len(users)] for number in some}
    told |= {f"newcomer-{hours_ago}-{number}" for number in range(newcomers)}
    # News may be of any time, also of long before the last run.
    append(app, [session(user, clock.now() - (1 + hours_ago) * HOUR) for user in told])
    report = app.score(DEFAULT_TENANT)
    after = stored(app)
    assert (report.computed, report.in_full_because) == (len(told), None)
    assert report.users == report.computed + report.kept == len(set(users) | told)
    expected = in_full(app, after, clock.now())
    for row, user in enumerate(ids(after)):
        found = after.logits(slice(row, row + 1))[0]
        if user in told:
            assert found == pytest.approx(expected[row], abs=LARGEST_ERROR)
            assert after.as_of_text(row) == f"{clock.now():%Y-%m-%dT%H:%M:%SZ}"
            assert after.zone(row) == "Asia/Tokyo" or user in users
        else:
            there = before.find(user)  # type: ignore[arg-type]
            assert there is not None
            assert after.best(row, 168) == before.best(there, 168)
            assert after.as_of_text(row) == f"{first_as_of:%Y-%m-%dT%H:%M:%SZ}"
            assert after.zone(row) == before.zone(there)


def test_beside_the_same_day_of_everybody_it_is_the_full_run(app: App, clock: VirtualClock) -> None:
    app.score(DEFAULT_TENANT, full=True)
    user = ids(stored(app))[3]
    clock.advance(HOUR)
    append(app, [session(user, clock.now() - timedelta(minutes=5))])
    assert app.score(DEFAULT_TENANT).computed == 1
    again = stored(app)
    app.score(DEFAULT_TENANT, full=True)
    full = stored(app)
    row = full.find(user)  # type: ignore[arg-type]
    assert row is not None
    rows = slice(row, row + 1)
    assert again.logits(rows) == pytest.approx(full.logits(rows), abs=2 * LARGEST_ERROR)


def test_what_was_there_but_not_yet_to_be_used_is_news(app: App, clock: VirtualClock) -> None:
    app.score(DEFAULT_TENANT, full=True)
    user = ids(stored(app))[5]
    append(app, [session(user, clock.now() + 2 * HOUR)])
    assert app.score(DEFAULT_TENANT).computed == 1  # it was appended, though nothing happened yet
    clock.advance(HOUR)
    assert app.score(DEFAULT_TENANT).computed == 0
    clock.advance(2 * HOUR)
    assert app.score(DEFAULT_TENANT).computed == 1


def test_everybody_is_scored_anew_after_a_week_or_when_asked_or_when_most_have_news(
    app: App, clock: VirtualClock
) -> None:
    assert app.score(DEFAULT_TENANT).in_full_because == "no scores of this model are stored"
    assert app.score(DEFAULT_TENANT, full=True).in_full_because == "it was asked for"
    clock.advance(LONGEST_KEPT - timedelta(seconds=1))
    assert app.score(DEFAULT_TENANT).computed == 0
    clock.advance(timedelta(seconds=1))
    report = app.score(DEFAULT_TENANT)
    assert (report.kept, report.in_full_because) == (0, "the stored scores are of 7 days ago")
    users = ids(stored(app))
    append(app, [session(user, clock.now() - HOUR, "many-") for user in users[1::2] + users[:2]])
    assert app.score(DEFAULT_TENANT).in_full_because == "most users have news"


def test_a_damaged_store_is_written_anew(app: App) -> None:
    report = app.score(DEFAULT_TENANT)
    with Path(report.store).open("r+b") as file:
        file.seek(-100, 2)
        file.write(b"damage")
    assert app.score(DEFAULT_TENANT).kept == 0
    assert app.score(DEFAULT_TENANT).computed == 0


def test_the_copy_holds_kept_scores_too(app: App, clock: VirtualClock, tmp_path: Path) -> None:
    app.score(DEFAULT_TENANT, out=tmp_path / "full.parquet")
    user = ids(stored(app))[0]
    append(app, [session(user, clock.now() - HOUR)])
    app.score(DEFAULT_TENANT, out=tmp_path / "again.parquet")
    full = pq.read_table(tmp_path / "full.parquet").to_pandas()
    again = pq.read_table(tmp_path / "again.parquet").to_pandas()
    assert len(full) == len(again)
    kept = full["user_id"] != user
    assert np.allclose(full["open_probability"][kept], again["open_probability"][kept], atol=1e-6)
