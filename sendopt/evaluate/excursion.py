"""What a treatment did that was drawn anew for every message: sending it, or the hour of it.

Weighted and centred least squares for the causal excursion effect of a time-varying treatment
(Boruvka, Almirall, Witkiewitz and Murphy 2018, JASA 113:1112): how much more often the outcome
follows where one thing is drawn than where another is, averaged over all rows and over whatever
happened before them. It is right whatever the outcome depends on, as long as the chance of every
draw is known: the controls only take out noise, and need fit nothing.

    sum_it W_it (Y_it - a'g_it - sum_k b_k (1{A_it = k} - q_k)) (g_it; 1{A_it = k} - q_k) = 0
    W_it = q(A_it) / p_it(A_it)

A is what was drawn, p its chance, q constant chances that rows are weighed to, g the controls.
Several things that could be drawn are compared by a chance that is known of what was drawn alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from sendopt.evaluate.chance import FEWEST_FOR_TEST, Group, Vector, clustered_mean, t_beyond
from sendopt.evaluate.metrics import Interval
from sendopt.evaluate.refusal import Refusal

Matrix = NDArray[np.float64]

_WEIGHT_ALARM = 4.0  # standard errors between the mean weight and 1; by chance, 1 in 16,000
_ROUNDING = 1e-9  # of that mean, where all weights are alike
_FEWEST_OUTCOMES = 10  # rows with the outcome, and without, of each thing that was drawn
_USERS_AT_ONCE = 10_000  # bounds the memory of their squares


@dataclass(frozen=True)
class RandomisedRows:
    """Draws, one row each, with what followed."""

    user: Group
    drawn: Group  # what came out, as a number of the things that could
    propensity: Vector  # of what came out, given all that was known, in (0, 1)
    outcome: Vector  # 0..1
    controls: Matrix  # (rows, any number), known before the draw

    def __len__(self) -> int:
        return len(self.outcome)

    def among(self, some: NDArray[np.bool_]) -> RandomisedRows:
        """Return some of the rows."""
        return RandomisedRows(
            self.user[some],
            self.drawn[some],
            self.propensity[some],
            self.outcome[some],
            self.controls[some],
        )


@dataclass(frozen=True)
class Estimate:
    """Differences of outcome shares, and what is known of their errors."""

    estimate: Vector
    standard_error: Vector
    freedom: float  # degrees of it in the errors

    def intervals(self, level: float = 0.05) -> list[Interval]:
        """Return the intervals that each miss the truth with probability `level`, by Student's t.

        Without a degree of freedom nothing bounds them.
        """
        half = np.full(len(self.estimate), inf)
        if self.freedom >= 1.0:
            half = t_beyond(level / 2.0, self.freedom) * self.standard_error
        return [
            Interval(float(estimate), float(estimate - width), float(estimate + width))
            for estimate, width in zip(self.estimate, half, strict=True)
        ]


def too_few(rows: RandomisedRows, names: Sequence[str]) -> Refusal | None:
    """Return why these draws are too few to say anything; None = something can be said.

    Args:
        rows: the draws.
        names: of the things that could be drawn, and are compared.
    """
    for number, name in enumerate(names):
        outcome = rows.outcome[rows.drawn == number]
        if min(outcome.sum(), (1.0 - outcome).sum()) < _FEWEST_OUTCOMES:
            return Refusal(
                "too_few_outcomes",
                f"{name}: {len(outcome):,} draws, of which {outcome.sum():,.0f} were followed by "
                f"the outcome; {_FEWEST_OUTCOMES} with it and as many without it are needed",
                "wait for more, or compare what was drawn more often",
            )
    users = len(np.unique(rows.user))
    if users < FEWEST_FOR_TEST:
        return Refusal(
            "too_few_users",
            f"only {users} of the {FEWEST_FOR_TEST} users that are needed were drawn for: how far "
            "users differ is not known",
            "draw for more users",
        )
    return None


def untrue(rows: RandomisedRows, numerator: Vector) -> Refusal | None:
    """Return why the chances cannot be those of what was drawn; None = they may be.

    Args:
        rows: the draws.
        numerator: see `effects`.
    """
    weight = clustered_mean(numerator[rows.drawn] / rows.propensity, rows.user)
    if abs(weight.estimate - 1.0) <= _WEIGHT_ALARM * max(weight.standard_error, _ROUNDING):
        return None
    return Refusal(
        "propensity_untrue",
        f"weights average {weight.estimate:.2f} where 1 is expected: the chances are not those of "
        "what was drawn",
        "log the chance of the very thing that was drawn, after all constraints",
    )


def effects(rows: RandomisedRows, numerator: Vector, contrasts: Matrix) -> Estimate:
    """Return how far the outcomes of what was drawn are apart.

    The errors let a user's rows hang together, and are widened by each user's leverage (Mancl and
    DeRouen 2001), with Student's t of as many degrees of freedom as users beyond what was fitted
    (Liao, Klasnja, Tewari and Murphy 2016): plain sandwich errors are too small for few users.

    Args:
        rows: the draws; each thing came out at least once.
        numerator: q, which sums to 1: as if each thing had been drawn with this chance.
        contrasts: (any number, things); each sums to 0, such as (-1, 1).
    """
    things = len(numerator)
    weight = numerator[rows.drawn] / rows.propensity
    indicator = (rows.drawn[:, np.newaxis] == np.arange(1, things)).astype(np.float64)
    controls = rows.controls[:, np.ptp(rows.controls, axis=0) > 0.0]  # what is constant tells none
    design = np.column_stack([np.ones(len(rows)), controls, indicator - numerator[np.newaxis, 1:]])
    weighted = design * weight[:, np.newaxis]
    bread = np.linalg.inv(weighted.T @ design)
    fitted = bread @ (weighted.T @ rows.outcome)
    scores = weighted * (rows.outcome - design @ fitted)[:, np.newaxis]
    meat, users = _meat(rows.user, weighted, design, scores, bread)
    size = design.shape[1]
    picks = np.zeros((len(contrasts), size))
    picks[:, size - (things - 1) :] = contrasts[:, 1:]  # the first thing is what others add to
    covariance = picks @ bread @ meat @ bread @ picks.T
    return Estimate(picks @ fitted, np.sqrt(np.diag(covariance)), float(users - size))


def against_the_rest(numerator: Vector) -> Matrix:
    """Return the contrasts of each thing with what would be drawn if it were not.

    >>> against_the_rest(np.array([0.5, 0.25, 0.25])).tolist()[0]
    [1.0, -0.5, -0.5]
    """
    others = np.tile(numerator, (len(numerator), 1))
    np.fill_diagonal(others, 0.0)
    contrasts: Matrix = np.eye(len(numerator)) - others / others.sum(axis=1, keepdims=True)
    return contrasts


def _meat(
    user: Group, weighted: Matrix, design: Matrix, scores: Matrix, bread: Matrix
) -> tuple[Matrix, int]:
    """Return the sum of the squares of users' scores, widened by leverage, and how many users.

    With H the leverage of a user's rows, X'W (I - H)^-1 r is (I - G bread)^-1 X'W r, where
    G = X'W X of the user: as small as what is fitted, however many rows a user has.
    """
    order = np.argsort(user, kind="stable")
    first = np.flatnonzero(np.r_[True, np.diff(user[order]) != 0])
    size = design.shape[1]
    meat = np.zeros((size, size))
    ends = np.r_[first[1:], len(order)]
    for begin in range(0, len(first), _USERS_AT_ONCE):
        some = slice(begin, begin + _USERS_AT_ONCE)
        of_users = order[first[some][0] : ends[some][-1]]
        starts = first[some] - first[some][0]
        score = np.add.reduceat(scores[of_users], starts)
        own = np.empty((len(starts), size, size))
        for column in range(size):
            products = weighted[of_users] * design[of_users, column, np.newaxis]
            own[:, :, column] = np.add.reduceat(products, starts)
        score = np.linalg.solve(np.eye(size) - own @ bread, score[:, :, np.newaxis])[:, :, 0]
        meat += score.T @ score
    return meat, len(first)
