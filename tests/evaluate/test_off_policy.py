"""Off-policy estimates: exact in small worlds, honest intervals, refusals that say what to do."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendopt.evaluate import off_policy
from sendopt.evaluate.off_policy import DM, DR, IPS, SNIPS, SWITCH_DR, Logged, Value
from sendopt.evaluate.refusal import Refusal

TIMES = 3
shares = st.lists(st.floats(0.05, 1.0), min_size=TIMES, max_size=TIMES)
rates = st.lists(st.floats(0.0, 1.0), min_size=TIMES, max_size=TIMES)


def a_log(*, sends: int = 900, users: int = 60, seed: int = 1) -> Logged:
    """Times drawn evenly among three; the target always takes the second, answered 60 %."""
    rng = np.random.default_rng(seed)
    time = rng.integers(0, TIMES, sends)
    rate = np.array([0.2, 0.6, 0.4])
    return Logged(
        user=rng.integers(0, users, sends),
        reward=(rng.random(sends) < rate[time]).astype(np.float64),
        propensity=np.full(sends, 1 / TIMES),
        target=(time == 1).astype(np.float64),
        predicted=np.array([0.3, 0.5, 0.5])[time],
        expected=np.full(sends, 0.5),
        unreachable=np.zeros(sends),
    )


def of_rows(logged: Logged, rows: np.ndarray) -> Logged:
    return Logged(
        logged.user[rows],
        logged.reward[rows],
        logged.propensity[rows],
        logged.target[rows],
        logged.predicted[rows],
        logged.expected[rows],
        logged.unreachable[rows],
    )


@given(shares, rates, st.integers(0, 2**32 - 1))
def test_where_the_target_is_the_sender_the_value_is_the_mean(
    share: list[float], rate: list[float], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    chance = np.array(share) / sum(share)
    time = rng.choice(TIMES, size=50, p=chance)
    reward = (rng.random(50) < np.array(rate)[time]).astype(np.float64)
    logged = Logged(
        user=rng.integers(0, 20, 50),
        reward=reward,
        propensity=chance[time],
        target=chance[time],
        predicted=np.full(50, 0.3),
        expected=np.full(50, 0.3),
        unreachable=np.zeros(50),
    )
    support = off_policy.support_of(logged)
    assert support.effective_sends == pytest.approx(50)
    assert support.mean_weight == pytest.approx(1)
    found = off_policy.estimates(logged, support)
    for name in (IPS, SNIPS, DR):
        assert found[name].estimate == pytest.approx(reward.mean())
        assert found[name].low <= found[name].estimate <= found[name].high


@given(shares, shares, rates, rates)
def test_ips_and_dr_are_unbiased_in_a_world_that_can_be_enumerated(
    sender: list[float], target: list[float], rate: list[float], q: list[float]
) -> None:
    """Two sends, three times each: every log that can come out, weighed by its chance."""
    chance, wanted = np.array(sender) / sum(sender), np.array(target) / sum(target)
    truth = float(wanted @ np.array(rate))
    mean = {IPS: 0.0, DR: 0.0}
    for times in product(range(TIMES), repeat=2):
        drawn = np.array(times)
        logged = Logged(
            user=np.array([0, 1]),
            reward=np.array(rate)[drawn],
            propensity=chance[drawn],
            target=wanted[drawn],
            predicted=np.array(q)[drawn],
            expected=np.full(2, wanted @ np.array(q)),
            unreachable=np.zeros(2),
        )
        found = off_policy.estimates(logged, off_policy.support_of(logged))
        for name in mean:
            mean[name] += float(np.prod(chance[drawn])) * found[name].estimate
    assert mean[IPS] == pytest.approx(truth, abs=1e-9)
    assert mean[DR] == pytest.approx(truth, abs=1e-9)


def test_intervals_hold_the_truth_as_often_as_they_claim(known_truth: ModuleType) -> None:
    """All worlds, senders and targets together; the bound is three deviations below 93 %."""
    found = list(known_truth.cells(logs=50, people=400, seed=7))
    covered = np.concatenate([cell.covered for cell in found]).mean(axis=0)
    logs = 50 * len(found)
    bound = 0.93 - 3 * np.sqrt(0.93 * 0.07 / logs)
    share = dict(zip((*known_truth.ESTIMATORS, *known_truth.PLAIN), covered, strict=True))
    assert bound < share[SNIPS] < 0.99
    assert bound < share[DR] < 0.99
    assert share["dm"] < 0.5, "a model's own word needs no interval"


def test_more_of_the_same_users_rows_says_nothing_more() -> None:
    once = a_log(sends=600, users=600)
    often = of_rows(once, np.repeat(np.arange(600), 5))
    support = off_policy.support_of(once), off_policy.support_of(often)
    first = off_policy.estimates(once, support[0])
    second = off_policy.estimates(often, support[1])
    for name in first:
        widths = [found[name].high - found[name].low for found in (first, second)]
        assert second[name].estimate == pytest.approx(first[name].estimate)
        assert widths[1] >= 0.9 * widths[0], name
    other = replace(once, target=1 / TIMES * np.ones(600))
    others = replace(often, target=1 / TIMES * np.ones(3000))
    gains = off_policy.gain(once, other), off_policy.gain(often, others)
    for name in (SNIPS, DR):
        assert gains[0][name].low == pytest.approx(gains[1][name].low)


def test_where_the_log_is_thin_switch_dr_asks_the_model_and_elsewhere_it_is_dr() -> None:
    for propensity, same_as in ((0.05, DM), (0.2, DR)):  # weights of 20 and of 5
        logged = a_log()
        logged = replace(logged, propensity=np.full(900, propensity), target=np.ones(900))
        found = off_policy.estimates(logged, off_policy.support_of(logged))
        assert found[SWITCH_DR].estimate == found[same_as].estimate


def test_no_interval_is_narrower_than_the_effective_sends_allow() -> None:
    """Nearly all of the target's sends are answered: that they hardly vary is no knowledge."""
    logged = replace(a_log(), reward=np.r_[0.0, np.ones(899)], predicted=np.ones(900))
    logged = replace(logged, expected=np.ones(900))
    support = off_policy.support_of(logged)
    found = off_policy.estimates(logged, support)
    for name in (SNIPS, DR):
        # All of n answered: Wilson's interval begins at n / (n + z^2).
        assert found[name].low < support.effective_sends / (support.effective_sends + 1.9**2)


def test_sends_at_certain_times_are_weighed_with_those_that_were_drawn() -> None:
    """One user in ten gets every message at a time that leaves no choice, to either policy."""
    logged = a_log()
    certain = logged.user < 6
    mixed = replace(
        logged,
        propensity=np.where(certain, 1.0, logged.propensity),
        target=np.where(certain, 1.0, logged.target),
    )
    assert isinstance(off_policy.evaluate(mixed), Value)


def test_a_gain_is_the_difference_of_the_values() -> None:
    one = a_log()
    other = replace(one, target=np.full(len(one), 1 / TIMES), expected=np.full(len(one), 0.4))
    gain = off_policy.gain(one, other)
    values = [off_policy.evaluate(each) for each in (one, other)]
    assert all(isinstance(value, Value) for value in values)
    for name in (SNIPS, DR):
        difference = values[0].estimates[name].estimate - values[1].estimates[name].estimate  # type: ignore[union-attr]
        assert gain[name].estimate == pytest.approx(difference)
        assert gain[name].low < difference < gain[name].high
    same = off_policy.gain(one, one)
    assert (same[DR].low, same[DR].high) == (0.0, 0.0)


def test_a_gain_is_as_unsure_as_users_drawn_again_say() -> None:
    one = a_log(sends=3000, users=300)
    other = replace(one, target=np.full(len(one), 1 / TIMES), expected=np.full(len(one), 0.4))
    by_user = [np.flatnonzero(one.user == user) for user in range(300)]
    rng = np.random.default_rng(2)
    again: dict[str, list[float]] = {SNIPS: [], DR: []}
    for _ in range(200):
        rows = np.concatenate([by_user[user] for user in rng.integers(0, 300, 300)])
        found = off_policy.gain(of_rows(one, rows), of_rows(other, rows))
        for name, estimates in again.items():
            estimates.append(found[name].estimate)
    for name, told in off_policy.gain(one, other).items():
        # 200 estimates know their own deviation to 5 %.
        assert (told.high - told.low) / 3.92 == pytest.approx(np.std(again[name]), rel=0.2)


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"propensity": np.full(900, np.nan)}, "no_propensity", "900 of 900 sends"),
        ({"propensity": np.zeros(900)}, "no_propensity", "above 0"),
        ({"propensity": np.ones(900)}, "no_support", "never varied"),
        ({"unreachable": np.full(900, 0.25)}, "no_support", "25.0%"),
        ({"propensity": np.full(900, 1 / 6)}, "no_support", "average 2.0"),
    ],
)
def test_what_cannot_be_said_is_refused(
    change: dict[str, np.ndarray], code: str, says: str
) -> None:
    refused = off_policy.evaluate(replace(a_log(), **change))
    assert isinstance(refused, Refusal)
    assert refused.code == code
    assert says in str(refused)
    assert refused.remedy


def test_too_few_effective_sends_are_refused() -> None:
    refused = off_policy.evaluate(a_log(sends=450))
    assert isinstance(refused, Refusal)
    assert refused.code == "too_few_effective_sends"
    assert "200 are needed" in refused.reason
    nothing = off_policy.evaluate(of_rows(a_log(), np.zeros(0, np.intp)))
    assert isinstance(nothing, Refusal)
    assert nothing.code == "no_propensity"


@pytest.mark.parametrize("users", [1, 2, 19])
def test_a_handful_of_users_tells_nothing_of_others(users: int) -> None:
    refused = off_policy.evaluate(a_log(users=users))
    assert isinstance(refused, Refusal)
    assert refused.code == "too_few_users"
    assert isinstance(off_policy.evaluate(a_log(users=20)), Value)


def test_a_prediction_knows_nothing_of_its_own_user() -> None:
    """Only user 0 ever answers, and only at time 1: nobody else's prediction may miss that."""
    user, slot = np.repeat(np.arange(10), 20), np.tile([0, 1], 100)
    reward = ((user == 0) & (slot == 1)).astype(np.float64)
    q = off_policy.cross_fitted(user, slot, reward, 2, np.random.default_rng(3))
    assert q.shape == (200, 2)
    assert (q[user == 0] == 0).all()
    assert q[user != 0][:, 1].max() > 0.05
