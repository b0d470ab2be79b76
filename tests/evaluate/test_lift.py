"""The lift report on plain arrays: what it says, what it refuses, what it is blind to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendopt.evaluate import arms, lift
from sendopt.evaluate.arms import HoldoutTrial
from sendopt.evaluate.lift import Conclusion, Lift
from sendopt.evaluate.refusal import Refusal


def a_trial(
    *,
    users: int = 400,
    sends: int = 10,
    effect: float = 0.0,
    spread: float = 0.15,
    share: float = 0.5,
    seed: int = 1,
) -> HoldoutTrial:
    """Users of different habits, each sent to `sends` times; optimised ones answer more."""
    rng = np.random.default_rng(seed)
    habit = np.clip(rng.normal(0.4, spread, users), 0.05, 0.85)
    optimised = rng.random(users) >= share
    user = np.repeat(np.arange(users), sends)
    answered = rng.random(len(user)) < habit[user] + effect * optimised[user]
    past = rng.binomial(20, habit) / 20
    return HoldoutTrial(
        user=user,
        optimised=optimised[user],
        holdout_share=np.full(len(user), share),
        sent=np.ones(len(user)),
        answered=answered.astype(np.float64),
        dismissed=(rng.random(len(user)) < 0.05).astype(np.float64),
        opted_out=(rng.random(len(user)) < 0.01).astype(np.float64),
        before=np.where(rng.random(users) < 0.9, past, np.nan)[user],
    )


def told(trial: HoldoutTrial, effect: float = 0.01) -> Lift:
    found = lift.report(trial, effect=effect)
    assert isinstance(found, Lift)
    return found


def test_a_large_effect_is_called_by_its_name_and_its_reverse_too() -> None:
    trial = a_trial(effect=0.15)
    better = told(trial)
    worse = told(replace(trial, optimised=~trial.optimised))
    assert (better.conclusion, worse.conclusion) == (Conclusion.BETTER, Conclusion.WORSE)
    assert better.answered.difference is not None
    assert worse.answered.difference is not None
    assert better.answered.difference.low == pytest.approx(-worse.answered.difference.high)
    assert better.answered.relative is not None
    assert better.answered.relative.low > 0
    assert better.needed is not None


@settings(max_examples=60, deadline=None)
@given(st.integers(80, 600), st.floats(-0.1, 0.15), st.floats(0.2, 0.8), st.integers(0, 2**32 - 1))
def test_the_relative_lift_leaves_0_out_if_and_only_if_the_difference_does(
    users: int, effect: float, share: float, seed: int
) -> None:
    found = lift.report(a_trial(users=users, effect=effect, share=share, seed=seed), effect=0.01)
    if not isinstance(found, Lift):
        return
    for contrast in (found.answered, found.dismissed, found.opted_out):
        difference, relative = contrast.difference, contrast.relative
        if difference is None or relative is None:
            continue
        assert (relative.low > 0.0) == (difference.low > 0.0)
        assert (relative.high < 0.0) == (difference.high < 0.0)
        assert relative.low <= relative.estimate <= relative.high


def test_the_relative_interval_knows_that_the_holdouts_share_is_unsure_too() -> None:
    """One send a user: the variance of a ratio of two shares is Katz's (1978)."""
    trial = a_trial(users=4000, sends=1, effect=0.15)
    found = told(replace(trial, before=np.full(len(trial), np.nan))).answered
    assert found.difference is not None
    assert found.relative is not None
    p, q = found.optimised, found.holdout
    n, m = trial.users(optimised=True), trial.users(optimised=False)
    of_difference = p * (1 - p) / n + q * (1 - q) / m
    of_ratio = (p / q) ** 2 * ((1 - p) / (n * p) + (1 - q) / (m * q))
    assert found.relative.estimate == pytest.approx(p / q - 1)
    widths = [each.high - each.low for each in (found.relative, found.difference)]
    assert widths[0] / widths[1] == pytest.approx(np.sqrt(of_ratio / of_difference), rel=2e-2)


def test_nothing_is_said_of_too_few() -> None:
    found = told(a_trial(users=40, sends=3))
    assert found.conclusion is Conclusion.NOT_YET_KNOWN
    assert (found.answered.difference, found.needed) == (None, None)
    silent = a_trial()
    nobody = told(replace(silent, answered=np.zeros(len(silent))))
    assert nobody.conclusion is Conclusion.NOT_YET_KNOWN
    assert nobody.answered.difference is None


def two_arms(users: int, sent: int, answered: int) -> HoldoutTrial:
    """An arm of as many users, sends and answers as are told, and one of plenty."""
    held = np.arange(users)
    rest = np.arange(users, users + 500)
    user = np.r_[held, np.full(sent - users, 0), rest]
    optimised = user >= users
    hit = np.r_[np.arange(sent) < answered, rest % 2 == 0]
    nothing = np.zeros(len(user))
    share = np.full(len(user), users / (users + 500))
    ones = np.ones(len(user))
    return HoldoutTrial(user, optimised, share, ones, hit * 1.0, nothing, nothing, nothing * np.nan)


@pytest.mark.parametrize(
    ("users", "sent", "answered", "speaks"),
    [
        (30, 60, 10, True),
        (29, 60, 10, False),
        (30, 60, 9, False),
        (30, 60, 50, True),
        (30, 60, 51, False),  # nine were left unanswered
    ],
)
def test_thirty_users_with_ten_answers_and_ten_silences_in_each_arm_are_enough(
    users: int, sent: int, answered: int, speaks: bool
) -> None:
    trial = two_arms(users, sent, answered)
    other = replace(trial, optimised=~trial.optimised, holdout_share=1.0 - trial.holdout_share)
    assert [told(each).answered.difference is not None for each in (trial, other)] == [speaks] * 2


@pytest.mark.parametrize("optimised", [True, False])
def test_without_two_arms_there_is_no_lift(optimised: bool) -> None:
    trial = a_trial()
    refused = lift.report(replace(trial, optimised=np.full(len(trial), optimised)), effect=0.01)
    assert isinstance(refused, Refusal)
    assert refused.code == "no_randomised_arms"
    nothing = lift.report(trial.rows(np.zeros(len(trial), bool)), effect=0.01)
    assert isinstance(nothing, Refusal)
    assert nothing.code == "no_randomised_arms"


def test_a_draw_that_went_wrong_is_refused() -> None:
    trial = a_trial(users=1000, share=0.1)
    assert isinstance(lift.report(trial, effect=0.01), Lift)
    lost = trial.rows(trial.optimised | (trial.user % 2 == 0))
    refused = lift.report(lost, effect=0.01)
    assert isinstance(refused, Refusal)
    assert refused.code == "sample_ratio_mismatch"
    assert "users held out" in refused.reason


def test_an_unlucky_draw_is_not_called_a_wrong_one() -> None:
    """One right draw in fifty is as far off as this one at some look."""
    trial = replace(two_arms(100, 200, 50), holdout_share=np.full(700, 0.23))
    assert 0.001 < arms.assignment_p_value(trial) < 0.05
    assert isinstance(lift.report(trial, effect=0.01), Lift)


def one_after_another(*trials: HoldoutTrial) -> HoldoutTrial:
    """Return the sends of several experiments, whose users are others each time."""
    first = np.cumsum([0, *(trial.user.max() + 1 for trial in trials)])
    apart = [replace(trial, user=trial.user + at) for trial, at in zip(trials, first, strict=False)]
    columns = [field.name for field in fields(HoldoutTrial)]
    return HoldoutTrial(
        *(np.concatenate([getattr(each, column) for each in apart]) for column in columns)
    )


def test_a_draw_that_went_wrong_is_found_among_others_that_went_right() -> None:
    """It is twice as likely to look wrong by luck somewhere, where two chances are looked at."""
    right, wrong = a_trial(users=1000, share=0.5), a_trial(users=1000, share=0.1)
    wrong = wrong.rows(wrong.optimised | (wrong.user % 2 == 0))
    alone = arms.assignment_p_value(wrong)
    assert 0.0 < alone < 0.01
    assert arms.assignment_p_value(one_after_another(right, wrong)) == pytest.approx(2 * alone)


def test_sends_that_nobody_was_held_out_from_are_compared_with_nothing() -> None:
    """Had they counted, days on which everybody answers would look like a gain."""
    trial, later = a_trial(), a_trial(share=0.2, seed=2)
    later = replace(later, answered=np.ones(len(later)))
    both = told(one_after_another(trial, later.rows(later.optimised & (later.user < 8))))
    expected = replace(told(trial), ratio_p_value=both.ratio_p_value)
    assert figures(both) == pytest.approx(figures(expected))


def test_users_whose_chances_differ_are_not_compared() -> None:
    """Two were held out with one chance, two others were not with another."""
    trial = a_trial(users=4)
    held = trial.user < 2
    refused = lift.report(
        replace(trial, optimised=~held, holdout_share=np.where(held, 0.6, 0.3)), effect=0.01
    )
    assert isinstance(refused, Refusal)
    assert refused.code == "no_randomised_arms"


def test_users_who_all_do_the_same_give_no_interval() -> None:
    """Each answers every second push: how far other users would differ is not known."""
    trial = a_trial(users=128, sends=2)
    found = told(
        replace(
            trial,
            optimised=trial.user % 2 == 0,
            answered=np.tile([0.0, 1.0], 128),
            before=np.full(256, np.nan),
        )
    )
    assert found.conclusion is Conclusion.NOT_YET_KNOWN
    assert found.answered.difference is None


def test_a_past_that_is_the_same_for_all_of_an_arm_explains_nothing() -> None:
    trial = a_trial()
    trial = replace(trial, before=np.where(trial.optimised, 0.3, 0.5))
    plain = arms.compare(trial, trial.answered)
    assert arms.adjust(trial, plain).difference == pytest.approx(plain.difference)


def together(trial: HoldoutTrial) -> HoldoutTrial:
    """Return the same sends, those of a user in one arm under one chance in one row."""
    cells = np.stack([trial.user, trial.optimised, trial.holdout_share])
    _, first, cell = np.unique(cells, axis=1, return_index=True, return_inverse=True)
    counts = {
        name: np.bincount(cell.ravel(), weights=getattr(trial, name))
        for name in ("sent", "answered", "dismissed", "opted_out")
    }
    some = np.zeros(len(trial), bool)
    some[first] = True
    order = np.argsort(first)  # as `rows` keeps them
    return replace(trial.rows(some), **{name: count[order] for name, count in counts.items()})


@given(st.integers(0, 2**32 - 1), st.integers(5, 400), st.integers(1, 3))
def test_sends_say_the_same_one_by_one_and_counted_together(
    seed: int, users: int, shares: int
) -> None:
    rng = np.random.default_rng(seed)
    trial = a_trial(users=users, sends=6, effect=0.1, seed=seed)
    stratum = rng.integers(0, shares, len(trial))
    share = np.array([0.5, 0.3, 0.1])[stratum]
    drawn = rng.random((users, shares))[trial.user, stratum]
    trial = replace(trial, optimised=drawn >= share, holdout_share=share)
    one_by_one = lift.report(trial, effect=0.02)
    counted = lift.report(together(trial), effect=0.02)
    assert type(counted) is type(one_by_one)
    assert figures(counted) == pytest.approx(figures(one_by_one), rel=1e-9, abs=1e-12)


def figures(told: object, name: str = "") -> dict[str, float]:
    """Return every number of a report by its place in it; nothing is known of None."""
    if is_dataclass(told) and not isinstance(told, type):
        told = asdict(told)
    if isinstance(told, Mapping):
        parts = [figures(part, f"{name}.{key}") for key, part in told.items()]
        return {key: number for part in parts for key, number in part.items()}
    return {name: float(told)} if isinstance(told, (bool, int, float)) else {}


@given(st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_more_of_the_same_users_rows_says_nothing_more(times: int, seed: int) -> None:
    trial = a_trial(users=200, sends=4, seed=seed % 1000)
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.repeat(np.arange(len(trial)), times))
    once, often = told(trial), told(trial.rows(rows))  # type: ignore[arg-type]
    assert once.answered.difference is not None
    assert often.answered.difference is not None
    assert often.answered.difference.low == pytest.approx(once.answered.difference.low)
    assert often.answered.difference.high == pytest.approx(once.answered.difference.high)


def test_a_changed_share_does_not_mix_good_days_into_one_arm() -> None:
    """Answers were frequent while one in ten was held out, rare while every second was."""
    first, second = a_trial(users=2000, share=0.1), a_trial(users=2000, share=0.5, seed=2)
    frequent = (np.random.default_rng(3).random(len(first)) < 0.8).astype(np.float64)
    rare = (np.random.default_rng(4).random(len(second)) < 0.2).astype(np.float64)
    trial = HoldoutTrial(
        *(
            np.concatenate([getattr(first, name), getattr(second, name)])
            for name in ("user", "optimised", "holdout_share", "sent")
        ),
        answered=np.concatenate([frequent, rare]),
        dismissed=np.zeros(2 * len(first)),
        opted_out=np.zeros(2 * len(first)),
        before=np.full(2 * len(first), np.nan),
    )
    naive = trial.answered[trial.optimised].mean() - trial.answered[~trial.optimised].mean()
    assert naive > 0.1
    difference = arms.compare(trial, trial.answered).difference
    assert difference == pytest.approx(0.0, abs=0.02)


def test_the_past_narrows_the_interval_and_moves_nothing_on_average() -> None:
    widths, differences = [], []
    for seed in range(60):
        trial = a_trial(users=300, sends=20, effect=0.05, seed=seed)
        plain = arms.compare(trial, trial.answered)
        adjusted = arms.adjust(trial, plain)
        assert adjusted.adjusted
        widths.append(adjusted.variance / plain.variance)
        differences.append(adjusted.difference)
    assert np.mean(widths) < 0.75
    assert np.mean(differences) == pytest.approx(0.05, abs=3 * np.std(differences) / np.sqrt(60))


def test_a_past_that_tells_nothing_takes_nothing_away() -> None:
    """Whoever answered more before does not answer more now: the arms' pasts may differ at will."""
    trial = a_trial(users=2000, spread=0.0)
    luck = np.random.default_rng(6).random(2000)[trial.user]
    plain = arms.compare(trial, trial.answered)
    adjusted = arms.adjust(replace(trial, before=luck + 0.5 * trial.optimised), plain)
    assert adjusted.difference == pytest.approx(plain.difference, abs=0.03)


def test_what_is_needed_shrinks_with_the_effect_and_with_what_is_known() -> None:
    small, large = a_trial(users=200), a_trial(users=2000)
    asked = [told(small, effect).needed for effect in (0.01, 0.02, 0.05, 0.5)]
    more = [needed.more_sends["holdout"] for needed in asked if needed is not None]
    assert more == sorted(more, reverse=True)
    assert (len(more), more[-1]) == (4, 0)
    known = told(large, 0.02).needed
    assert known is not None
    assert known.more_sends["holdout"] < more[1]


def test_users_who_differ_too_much_are_not_told_apart_by_more_sends() -> None:
    stubborn = a_trial(users=200, sends=30, spread=0.3)
    alike = a_trial(users=200, sends=30, spread=0.0)
    for trial, suffice in ((stubborn, False), (alike, True)):
        unknown = replace(trial, before=np.full(len(trial), np.nan))
        needed = told(unknown, 0.03).needed
        assert needed is not None
        assert needed.same_users_suffice is suffice


def test_daily_looks_at_a_split_without_effect_cry_wolf_seldom(known_truth: ModuleType) -> None:
    """40 splits of a study's people, watched to the end: 5 % would be 2, chance allows 7."""
    world = next(each for each in known_truth.worlds() if each.name == "fried2021")
    seen = known_truth.watch(world, experiments=40, people=None, effect=0.0, seed=8)
    assert seen.better + seen.worse <= 7
    assert seen.by_single_looks > seen.better + seen.worse
    assert seen.refused == 0
    found = known_truth.watch(world, experiments=10, people=400, effect=0.1, seed=8)
    assert found.better >= 8
    assert found.worse == 0


@pytest.mark.parametrize("harm", ["dismissed", "opted_out"])
def test_harm_is_named_though_answers_are_better(harm: str) -> None:
    trial = a_trial(users=1000, effect=0.15)
    annoyed = np.random.default_rng(9).random(len(trial)) < 0.1
    found = told(replace(trial, **{harm: (annoyed & trial.optimised).astype(np.float64)}))
    assert (found.conclusion, found.harm) == (Conclusion.BETTER, ())
    some = np.where(trial.optimised, annoyed, getattr(trial, harm))
    found = told(replace(trial, **{harm: some.astype(np.float64)}))
    assert (found.conclusion, found.harm) == (Conclusion.BETTER, (harm,))


def test_what_chance_alone_makes_of_dismissals_is_no_harm() -> None:
    trial = a_trial(users=1000)
    for each in (trial, replace(trial, optimised=~trial.optimised)):
        assert told(each).harm == ()
