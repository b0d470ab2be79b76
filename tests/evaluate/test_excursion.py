"""The effect of what is drawn anew for each message, on planted truth and on small examples."""

from __future__ import annotations

import importlib
from dataclasses import replace
from math import inf
from types import ModuleType

import numpy as np
import pytest
from evaluate.conftest import BENCHMARKS

from sendopt.evaluate.excursion import RandomisedRows, against_the_rest, effects, too_few, untrue
from sendopt.evaluate.refusal import Refusal

TENANTS = 200
BOTH = np.array([[-1.0, 1.0]])
EVEN = np.array([0.5, 0.5])


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("planted_effects")


def some_rows(users: int = 40, messages: int = 10, seed: int = 1) -> RandomisedRows:
    """Rows of uneven chances, whose outcome is likelier where 1 was drawn."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), messages)
    chance = rng.choice([0.3, 0.6, 0.8], len(user))
    drawn = (rng.random(len(user)) < chance).astype(np.intp)
    outcome = (rng.random(len(user)) < 0.3 + 0.2 * drawn).astype(np.float64)
    propensity = np.where(drawn == 1, chance, 1.0 - chance)
    return RandomisedRows(user, drawn, propensity, outcome, rng.random((len(user), 2)))


@pytest.mark.parametrize("kind", ["sending", "hour"])
@pytest.mark.parametrize("users", [20, 60])
def test_intervals_hold_the_planted_truth_as_often_as_they_say(
    planted: ModuleType, kind: str, users: int
) -> None:
    """Within the noise of so many tenants; without bias; where the naive difference is wrong."""
    true, rng = planted.truth(kind), np.random.default_rng(7)
    found = [planted.estimates(kind, planted.tenant(kind, users, rng).rows) for _ in range(TENANTS)]
    ours = [each["wcls"] for each in found]
    held = np.mean([each.low <= true <= each.high for each in ours])
    assert abs(held - 0.95) < 3.5 * (0.95 * 0.05 / TENANTS) ** 0.5
    errors = np.array([each.estimate - true for each in ours])
    assert abs(errors.mean()) < 3.5 * errors.std() / TENANTS**0.5
    naive = [each["naive"] for each in found]
    assert np.mean([each.estimate - true for each in naive]) > 0.1
    assert np.mean([each.low <= true <= each.high for each in naive]) < 0.3


def test_alike_chances_and_no_controls_give_the_difference_of_shares() -> None:
    rows = some_rows()
    rows = replace(rows, propensity=np.full(len(rows), 0.5), controls=np.empty((len(rows), 0)))
    one = rows.drawn == 1
    difference = rows.outcome[one].mean() - rows.outcome[~one].mean()
    assert effects(rows, EVEN, BOTH).estimate == pytest.approx(difference)


def test_the_variance_is_mancls_and_derouens() -> None:
    """Against the formula as it is written, with each user's own leverage matrix."""
    rows = some_rows(users=12, messages=7)
    numerator = np.array([0.4, 0.6])
    weight = numerator[rows.drawn] / rows.propensity
    design = np.column_stack([np.ones(len(rows)), rows.controls, rows.drawn - 0.6])
    bread = np.linalg.inv(design.T @ np.diag(weight) @ design)
    fitted = bread @ design.T @ (weight * rows.outcome)
    meat = np.zeros((4, 4))
    for user in range(12):
        of = rows.user == user
        leverage = design[of] @ bread @ design[of].T @ np.diag(weight[of])
        left = np.linalg.solve(np.eye(of.sum()) - leverage, rows.outcome[of] - design[of] @ fitted)
        score = design[of].T @ (weight[of] * left)
        meat += np.outer(score, score)
    found = effects(rows, numerator, BOTH)
    assert found.estimate == pytest.approx(fitted[3:])
    assert found.standard_error == pytest.approx(np.sqrt((bread @ meat @ bread)[3, 3]))
    assert found.freedom == 12 - 4


def test_neither_the_order_of_rows_nor_the_first_thing_matters() -> None:
    rows = some_rows()
    order = np.random.default_rng(3).permutation(len(rows))
    shuffled = RandomisedRows(
        rows.user[order],
        rows.drawn[order],
        rows.propensity[order],
        rows.outcome[order],
        rows.controls[order],
    )
    turned = replace(rows, drawn=1 - rows.drawn)
    first, second, third = (
        effects(each, EVEN, contrast)
        for each, contrast in ((rows, BOTH), (shuffled, BOTH), (turned, -BOTH))
    )
    for other in (second, third):
        assert other.estimate == pytest.approx(first.estimate)
        assert other.standard_error == pytest.approx(first.standard_error)


def test_each_thing_is_held_against_what_else_could_have_come() -> None:
    contrasts = against_the_rest(np.array([0.5, 0.25, 0.25]))
    assert contrasts.sum(axis=1) == pytest.approx(0.0)
    assert contrasts[1].tolist() == pytest.approx([-2 / 3, 1.0, -1 / 3])


def test_fewer_users_than_what_is_fitted_bound_nothing() -> None:
    rows = some_rows(users=4, messages=50)
    (interval,) = effects(rows, EVEN, BOTH).intervals()
    assert (interval.low, interval.high) == (-inf, inf)
    assert not interval.bounded


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        (some_rows(users=19, messages=40), "too_few_users"),
        (some_rows(users=40, messages=1), "too_few_outcomes"),
        (replace(some_rows(), propensity=np.full(400, 0.9)), "propensity_untrue"),
    ],
)
def test_what_cannot_be_told_is_refused(rows: RandomisedRows, code: str) -> None:
    found = too_few(rows, ["kept back", "sent"]) or untrue(rows, EVEN)
    assert isinstance(found, Refusal)
    assert found.code == code


def test_true_chances_are_not_refused() -> None:
    assert untrue(some_rows(), EVEN) is None
    assert too_few(some_rows(), ["kept back", "sent"]) is None
