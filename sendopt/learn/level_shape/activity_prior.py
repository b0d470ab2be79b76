"""When each user is active, given how users differ in it.

A logistic-normal model (Aitchison and Shen 1980). The log density of a user's sessions over the
hours of weekdays and weekends is a mean plus the user's own part, drawn from a normal distribution
whose covariance is learned from all users (Laplace EM): it knows that neighbouring hours go
together, weekday and weekend, and whoever comes at seven comes again at ten. So it takes the place
of smoothing widths, of segments and of archetypes. A user without history has everybody's hours;
evidence moves them, and no rule switches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import SolverFailed
from sendopt.features import DAY_TYPES, HALF_HOURS
from sendopt.learn.numerics import circular
from sendopt.parallel import shared_out

HOURS = 24

_CELLS = DAY_TYPES * HOURS
#: Of learning; it is stopped early, before its maximum: see models/level_shape_trees/README.md.
ROUNDS = 5
_PRIOR_USERS = 20.0  # whose hours the covariance assumed before learning counts for
_FEWEST_SESSIONS = 5.0  # of a user who teaches how users differ
_SMOOTHING_HOURS = 0.75
_DAY_TYPE_PRIOR = 50.0  # sessions of everybody
_MOST_VARIANCE = 1.0  # beyond it a lognormal mean rests on its tail, which is not to be trusted

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ActivityPrior:
    """How users' hours differ, by cell: of weekdays, then of weekends, DAY_TYPES x HOURS."""

    everybody: Floats  # the density of all sessions together
    mean: Floats  # log density in the middle of all users'
    covariance: Floats  # (cells, cells), of users' log densities about it

    @cached_property
    def precision(self) -> Floats:
        """The inverse of the covariance."""
        return np.ascontiguousarray(np.linalg.inv(self.covariance))

    @property
    def of_everybody(self) -> Floats:
        """Everybody's density by half hour, (1, DAY_TYPES, HALF_HOURS)."""
        return _by_half_hours(self.everybody)


def unlearned() -> ActivityPrior:
    """Return what is believed before anybody was seen: all hours alike, neighbours together."""
    return _first_guess(np.zeros((1, DAY_TYPES, HOURS)))


def learn(sessions: Floats, *, rounds: int = ROUNDS) -> ActivityPrior:
    """Learn how users' hours differ.

    Args:
        sessions: decayed counts, one row a user, (users, DAY_TYPES, HALF_HOURS).
        rounds: of expectation and maximisation.
    """
    counts = _hourly(sessions)
    assumed = _first_guess(counts)
    counts = counts[counts.sum(axis=(1, 2)) >= _FEWEST_SESSIONS]
    users = len(counts)
    prior, own = assumed, np.zeros((users, _CELLS))
    for _ in range(rounds if users else 0):
        second = np.zeros((_CELLS, _CELLS))
        own, _variance, _density_variance = _posteriors(prior, counts, own, second=second)
        shift = own.mean(axis=0) * users / (users + _PRIOR_USERS)
        own -= shift
        second += own.T @ own + _PRIOR_USERS * assumed.covariance
        prior = ActivityPrior(
            assumed.everybody, prior.mean + shift, second / (users + _PRIOR_USERS)
        )
    return prior


def densities(prior: ActivityPrior, sessions: Floats) -> Floats:
    """Return the densities of `posterior`."""
    return posterior(prior, sessions)[0]


def posterior(
    prior: ActivityPrior, sessions: Floats, *, with_variance: bool = True
) -> tuple[Floats, Floats]:
    """Return every user's density of sessions over the local day, and how sure it is.

    Args:
        prior: how users' hours differ.
        sessions: decayed counts, (rows, DAY_TYPES, HALF_HOURS).
        with_variance: False for whoever does not ask how sure it is, which gets no rows of that.

    Returns:
        The posterior mean (lognormal), of the shape of `sessions`; each day type sums to 1.
        Everybody's density weighs as much as one session: it is all there is for who was never
        seen. And the posterior variance of the log density, of the same shape.
    """
    counts = _hourly(sessions)
    evidence = counts.sum(axis=(1, 2))
    active = np.flatnonzero(evidence != 0)  # NaN too: it must be seen, not passed over
    density = np.tile(prior.everybody, (len(counts), 1))
    density_variance = np.tile(_of_density(prior), (len(counts) if with_variance else 0, 1))
    if len(active):
        begin = np.zeros((len(active), _CELLS))
        own, variance, own_density_variance = _posteriors(
            prior, counts[active], begin, with_density_variance=with_variance
        )
        if with_variance:
            density_variance[active] = own_density_variance
        weight = evidence[active, None]
        learned = _softmax(prior.mean + own + np.minimum(variance, _MOST_VARIANCE) / 2.0)
        density[active] = (prior.everybody + weight * learned) / (1.0 + weight)
    halves = HALF_HOURS // HOURS
    by_half_hours = np.repeat(density_variance.reshape(-1, DAY_TYPES, HOURS), halves, axis=-1)
    return _by_half_hours(density), by_half_hours


def _posteriors(
    prior: ActivityPrior,
    counts: Floats,
    begin: Floats,
    *,
    with_density_variance: bool = True,
    second: Floats | None = None,
) -> tuple[Floats, Floats, Floats]:
    """Return modes and variances of every row's own part, and variances of its log density.

    There are no rows of the latter without `with_density_variance`.

    The posterior covariances are added to `second`.

    Raises:
        SolverFailed: if a row's mode was not found: its counts or the prior are not finite, or the
            search gave up.
    """
    # Numba takes half a second to import, which only those who learn or score should pay.
    from sendopt.learn.numerics.clock_modes import posteriors  # noqa: PLC0415

    own, variance = begin.copy(), np.empty_like(begin)
    density_variance = np.empty_like(begin) if with_density_variance else begin[:0]
    squares: dict[int, Floats] = {}  # by the first row of the share that they are of

    def work(rows: slice) -> int:
        squares[rows.start] = np.zeros((_CELLS, _CELLS))
        given = counts[rows], prior.mean, prior.covariance, prior.precision
        written = own[rows], variance[rows], density_variance[rows], squares[rows.start]
        wanted = with_density_variance, second is not None
        failed: int = posteriors(*given, *written, *wanted)
        return failed

    failed = sum(shared_out(len(counts), work))
    if second is not None:
        for first in sorted(squares):
            second += squares[first]
    if failed:
        raise SolverFailed(
            f"no likeliest hours were found for the sessions of {failed} of {len(counts)} users",
            hint="look for counts in the log's evidence that are negative or not finite; if there "
            "are none, the search gave up: please report it",
        )
    return own, variance, density_variance


def _of_density(prior: ActivityPrior) -> Floats:
    """Return the variance of the log density of somebody who was never seen."""
    common = np.kron(np.eye(DAY_TYPES), np.ones((HOURS, 1))) @ (
        np.kron(np.eye(DAY_TYPES), np.ones(HOURS)) * prior.everybody
    )
    apart = np.eye(_CELLS) - common
    variance: Floats = np.diag(apart @ prior.covariance @ apart.T).copy()
    return variance


def _first_guess(counts: Floats) -> ActivityPrior:
    """Return everybody's density, and a covariance that ties neighbouring hours together."""
    smooth = counts.sum(axis=0) @ circular.gaussian(_SMOOTHING_HOURS, HOURS)
    all_days = smooth.sum(axis=0) + 1.0 / HOURS  # one session, anywhere
    density = smooth + _DAY_TYPE_PRIOR * all_days / all_days.sum()
    density /= density.sum(axis=-1, keepdims=True)

    def together(length_hours: float) -> Floats:
        """Periodic kernel (MacKay 1998)."""
        apart = np.pi * (np.arange(HOURS)[:, None] - np.arange(HOURS)) / HOURS
        width = 2.0 * np.pi * length_hours / HOURS
        kernel: Floats = np.exp(-2.0 * (np.sin(apart) / width) ** 2)
        return kernel

    hours = 0.9 * (0.89 * together(1.5) + 0.1 * together(4.0))
    day_types = 0.8 + 0.2 * np.eye(DAY_TYPES)
    covariance = np.kron(day_types, hours) + 0.01 * np.eye(_CELLS)
    return ActivityPrior(density.ravel(), np.log(density).ravel(), covariance)


def _by_half_hours(density: Floats) -> Floats:
    halves = HALF_HOURS // HOURS
    return np.repeat(density.reshape(-1, DAY_TYPES, HOURS) / halves, halves, axis=-1)


def _hourly(sessions: Floats) -> Floats:
    hourly: Floats = sessions.reshape(-1, DAY_TYPES, HOURS, HALF_HOURS // HOURS).sum(axis=-1)
    return hourly


def _softmax(log_density: Floats) -> Floats:
    """Return densities, each day type summing to 1."""
    by_type = log_density.reshape(-1, DAY_TYPES, HOURS)
    weight = np.exp(by_type - by_type.max(axis=-1, keepdims=True))
    density: Floats = (weight / weight.sum(axis=-1, keepdims=True)).reshape(-1, _CELLS)
    return density
