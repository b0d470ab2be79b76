"""Policies of one user at a time: the oracle of those in columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.records import Exploration, Policy

#: Where a Thompson policy names no epsilon: the least probability of every allowed slot, over 1/k.
THOMPSON_FLOOR = 0.02

_GRID_POINTS = 96
_TAIL_SDS = 5.0  # a normal draw lies further out once in 3.5 million


@dataclass(frozen=True, slots=True)
class Draw:
    """A slot, and the distribution that it was drawn from; one entry an allowed slot."""

    distribution: tuple[float, ...]
    chosen: int

    @property
    def propensity(self) -> float:
        return self.distribution[self.chosen]


def draw_slot(
    logits: Sequence[float],
    logit_sds: Sequence[float],
    *,
    best: int,
    exploration: Exploration,
    uniform: float,
) -> Draw:
    """Choose among the allowed slots by the policy of `exploration`.

    Args:
        logits: how good each slot is; at least one.
        logit_sds: how unsure that is, >= 0.
        best: the slot that is taken where nothing is explored.
        exploration: policy, epsilon and share.
        uniform: the send's chance, in [0, 1).
    """
    distribution = _within_share(
        _wanted(logits, logit_sds, best=best, exploration=exploration),
        best=best,
        share=exploration.share,
    )
    return draw(distribution, uniform)


def draw(distribution: tuple[float, ...], uniform: float) -> Draw:
    """Draw from `distribution`, which sums to 1."""
    total = 0.0
    for index, probability in enumerate(distribution):
        total += probability
        if uniform < total:
            return Draw(distribution, index)
    # Rounding left a sliver below 1.
    return Draw(distribution, max(range(len(distribution)), key=distribution.__getitem__))


def chance_of_being_best(means: Sequence[float], sds: Sequence[float]) -> list[float]:
    """Return for each of some independent normal variables how likely it is the largest.

        P_j = integral of phi_j(x) * prod_{i != j} Phi_i(x) dx

    by the trapezoid rule on a common grid, then scaled to sum to 1. A standard deviation below the
    grid's step counts as one step: values closer than that are as good as equal. Where nothing is
    unsure the first of the largest has it all.

    >>> [round(p, 3) for p in chance_of_being_best([0.0, 0.0, -9.0], [1.0, 1.0, 1.0])]
    [0.5, 0.5, 0.0]
    """
    mean, sd = np.asarray(means), np.asarray(sds)
    highest = (mean + _TAIL_SDS * sd).max()
    width = highest - (mean - _TAIL_SDS * sd).max()
    if width <= 0.0:
        first = int(mean.argmax())
        return [float(index == first) for index in range(len(means))]
    sd = np.maximum(sd, width / _GRID_POINTS)
    grid = np.linspace((mean - _TAIL_SDS * sd).max(), (mean + _TAIL_SDS * sd).max(), _GRID_POINTS)
    sd = sd[:, np.newaxis]
    z = (grid - mean[:, np.newaxis]) / sd
    density = np.exp(-0.5 * z * z)
    below = np.log(_normal_cdf(z, density))
    mass = (density / sd * np.exp(below.sum(axis=0) - below)).sum(axis=1)
    chances: list[float] = (mass / mass.sum()).tolist()
    return chances


def _normal_cdf(z: NDArray[np.float64], density: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the normal distribution function of `z`, to 7.5e-8 and above zero.

    Abramowitz and Stegun 26.2.17; `density` is exp(-z^2 / 2).
    """
    t = 1.0 / (1.0 + 0.2316419 * np.abs(z))
    tail = np.full_like(t, 1.330274429)
    for coefficient in (-1.821255978, 1.781477937, -0.356563782, 0.319381530):
        tail = tail * t + coefficient
    upper = density * t * tail / math.sqrt(2.0 * math.pi)
    return np.maximum(np.where(z > 0.0, 1.0 - upper, upper), 1e-300)


def chance_of_gain(mean: float, sd: float, other_mean: float, other_sd: float) -> float:
    """Return how likely the first of two independent normal variables is the larger one.

    >>> chance_of_gain(0.3, 0.0, 0.2, 0.0), chance_of_gain(0.2, 0.5, 0.2, 0.5)
    (1.0, 0.5)
    """
    difference, sd_of_difference = mean - other_mean, math.hypot(sd, other_sd)
    if sd_of_difference == 0.0:
        return 0.5 if difference == 0.0 else float(difference > 0.0)
    return 0.5 * math.erfc(-difference / sd_of_difference / math.sqrt(2.0))


def spread(distribution: Sequence[float], epsilon: float) -> tuple[float, ...]:
    """Mix `distribution` with the even one, which gets the share `epsilon`."""
    floor = epsilon / len(distribution)
    return tuple((1.0 - epsilon) * p + floor for p in distribution)


def _wanted(
    logits: Sequence[float], logit_sds: Sequence[float], *, best: int, exploration: Exploration
) -> tuple[float, ...]:
    """Return the distribution of the policy before its share is held against it."""
    if exploration.policy == Policy.THOMPSON:
        return spread(chance_of_being_best(logits, logit_sds), exploration.epsilon)
    certain = tuple(float(index == best) for index in range(len(logits)))
    return (
        spread(certain, exploration.epsilon)
        if exploration.policy == Policy.EPSILON_GREEDY
        else certain
    )


def _within_share(distribution: tuple[float, ...], *, best: int, share: float) -> tuple[float, ...]:
    """Let no more than `share` lie on other slots than `best`; the rest of it goes to `best`.

    Every send is bounded by itself, so no send's chance depends on who was planned before it.
    """
    exploring = sum(distribution[:best]) + sum(distribution[best + 1 :])
    scale = share / exploring if exploring > share else 1.0
    others = [p * scale for p in distribution]
    others[best] = 0.0
    others[best] = 1.0 - math.fsum(others)
    return tuple(others)
