"""Policies: from what is thought of users' allowed slots to distributions over them.

A policy never just picks. It says with which probability it takes each allowed slot, and the choice
is drawn from exactly that distribution; so the probability that is stored with a send, its
propensity, is the true one, whatever approximation the policy itself was computed by. Chance comes
in as one number in [0, 1) a send, the same for the same send: a preview shows what a commit does.

Everything is told in rows, one a user, of one entry an allowed slot.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sendopt.records import Exploration, Policy

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: Where a Thompson policy names no epsilon: the least probability of every allowed slot, over 1/k.
THOMPSON_FLOOR = 0.02

_GRID_POINTS = 96
_TAIL_SDS = 5.0  # a normal draw lies further out once in 3.5 million
_HOPELESS = -1e6  # logits of what can happen lie within 14 of 0, and are unsure by tens at most
_ROWS_AT_ONCE = 256  # each takes 8 bytes a slot and grid point, several times over

_erfc = np.frompyfunc(math.erfc, 1, 1)


def slot_distributions(
    logits: Floats,
    logit_sds: Floats,
    *,
    best: NDArray[np.intp],
    exploration: Exploration,
    free: Mask | None = None,
) -> Floats:
    """Return with which probability the policy of `exploration` takes each allowed slot.

    Args:
        logits: how good each slot is; (users, slots), at least one slot.
        logit_sds: how unsure that is, >= 0; of the same shape.
        best: the slot of each user that is taken where nothing is explored; a free one.
        exploration: policy, epsilon and share.
        free: which slots the user may take, of the same shape; None = all.
    """
    # Numbers of a row that lie apart are added in another order than those of one row alone, and
    # may come to other last bits: a user's chances must not depend on who else has the grid.
    logits, logit_sds = np.ascontiguousarray(logits), np.ascontiguousarray(logit_sds)
    free = None if free is None else np.ascontiguousarray(free)
    return _within_share(
        _wanted(logits, logit_sds, best=best, exploration=exploration, free=free),
        best=best,
        share=exploration.share,
    )


def draw(distributions: Floats, uniform: Floats) -> NDArray[np.intp]:
    """Draw one entry of each row, which sums to 1, by a number in [0, 1) a row."""
    drawn: NDArray[np.intp] = (uniform[:, np.newaxis] >= distributions.cumsum(axis=1)).sum(axis=1)
    # Rounding left a sliver below 1.
    return np.where(drawn < distributions.shape[1], drawn, distributions.argmax(axis=1))


def chances_of_being_best(means: Floats, sds: Floats) -> Floats:
    """Return for each of a row of independent normal variables how likely it is the largest.

        P_j = integral of phi_j(x) * prod_{i != j} Phi_i(x) dx

    by the trapezoid rule on a grid of the row, then scaled to sum to 1. A standard deviation below
    the grid's step counts as one step: values closer than that are as good as equal. Where nothing
    is unsure the first of the largest has it all.

    >>> chances_of_being_best(np.array([[0.0, 0.0, -9.0]]), np.ones((1, 3))).round(3).tolist()
    [[0.5, 0.5, 0.0]]
    """
    chances = np.empty_like(means)
    for first in range(0, len(means), _ROWS_AT_ONCE):
        some = slice(first, first + _ROWS_AT_ONCE)
        chances[some] = _chances_of_being_best(means[some], sds[some])
    return chances


def chance_of_being_best(means: Sequence[float], sds: Sequence[float]) -> list[float]:
    """Return the row of `chances_of_being_best` of some variables."""
    row: list[float] = chances_of_being_best(np.array([means]), np.array([sds]))[0].tolist()
    return row


def _chances_of_being_best(mean: Floats, sd: Floats) -> Floats:
    begin = (mean - _TAIL_SDS * sd).max(axis=1)
    width = (mean + _TAIL_SDS * sd).max(axis=1) - begin
    certain = width <= 0.0
    width = np.where(certain, 1.0, width)
    sd = np.maximum(sd, (width / _GRID_POINTS)[:, np.newaxis])
    end = (mean + _TAIL_SDS * sd).max(axis=1)
    begin = (mean - _TAIL_SDS * sd).max(axis=1)
    grid = np.linspace(begin, end, _GRID_POINTS, axis=1)[:, np.newaxis, :]
    sd = sd[:, :, np.newaxis]
    z = (grid - mean[:, :, np.newaxis]) / sd
    density = np.exp(-0.5 * z * z)
    below = np.log(_normal_cdf(z, density))
    mass = (density / sd * np.exp(below.sum(axis=1, keepdims=True) - below)).sum(axis=2)
    chances: Floats = mass / mass.sum(axis=1, keepdims=True)
    chances[certain] = np.arange(mean.shape[1]) == mean[certain].argmax(axis=1)[:, np.newaxis]
    return chances


def _normal_cdf(z: Floats, density: Floats) -> Floats:
    """Return the normal distribution function of `z`, to 7.5e-8 and above zero.

    Abramowitz and Stegun 26.2.17; `density` is exp(-z^2 / 2).
    """
    t = 1.0 / (1.0 + 0.2316419 * np.abs(z))
    tail = np.full_like(t, 1.330274429)
    for coefficient in (-1.821255978, 1.781477937, -0.356563782, 0.319381530):
        tail = tail * t + coefficient
    upper = density * t * tail / math.sqrt(2.0 * math.pi)
    return np.maximum(np.where(z > 0.0, 1.0 - upper, upper), 1e-300)


def chances_of_gain(mean: Floats, sd: Floats, other_mean: Floats, other_sd: Floats) -> Floats:
    """Return how likely the first of two independent normal variables is the larger one.

    >>> chances_of_gain(*np.array([[0.3, 0.2], [0.0, 0.5], [0.2, 0.2], [0.0, 0.5]])).tolist()
    [1.0, 0.5]
    """
    difference, sd_of_difference = mean - other_mean, np.hypot(sd, other_sd)
    is_sure = sd_of_difference == 0.0
    z = difference / np.where(is_sure, 1.0, sd_of_difference)
    chance: Floats = 0.5 * np.asarray(_erfc(-z / math.sqrt(2.0)), np.float64)
    return np.where(is_sure, 0.5 * (1.0 + np.sign(difference)), chance)


def chance_of_gain(mean: float, sd: float, other_mean: float, other_sd: float) -> float:
    """Return `chances_of_gain` of one pair."""
    pair = np.array([[mean], [sd], [other_mean], [other_sd]])
    return float(chances_of_gain(*pair)[0])


def even_over(shape: tuple[int, int], free: Mask | None) -> Floats:
    """Return rows that are even over their free entries; None = all are free, else at least one."""
    if free is None:
        return np.full(shape, 1.0 / shape[1])
    even: Floats = free / free.sum(axis=1, keepdims=True)
    return even


def spread(distributions: Floats, epsilon: float, free: Mask | None = None) -> Floats:
    """Mix each row with the one that is even over its free entries, which gets `epsilon`."""
    even = 1.0 / distributions.shape[1] if free is None else even_over(free.shape, free)
    mixed: Floats = (1.0 - epsilon) * distributions + epsilon * even
    return mixed


def _wanted(
    logits: Floats,
    logit_sds: Floats,
    *,
    best: NDArray[np.intp],
    exploration: Exploration,
    free: Mask | None,
) -> Floats:
    """Return the distributions of the policy before its share is held against them."""
    if exploration.policy == Policy.THOMPSON:
        if free is not None:
            # So far below the others that nothing is left of its chance, not even in rounding.
            logits, logit_sds = np.where(free, logits, _HOPELESS), np.where(free, logit_sds, 0.0)
        return spread(chances_of_being_best(logits, logit_sds), exploration.epsilon, free)
    certain = (np.arange(logits.shape[1]) == best[:, np.newaxis]).astype(np.float64)
    is_even = exploration.policy == Policy.EPSILON_GREEDY
    return spread(certain, exploration.epsilon, free) if is_even else certain


def _within_share(distributions: Floats, *, best: NDArray[np.intp], share: float) -> Floats:
    """Let no more than `share` lie on other slots than `best`; the rest of it goes to `best`.

    Every send is bounded by itself, so no send's chance depends on who was planned before it.
    """
    each = np.arange(len(distributions))
    others = distributions.copy()
    others[each, best] = 0.0
    exploring = others.sum(axis=1)
    over = exploring > share
    others[over] *= (share / exploring[over])[:, np.newaxis]
    others[each, best] = 1.0 - others.sum(axis=1)
    return others
