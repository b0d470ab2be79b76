"""Arms against each other, in all and by week: what is said, and what is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from sendopt.evaluate import arm_lift, lift
from sendopt.evaluate.arm_lift import ArmTrial, Comparison, Direction, Stratum, comparisons
from sendopt.evaluate.lift import Conclusion, Lift

NAMES = ("optimised", "configured", "random", "no_send")
SHARES = {"optimised": 0.4, "configured": 0.3, "random": 0.2, "no_send": 0.1}
MONDAY = date(2026, 10, 5)


def a_trial(
    *,
    users: int = 1000,
    gains: tuple[float, ...] = (0.0,) * 6,
    shares: dict[str, float] = SHARES,
    drawn_by: dict[str, float] | None = None,
    given: bool = False,
    seed: int = 1,
) -> ArmTrial:
    """One campaign a week; those optimised answer more by the week's gain."""
    rng = np.random.default_rng(seed)
    chances = drawn_by or shares
    arm_of = rng.choice([NAMES.index(name) for name in chances], users, p=list(chances.values()))
    habit = np.clip(rng.normal(0.4, 0.15, users), 0.05, 0.8)
    weeks = len(gains)
    user, week = np.repeat(np.arange(users), weeks), np.tile(np.arange(weeks), users)
    arm = arm_of[user]
    chance = habit[user] + np.array(gains)[week] * (arm == 0)
    answered = (rng.random(len(user)) < chance) & (arm != NAMES.index("no_send"))
    nothing = np.zeros(len(user))
    return ArmTrial(
        strata=[
            Stratum(shares, given, MONDAY + timedelta(weeks=number)) for number in range(weeks)
        ],
        stratum=week,
        user=user,
        arm=arm,
        names=NAMES,
        sent=np.ones(len(user)),
        answered=answered.astype(np.float64),
        dismissed=nothing,
        opted_out=nothing,
        before=np.full(len(user), np.nan),
    )


def told(trial: ArmTrial, **given: frozenset[str]) -> dict[tuple[str, str], Comparison]:
    found = comparisons(trial, effect=0.02, **given)
    return {(each.arm, each.against): each for each in found}


def test_every_arm_is_held_against_every_other_once() -> None:
    found = told(a_trial(gains=(0.2,) * 6))
    assert len(found) == 6
    assert found["optimised", "configured"].conclusion is Conclusion.BETTER
    assert found["optimised", "random"].conclusion is Conclusion.BETTER
    assert found["configured", "random"].conclusion is Conclusion.NOT_YET_KNOWN
    assert {each.label for each in found.values()} == {"causal"}
    assert found["optimised", "random"].users.keys() == {"optimised", "random"}


def test_a_pair_is_compared_as_a_holdout_is() -> None:
    shares = {"optimised": 0.6, "configured": 0.4}
    trial = a_trial(gains=(0.1,) * 4, shares=shares)
    (found,) = comparisons(trial, effect=0.02)
    whole = lift.report(trial.two(*shares, among=np.ones(4, np.bool_)), effect=0.02)
    assert isinstance(whole, Lift)
    assert found.answered is not None
    assert found.answered.difference == whole.answered.difference
    assert (found.ratio_p_value, found.conclusion) == (whole.ratio_p_value, whole.conclusion)


def test_what_was_not_sent_is_not_asked_for_answers() -> None:
    found = told(a_trial(), sent_nothing=frozenset({"no_send"}))
    for pair, comparison in found.items():
        silent = "no_send" in pair
        assert (comparison.answered is None) == silent
        if silent:
            assert comparison.refusal is not None
            assert comparison.refusal.code == "outcome_needs_a_send"
            assert comparison.weeks == ()


def test_arms_that_the_caller_assigned_are_called_so_and_warned_of() -> None:
    """Half of those who should be at the configured time are somewhere else."""
    shares = {"optimised": 0.5, "configured": 0.5}
    missing = {"optimised": 2 / 3, "configured": 1 / 3}
    (fine,) = comparisons(a_trial(shares=shares, given=True), effect=0.02)
    assert fine.label == arm_lift.GIVEN
    assert (fine.warning, fine.refusal) == (None, None)
    (warned,) = comparisons(a_trial(shares=shares, drawn_by=missing, given=True), effect=0.02)
    assert warned.warning is not None
    assert warned.answered is not None
    (refused,) = comparisons(a_trial(shares=shares, drawn_by=missing), effect=0.02)
    assert refused.refusal is not None
    assert refused.refusal.code == "sample_ratio_mismatch"
    assert refused.answered is None


def test_hashed_and_given_arms_are_never_mixed() -> None:
    trial = a_trial(shares={"optimised": 0.5, "configured": 0.5})
    strata = [replace(each, given=number >= 3) for number, each in enumerate(trial.strata)]
    found = comparisons(replace(trial, strata=strata), effect=0.02)
    assert [each.label for each in found] == [arm_lift.CAUSAL, arm_lift.GIVEN]
    assert [len(each.weeks) for each in found] == [3, 3]


@pytest.mark.parametrize(
    ("gains", "direction"),
    [
        ((0.0, 0.05, 0.1, 0.15, 0.2, 0.25), Direction.RISING),
        ((0.25, 0.2, 0.15, 0.1, 0.05, 0.0), Direction.FALLING),
        ((0.1,) * 6, Direction.NOT_YET_KNOWN),
    ],
)
def test_the_weeks_tell_where_a_difference_has_gone(
    gains: tuple[float, ...], direction: Direction
) -> None:
    found = told(a_trial(users=3000, gains=gains))["optimised", "configured"]
    assert [week.begins_on for week in found.weeks] == [
        MONDAY + timedelta(weeks=number) for number in range(6)
    ]
    for week, gain in zip(found.weeks, gains, strict=True):
        assert week.answered.difference is not None
        assert week.answered.difference.low < gain < week.answered.difference.high
    assert found.trend is not None
    assert (found.trend.direction, found.trend.weeks) == (direction, 6)
    slope = (gains[-1] - gains[0]) / 5
    assert found.trend.change_per_week.low < slope < found.trend.change_per_week.high
    assert "nothing of weeks to come" in found.trend.label


def test_a_week_that_is_not_over_counts_in_all_and_not_by_itself() -> None:
    trial = a_trial()
    strata = [*trial.strata[:5], replace(trial.strata[5], week=None)]
    open_ended = told(replace(trial, strata=strata))["optimised", "configured"]
    whole = told(trial)["optimised", "configured"]
    assert open_ended.answered == whole.answered
    assert open_ended.weeks == whole.weeks[:5]


def test_two_weeks_are_no_trend() -> None:
    assert told(a_trial(gains=(0.1, 0.2)))["optimised", "configured"].trend is None


def test_the_trends_interval_holds_the_truth_as_often_as_it_says() -> None:
    held = []
    for seed in range(200):
        trial = a_trial(
            users=150,
            gains=(0.0, 0.02, 0.04, 0.06),
            shares={"optimised": 0.5, "configured": 0.5},
            seed=seed,
        )
        (found,) = comparisons(trial, effect=0.02)
        assert found.trend is not None
        change = found.trend.change_per_week
        held.append(change.low <= 0.02 <= change.high)
    assert abs(np.mean(held) - 0.95) < 3.5 * (0.95 * 0.05 / 200) ** 0.5
