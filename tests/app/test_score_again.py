"""Scores after a day: whoever has news is scored as in full, and all others keep what they had."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from examples import at_most
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.app import App, open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import VirtualClock
from sendopt.errors import StoreFailure
from sendopt.features import AsOfView, Population
from sendopt.log import event_table
from sendopt.records import Event, EventType
from sendopt.score import ScoreStore, score_weeks
from sendopt.score.renewal import LONGEST_KEPT
from sendopt.score.store import delta_of
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
    return app.as_owner_of(DEFAULT_TENANT).scores.current()


def ids(store: ScoreStore) -> list[str]:
    users: list[str] = store.user_ids.to_pylist()
    return users


def append(app: App, events: list[Event]) -> None:
    with app.log.appender() as appender:
        appender.append(DEFAULT_TENANT, event_table(events))


def session(
    user: str, at: datetime, name: str = "", *, kind: EventType = EventType.SESSION
) -> Event:
    return Event(
        event_id=f"{name}{user}-{at.isoformat()}",
        user_id=user,  # type: ignore[arg-type]
        event_type=kind,
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


@st.composite
def days_of_news(draw: st.DrawFn) -> list[tuple[set[int], int]]:
    """Return of some days the numbers of who has news; numbers from 1,000 on are newcomers."""
    users = st.sets(st.integers(0, 100) | st.integers(1_000, 1_002), min_size=1, max_size=12)
    return draw(st.lists(st.tuples(users, st.integers(0, 200)), min_size=1, max_size=3))


@settings(
    max_examples=at_most(4),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(days=days_of_news(), kind=st.sampled_from([EventType.SESSION, EventType.OPT_OUT]))
def test_who_has_news_is_scored_as_in_full_and_nobody_else_is(
    app: App, clock: VirtualClock, days: list[tuple[set[int], int]], kind: EventType
) -> None:
    app.as_owner_of(DEFAULT_TENANT).scores.compute(full=True)
    full = stored(app)
    known = ids(full)
    scored = {user: (full, full.find(user), clock.now()) for user in known}  # type: ignore[arg-type]
    expected: dict[str, np.ndarray] = {}
    for numbers, hours_ago in days:
        clock.advance(timedelta(days=1))
        told = {
            known[number % len(known)] if number < 1_000 else f"{len(known)}-{number}"
            for number in numbers
        }
        # News may be of any time, also of long before the last run.
        at = clock.now() - (1 + hours_ago) * HOUR
        append(app, [session(user, at, f"{clock.now()}-", kind=kind) for user in told])
        report = app.as_owner_of(DEFAULT_TENANT).scores.compute()
        after = stored(app)
        users = sorted(scored.keys() | told)
        assert (report.computed, report.in_full_because) == (len(told), None)
        assert report.users == report.computed + report.kept == len(after) == len(users)
        assert ids(after) == users
        weeks = in_full(app, after, clock.now())
        for number, user in enumerate(users):
            if user in told:
                scored[user] = (after, after.find(user), clock.now())  # type: ignore[arg-type]
                expected[user] = weeks[number]
    for row, user in zip(after.rows, ids(after), strict=True):
        then, there, as_of = scored[user]
        assert there is not None
        assert after.find(user) == row  # type: ignore[arg-type]
        assert after.best(row, 168) == then.best(there, 168)
        assert after.zone(row) == then.zone(there)
        assert after.as_of_text(row) == f"{as_of:%Y-%m-%dT%H:%M:%SZ}"
        if user in expected:
            found = after.logits(np.array([row]))[0]
            assert found == pytest.approx(expected[user], abs=LARGEST_ERROR)
            assert after.zone(row) == "Asia/Tokyo" or user in known


@pytest.mark.slow
def test_a_full_run_begins_anew_and_the_news_before_it_count_no_longer(
    app: App, clock: VirtualClock
) -> None:
    app.as_owner_of(DEFAULT_TENANT).scores.compute()
    user = ids(stored(app))[2]
    append(app, [session(user, clock.now() - HOUR)])
    clock.advance(HOUR)
    assert app.as_owner_of(DEFAULT_TENANT).scores.compute().computed == 1
    both = stored(app)
    former = delta_of(both.path).read_bytes()
    assert both.delta is not None
    report = app.as_owner_of(DEFAULT_TENANT).scores.compute(full=True)
    alone = stored(app)
    assert not delta_of(both.path).exists()
    assert (report.kept, alone.delta, alone.about.runs) == (0, None, (clock.now(),))
    delta_of(both.path).write_bytes(former)  # as a crash before it was removed leaves it
    assert stored(app).about == alone.about
    clock.advance(HOUR)
    append(app, [session(user, clock.now() - timedelta(minutes=1), "again-")])
    assert app.as_owner_of(DEFAULT_TENANT).scores.compute().computed == 1
    assert stored(app).about.runs == (clock.now() - HOUR, clock.now())


def test_what_is_damaged_of_the_news_is_found_and_everybody_is_written_anew(
    app: App, clock: VirtualClock
) -> None:
    app.as_owner_of(DEFAULT_TENANT).scores.compute()
    append(app, [session(ids(stored(app))[1], clock.now() - HOUR)])
    app.as_owner_of(DEFAULT_TENANT).scores.compute()
    with delta_of(stored(app).path).open("r+b") as file:
        file.seek(-100, 2)
        file.write(b"damage")
    with pytest.raises(StoreFailure) as refusal:
        stored(app)
    assert refusal.value.code == "scores_unreadable"
    assert app.as_owner_of(DEFAULT_TENANT).scores.compute().kept == 0
    assert app.as_owner_of(DEFAULT_TENANT).scores.compute().computed == 0


def test_beside_the_same_day_of_everybody_it_is_the_full_run(app: App, clock: VirtualClock) -> None:
    app.as_owner_of(DEFAULT_TENANT).scores.compute(full=True)
    user = ids(stored(app))[3]
    clock.advance(HOUR)
    append(app, [session(user, clock.now() - timedelta(minutes=5))])
    assert app.as_owner_of(DEFAULT_TENANT).scores.compute().computed == 1
    again = stored(app)
    app.as_owner_of(DEFAULT_TENANT).scores.compute(full=True)
    full = stored(app)
    row = full.find(user)  # type: ignore[arg-type]
    assert row is not None
    there = again.find(user)  # type: ignore[arg-type]
    assert there is not None
    assert again.logits(np.array([there])) == pytest.approx(
        full.logits(np.array([row])), abs=2 * LARGEST_ERROR
    )


def test_what_was_there_but_not_yet_to_be_used_is_news(app: App, clock: VirtualClock) -> None:
    app.as_owner_of(DEFAULT_TENANT).scores.compute(full=True)
    user = ids(stored(app))[5]
    append(app, [session(user, clock.now() + 2 * HOUR)])
    assert (
        app.as_owner_of(DEFAULT_TENANT).scores.compute().computed == 1
    )  # it was appended, though nothing happened yet
    clock.advance(HOUR)
    assert app.as_owner_of(DEFAULT_TENANT).scores.compute().computed == 0
    clock.advance(2 * HOUR)
    assert app.as_owner_of(DEFAULT_TENANT).scores.compute().computed == 1


def test_everybody_is_scored_anew_after_a_week_or_when_asked_or_when_most_have_news(
    app: App, clock: VirtualClock
) -> None:
    assert (
        app.as_owner_of(DEFAULT_TENANT).scores.compute().in_full_because
        == "no scores of this model are stored"
    )
    assert (
        app.as_owner_of(DEFAULT_TENANT).scores.compute(full=True).in_full_because
        == "it was asked for"
    )
    clock.advance(LONGEST_KEPT - timedelta(seconds=1))
    assert app.as_owner_of(DEFAULT_TENANT).scores.compute().computed == 0
    clock.advance(timedelta(seconds=1))
    report = app.as_owner_of(DEFAULT_TENANT).scores.compute()
    assert (report.kept, report.in_full_because) == (0, "the stored scores are of 7 days ago")
    users = ids(stored(app))
    append(app, [session(user, clock.now() - HOUR, "many-") for user in users[1::2] + users[:2]])
    assert (
        app.as_owner_of(DEFAULT_TENANT).scores.compute().in_full_because == "most users have news"
    )


def test_a_damaged_store_is_written_anew(app: App) -> None:
    report = app.as_owner_of(DEFAULT_TENANT).scores.compute()
    with Path(report.store).open("r+b") as file:
        file.seek(-100, 2)
        file.write(b"damage")
    report = app.as_owner_of(DEFAULT_TENANT).scores.compute()
    assert (report.kept, report.in_full_because) == (
        0,
        f"{Path(report.store).name} was changed or cut short since it was written",
    )
    assert app.as_owner_of(DEFAULT_TENANT).scores.compute().computed == 0


def test_the_copy_holds_kept_scores_too(app: App, clock: VirtualClock, tmp_path: Path) -> None:
    app.as_owner_of(DEFAULT_TENANT).scores.compute(out=tmp_path / "full.parquet")
    user = ids(stored(app))[0]
    append(app, [session(user, clock.now() - HOUR)])
    app.as_owner_of(DEFAULT_TENANT).scores.compute(out=tmp_path / "again.parquet")
    full = pq.read_table(tmp_path / "full.parquet").to_pandas()
    again = pq.read_table(tmp_path / "again.parquet").to_pandas()
    assert len(full) == len(again)
    kept = full["user_id"] != user
    assert np.allclose(full["open_probability"][kept], again["open_probability"][kept], atol=1e-6)


def test_the_scores_that_serve_stay_though_others_were_written_later_by_their_times(
    app: App,
) -> None:
    serving = Path(app.as_owner_of(DEFAULT_TENANT).scores.compute().store)
    for number, name in enumerate(["one", "another"], 1):
        written = shutil.copy(serving, serving.with_name(f"{name}.scores"))
        tomorrow = serving.stat().st_mtime + number * 86_400
        os.utime(written, (tomorrow, tomorrow))  # as a clock leaves them that was set back since
    app.as_owner_of(DEFAULT_TENANT).scores.compute(full=True)
    assert sorted(path.name for path in serving.parent.iterdir()) == sorted(
        [serving.name, "another.scores"]
    )


def test_scores_that_know_more_than_the_log_are_made_anew(
    app: App, clock: VirtualClock, tmp_path: Path
) -> None:
    app.close()
    older = shutil.copytree(tmp_path / "home" / "log", tmp_path / "older log")
    append(app, [session("newcomer", clock.now() - HOUR)])
    assert app.as_owner_of(DEFAULT_TENANT).scores.compute().users == len(ids(stored(app)))
    app.close()
    shutil.rmtree(tmp_path / "home" / "log")
    shutil.copytree(older, tmp_path / "home" / "log")
    clock.advance(HOUR)
    report = app.as_owner_of(DEFAULT_TENANT).scores.compute()
    assert report.in_full_because is not None
    assert "older copy" in report.in_full_because
    assert "newcomer" not in ids(stored(app))
