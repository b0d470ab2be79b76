"""Inputs on which solvers fail, as concave log posteriors written with the field's own functions.

Every problem is a generalised linear model with a Gaussian prior, dense and slow, so that any
solution can be checked against it: its height, gradient and curvature share no code with ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit, logsumexp, softmax

Array = NDArray[np.float64]

BINOMIAL, POISSON, MULTINOMIAL = "binomial", "Poisson", "multinomial"


@dataclass(frozen=True)
class Problem:
    family: str
    design: Array  # (cells, coefficients)
    count: Array  # (cells), answers or events
    trials: Array  # (cells), sends or exposure; of a multinomial its count
    offset: Array  # (cells)
    prior: Array  # (coefficients)
    precision: Array  # (coefficients, coefficients)
    groups: int = 1  # of a multinomial: independent draws over as many equal parts of the cells

    def linear(self, b: Array) -> Array:
        return np.asarray(self.offset + self.design @ b)

    def height(self, b: Array) -> float:
        eta, away = self.linear(b), b - self.prior
        if self.family == BINOMIAL:
            rest = self.trials - self.count
            found = float(self.count @ log_expit(eta) + rest @ log_expit(-eta))
        elif self.family == POISSON:
            found = float(self.count @ eta - self.trials @ self._rate(eta))
        else:
            whole = logsumexp(self._by_group(eta), axis=1)
            found = float(self.count @ eta - self._by_group(self.count).sum(axis=1) @ whole)
        return found - 0.5 * float(away @ self.precision @ away)

    def gradient(self, b: Array) -> Array:
        eta = self.linear(b)
        if self.family == BINOMIAL:
            missed = self.count * expit(-eta) - (self.trials - self.count) * expit(eta)
        elif self.family == POISSON:
            missed = self.count - self.trials * self._rate(eta)
        else:
            missed = self.count - self._totals() * softmax(self._by_group(eta), axis=1).ravel()
        return np.asarray(self.design.T @ missed - self.precision @ (b - self.prior))

    def curvature(self, b: Array) -> Array:
        eta = self.linear(b)
        if self.family == BINOMIAL:
            bend = self.trials * expit(eta) * expit(-eta)
        elif self.family == POISSON:
            bend = self.trials * self._rate(eta)
        else:
            return np.asarray(self._curvature_of_groups(eta) + self.precision)
        return np.asarray((self.design * bend[:, None]).T @ self.design + self.precision)

    def _curvature_of_groups(self, eta: Array) -> Array:
        p = softmax(self._by_group(eta), axis=1).ravel()
        same = np.kron(np.eye(self.groups), np.ones((len(p) // self.groups,) * 2))
        bend = np.diag(self._totals() * p) - same * np.outer(self._totals() * p, p)
        return np.asarray(self.design.T @ bend @ self.design)

    def gain_left(self, b: Array) -> float:
        """Return twice what Newton's next step would gain in nats: 0 at the maximum, any scale."""
        gradient, curvature = self.gradient(b), self.curvature(b)
        scale = 1.0 / np.sqrt(np.diag(curvature))
        scaled = scale * gradient
        left = float(scaled @ np.linalg.lstsq(curvature * np.outer(scale, scale), scaled)[0])
        return left if np.isfinite(left) else np.inf

    def _rate(self, eta: Array) -> Array:
        return np.exp(np.where(self.trials > 0.0, eta, 0.0))  # what was never tried does not count

    def _by_group(self, values: Array) -> Array:
        return values.reshape(self.groups, -1)

    def _totals(self) -> Array:
        totals = self._by_group(self.count).sum(axis=1)
        return np.repeat(totals, len(self.count) // self.groups)


#: What is wrong with the inputs; each is drawn as often as the others.
KINDS = (
    "ordinary",
    "no answer",
    "all answered",
    "one answer among a million",
    "separable",
    "one-hot columns",
    "columns that are all but the same",
    "columns of very different sizes",
)


def weights(rng: np.random.Generator, size: int) -> Array:
    """Return ones, or weights of 1e-9 to 1e6."""
    return np.ones(size) if rng.random() < 0.4 else 10.0 ** rng.uniform(-9, 6, size)


def offsets(rng: np.random.Generator, size: int) -> Array:
    """Return none, some, or offsets as far as 40 logits from nothing."""
    return (
        np.zeros(size),
        rng.normal(0.0, 3.0, size),
        np.full(size, rng.choice([-40.0, 40.0])),
        rng.uniform(-40.0, 40.0, size),
    )[rng.integers(4)]


def precisions(rng: np.random.Generator, size: int) -> Array:
    """Return those of ordinary priors, or 1e-9 to 1e6: next to no prior, or nothing else."""
    if rng.random() < 0.5:
        return rng.choice([0.01, 1.0, 4.0, 16.0], size)
    return np.asarray(10.0 ** rng.uniform(-9, 6, size))


def regression(rng: np.random.Generator, kind: str) -> Problem:
    """Return a logistic regression of rows, each answered or not."""
    rows, columns = int(rng.choice([5, 50, 500])), int(rng.integers(2, 8))
    design = rng.normal(size=(rows, columns))
    design[:, 0] = 1.0
    if kind == "columns of very different sizes":
        design *= 10.0 ** rng.uniform(-3, 3, columns)
    if kind == "columns that are all but the same":
        design[:, 1] = design[:, -1] * (1.0 + 1e-9)
    if kind == "one-hot columns":
        design = np.eye(columns)[rng.integers(0, columns, rows)]
    weight = weights(rng, rows) * rng.choice([1.0, 1.0, 1.0, 1e6])
    label = (rng.random(rows) < expit(design @ rng.normal(size=columns))).astype(float)
    if kind == "no answer":
        label[:] = 0.0
    if kind == "all answered":
        label[:] = 1.0
    if kind == "separable":
        label = (design[:, -1] > np.median(design[:, -1])).astype(float)
    if kind == "one answer among a million":
        label[:] = 0.0
        label[0], weight[:] = 1.0, 1e6 / rows
        weight[0] = 1.0
    return Problem(
        BINOMIAL,
        design,
        weight * label,
        weight,
        offsets(rng, rows),
        rng.choice([0.0, 1.0], columns),
        np.diag(precisions(rng, columns)),
    )


def counts(rng: np.random.Generator, kind: str, cells: int) -> tuple[Array, Array]:
    """Return sends (or exposure) and answers (or events) by cell."""
    busy = rng.random(cells) < rng.choice([0.05, 0.3, 1.0])
    trials = busy * weights(rng, cells) * 10.0 ** rng.uniform(0, 3)
    share = {"no answer": 0.0, "all answered": 1.0}.get(kind, rng.random(cells))
    if kind == "separable":
        share = (np.arange(cells) < cells // 2).astype(float)
    if kind == "one answer among a million":
        trials[0] = 1e6
        return trials, np.where(np.arange(cells) == 0, 1.0, 0.0)
    return trials, trials * share
