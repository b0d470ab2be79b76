"""What a planted tenant's log shows is what was planted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.parquet as pq
import pytest
from lattice import answers, tenant
from lattice.arrays import DAY, HOUR, HOURS
from lattice.local_time import Clocks, hour_of
from lattice.world import World
from lattice.worlds import Half, Planted, lattice
from scipy import stats

SEED = 20261129
ALL = {planted.name: planted for half in Half for planted in lattice(half, large=True)}
ONCE_A_HUNDRED_THOUSAND = 1e-5  # a false alarm; seeds are fixed


def bigger(name: str, users: int = 2000) -> World:
    return replace(ALL[name].world, users=users)


@pytest.mark.parametrize(
    "name",
    [
        "default",
        "glances",
        "weekend",
        "rotating_shifts",
        "moved",
        "platforms",
        "message_types",
        "quarter_zones",
        "two_peaks_glances",
        "confounded",
        "many_sends",
    ],
)
def test_sends_are_answered_with_the_planted_probability_in_every_hour(name: str) -> None:
    world = bigger(name)
    for cohort, recorded, _ in tenant.drawn(world, SEED):
        sends = recorded.sends
        planted = answers.probability(
            cohort, sends.user, sends.at, sends.message_type, sends.readiness
        )
        opened = np.full(len(sends), np.inf)
        opened[recorded.open_of] = recorded.open_at
        answered = opened - sends.at < world.window.total_seconds()
        rows = sends.at < world.end.timestamp() - world.window.total_seconds()
        hour = hour_of(cohort.local(sends.user, sends.at)).astype(int)[rows]
        gap = np.bincount(hour, (answered - planted)[rows], HOURS)
        variance = np.bincount(hour, (planted * (1.0 - planted))[rows], HOURS)
        sent = variance > 0.0
        z = gap[sent] / np.sqrt(variance[sent])
        assert stats.chi2.sf((z**2).sum(), len(z)) > ONCE_A_HUNDRED_THOUSAND, z
        assert abs(gap.sum()) < 4.5 * np.sqrt(variance.sum())


@pytest.mark.parametrize("name", ["default", "weekend", "sharp", "wrong_hours", "two_peaks"])
def test_sessions_follow_the_planted_activity(name: str) -> None:
    for cohort, recorded, _ in tenant.drawn(bigger(name, users=500), SEED):
        user = recorded.session_user
        local = cohort.local(user, recorded.session_at)
        midnight = np.floor(local / DAY) * DAY
        for hours in (6.0, 12.0, 18.0):  # from midnight on
            planted = cohort.activity(user, midnight, hours)
            seen = local - midnight < hours * HOUR
            z = (seen.sum() - planted.sum()) / np.sqrt((planted * (1.0 - planted)).sum())
            assert 2.0 * stats.norm.sf(abs(z)) > ONCE_A_HUNDRED_THOUSAND


def test_what_is_judged_is_the_mean_over_days_of_unknown_readiness() -> None:
    rng = np.random.default_rng(SEED)
    for cohort, _, _ in tenant.drawn(bigger("confounded", users=20), SEED):
        user, kind = np.repeat(np.arange(len(cohort)), 5000), np.zeros(5000 * len(cohort), int)
        at = np.full(len(user), cohort.world.end.timestamp() + DAY + 18.5 * HOUR)
        days = 1.5 * rng.standard_normal(len(user))
        drawn = answers.probability(cohort, user, at, kind, days).reshape(len(cohort), -1)
        planted = answers.expected_probability(cohort, user[::5000], at[::5000], kind[::5000])
        error = drawn.std(axis=1) / np.sqrt(drawn.shape[1])
        assert (np.abs(drawn.mean(axis=1) - planted) < 4.5 * error).all()


def test_only_sessions_are_answered_by_presence() -> None:
    world = bigger("only_sessions")
    for cohort, recorded, _ in tenant.drawn(world, SEED):
        at = np.full(len(cohort), world.begin.timestamp() + 30 * DAY + 17.25 * HOUR)
        user, none = np.arange(len(cohort)), np.zeros(len(cohort), np.int64)
        planted = answers.probability(cohort, user, at, none, np.zeros(len(cohort)))
        since = recorded.session_at - at[recorded.session_user]
        there = recorded.session_user[(since >= 0) & (since < world.window.total_seconds())]
        seen = len(np.unique(there))
        z = (seen - planted.sum()) / np.sqrt((planted * (1.0 - planted)).sum())
        assert 2.0 * stats.norm.sf(abs(z)) > ONCE_A_HUNDRED_THOUSAND


def test_a_logged_propensity_is_the_share_of_sends_in_that_hour() -> None:
    for name in ("confounded_logged", "informed_sender", "favourite_hour"):
        for cohort, recorded, _ in tenant.drawn(bigger(name), SEED):
            sends = recorded.sends
            sender = cohort.world.sender
            assert sender is not None
            assert sender.logs_propensity
            # Summed over sends, 1 / propensity in one hour estimates the number of all sends.
            hour = hour_of(cohort.local(sends.user, sends.at)).astype(int)
            for each in sender.hours:
                weights = 1.0 / sends.propensity[hour == each]
                error = np.sqrt((weights * (weights - 1.0)).sum())
                assert abs(weights.sum() - len(sends)) < 6.0 * error + 30.0, (name, each)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"])
def test_clocks_show_what_the_zone_database_says_round_its_changes(zone: str) -> None:
    begin, end = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 20, tzinfo=UTC)
    clocks = Clocks((zone,), begin, end)
    instants = [begin + timedelta(minutes=7 + 15 * step) for step in range(49 * 96)]
    at = np.array([each.timestamp() for each in instants])
    local = clocks.local(np.zeros(len(at), np.int64), at)
    shown = [each.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC).timestamp() for each in instants]
    assert np.array_equal(local, shown)
    back = clocks.instant(np.zeros(len(at), np.int64), local)
    assert (np.abs(back - at) <= HOUR).all()  # an hour that comes twice is one of both
    assert (back != at).sum() <= 4, "one hour comes twice, at most"


def test_a_log_depends_on_the_seed_alone(tmp_path) -> None:
    def log(users: int, seed: int, name: str):
        (folder := tmp_path / name).mkdir()
        written = tenant.write(bigger("default", users), folder, seed=seed, judged=10)
        return pq.read_table(written.log)

    assert log(50, 1, "a").equals(log(50, 1, "b"))
    assert not log(50, 1, "c").equals(log(50, 2, "d"))


def test_names_are_unique_and_halves_are_disjoint() -> None:
    halves = [{planted.name for planted in lattice(half, large=True)} for half in Half]
    assert not halves[0] & halves[1]
    assert len(halves[0]) == len(halves[1])
    assert len({planted.seed for planted in ALL.values()}) == len(ALL)


@pytest.mark.parametrize("name", sorted(ALL))
def test_no_rule_is_above_the_oracle_and_every_row_keeps_the_contract(name: str, tmp_path) -> None:
    from lattice import figures, judge

    planted: Planted = ALL[name]
    small = replace(planted.world, users=min(planted.world.users, 60))
    written = tenant.write(small, tmp_path, seed=planted.seed, judged=20)
    truth, user = written.questions.probability, written.questions.user[:, 0]
    assert ((truth > 0.0) & (truth < 1.0)).all()
    for score in judge.simple_scores(written).values():
        assert score.shape == (len(user), HOURS)
        assert figures.value(score, truth, user).share <= 1.0
    assert figures.value(truth, truth, user).share == pytest.approx(1.0)
    log = pq.read_table(written.log)
    assert len(set(log["event_id"].to_pylist())) == len(log)
    assert log["user_id"].null_count == log["occurred_at"].null_count == 0
