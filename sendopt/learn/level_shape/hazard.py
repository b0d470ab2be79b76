"""A discrete-time hazard over the hours of the day: what counts of answers say, for many rows.

A send passes the latency stages one after the other, and each stage answers it or lets it
pass on. Rows are users, or days of everybody; all are worked out together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import SolverFailed
from sendopt.features import HALF_HOURS, Evidence
from sendopt.parallel import shared_out

_WAVES = 10  # of a day: the shortest takes 2.4 hours
_ROUGH_HOURS = 1.0  # over which a rough curve changes


def levels(evidence: Evidence, known: NDArray[np.float64], precision: float) -> NDArray[np.float64]:
    """Return the mode of every row's own addition to the logits `known`.

    Raises:
        SolverFailed: see `solve`.
    """
    rows = len(known)
    sends, opens = evidence.sends.reshape(rows, 1, -1), evidence.opens.reshape(rows, 1, -1)
    nothing = np.zeros((sends.shape[2], 0))
    offset, certain = known.reshape(rows, 1, -1), np.array([precision])
    own, _ = solve(sends, opens, offset, nothing, certain, with_variance=False)
    return own[:, 0]


def modes(
    evidence: Evidence,
    offset: NDArray[np.float64],
    waves: NDArray[np.float64],
    variance: NDArray[np.float64],
    *,
    stage_sd: float,
    with_variance: bool = True,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the posterior's mode of every row's coefficients of `waves`, and how sure it is.

    Args:
        evidence: one row for each set of coefficients.
        offset: (rows, stages, day types or 1, half hours or 1), the known part of the logit.
        waves: (day types or 1, half hours, coefficients).
        variance: of the Gaussian prior of the coefficients, whose mean is 0.
        stage_sd: of a constant that every row has at each stage, worked out and left aside.
        with_variance: False for whoever does not ask how sure it is, which gets no rows of that.

    Returns:
        The coefficients, (rows, coefficients), and the posterior variances of the waves' sum,
        (rows, day types or 1, half hours).

    Raises:
        SolverFailed: see `solve`.
    """
    rows, stages = evidence.answers.shape[:2]
    cells = evidence.answers.shape[2:]
    passed = evidence.sends[:, None] - evidence.answers.cumsum(axis=1)
    at_risk = evidence.answers + np.maximum(passed, 0.0)  # rounding may leave less than nothing
    own, spread = solve(
        at_risk.reshape(rows, stages, -1),
        evidence.answers.reshape(rows, stages, -1),
        # A copy of its own: for one that may not be written to, all would be compiled once more.
        np.array(np.broadcast_to(offset, (rows, stages, *cells))).reshape(rows, stages, -1),
        np.ascontiguousarray(waves.reshape(-1, waves.shape[-1])),
        1.0 / np.concatenate([np.full(stages, stage_sd**2), variance]),
        with_variance=with_variance,
    )
    return own[:, stages:], spread.reshape(-1, *waves.shape[:2])


def solve(
    at_risk: NDArray[np.float64],
    answers: NDArray[np.float64],
    offset: NDArray[np.float64],
    waves: NDArray[np.float64],
    precision: NDArray[np.float64],
    *,
    poisson: bool = False,
    with_variance: bool = True,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return every row's constants and coefficients, and the variances of the waves' sum.

    Args:
        at_risk: (rows, stages, cells), sends that came to a stage, or expected events.
        answers: (rows, stages, cells), of them, or events.
        offset: (rows, stages, cells), the known part of the logit, or of the log rate.
        waves: (points, coefficients); the cells are the points, once or several times over.
        precision: of the Gaussian prior: of the stages' constants, then of the coefficients.
        poisson: counts are events, as many as there are, and not answers out of `at_risk`.
        with_variance: False returns no rows of variances.

    Raises:
        SolverFailed: if a row's mode was not found: its counts or offsets are not finite, or the
            search gave up.
    """
    # Numba takes half a second to import, which only those who learn or score should pay.
    from sendopt.learn.numerics import hazard_modes  # noqa: PLC0415

    own = np.zeros((len(at_risk), len(precision)))
    spread = np.empty((len(at_risk) if with_variance else 0, len(waves)))
    family = hazard_modes.POISSON if poisson else hazard_modes.BINOMIAL

    def work(rows: slice) -> int:
        counts = at_risk[rows], answers[rows], offset[rows]
        written = own[rows], spread[rows]
        failed: int = hazard_modes.modes(*counts, waves, precision, family, *written)
        return failed

    failed = sum(shared_out(len(at_risk), work))
    if failed:
        raise SolverFailed(
            f"no likeliest curve was found for the answers of {failed} of {len(at_risk)} rows",
            hint="look for counts in the log's evidence that are negative or not finite; if there "
            "are none, the search gave up: please report it",
        )
    return own, spread


def waves_of_the_day(
    sd: float, length_hours: float, *, rough: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the first waves of the day at half hours' middles, and their prior variances.

    Waves whose variances fall like exp(-(k w l)^2 / 2) are a Gaussian process on the circle with a
    smooth kernel, the squared exponential of length l; those that fall like 1 / (1 + (k w r)^2) are
    one with a rough kernel, the exponential of length r (their Fourier series; Rasmussen and
    Williams 2006, section 4.2). Habits are both: who answers at three likely does so at half past,
    and yet lessons and shifts end at the minute.

    Args:
        sd: of the process at any time.
        length_hours: of the smooth kernel.
        rough: the share of the variance that is rough.
    """
    number = np.arange(1, _WAVES + 1)
    angle = 2.0 * np.pi * np.outer(np.arange(HALF_HOURS) + 0.5, number) / HALF_HOURS
    frequency = number * 2.0 * np.pi / 24.0
    smooth_power = np.exp(-0.5 * (frequency * length_hours) ** 2)
    rough_power = 1.0 / (1.0 + (frequency * _ROUGH_HOURS) ** 2)
    power = (1.0 - rough) * smooth_power / smooth_power.sum()
    power += rough * rough_power / rough_power.sum()
    return np.hstack([np.cos(angle), np.sin(angle)]), sd**2 * np.tile(power, 2)


def by_day_type(waves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the waves on weekdays and at weekends, (2, half hours, 2 x waves).

    The second half of them is how weekends differ: half of it is taken from weekdays.
    """
    weekend = np.array([-0.5, 0.5])[:, None, None]
    both = [np.broadcast_to(waves, (2, *waves.shape)), weekend * waves]
    return np.concatenate(both, axis=2)


def total(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return every row's sum over the local week, the last two axes kept at length 1."""
    summed: NDArray[np.float64] = counts.sum(axis=(-2, -1), keepdims=True)
    return summed
