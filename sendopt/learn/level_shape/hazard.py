"""A discrete-time hazard over the hours of the day: what counts of answers say, for many rows.

A send passes the stages of promptness one after the other, and each stage answers it or lets it
pass on. Rows are users, or days of everybody; all are worked out together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import SolverFailed
from sendopt.features import HALF_HOURS, Evidence

_WAVES = 10  # of a day: the shortest takes 2.4 hours


def levels(seen: Evidence, known: NDArray[np.float64], precision: float) -> NDArray[np.float64]:
    """Return the mode of every row's own addition to the logits `known`.

    Raises:
        SolverFailed: see `_modes`.
    """
    rows = len(known)
    sends, opens = seen.sends.reshape(rows, 1, -1), seen.opens.reshape(rows, 1, -1)
    nothing = np.zeros((sends.shape[2], 0))
    own, _ = _modes(sends, opens, known.reshape(rows, 1, -1), nothing, np.array([precision]))
    return own[:, 0]


def modes(
    seen: Evidence,
    offset: NDArray[np.float64],
    waves: NDArray[np.float64],
    variance: NDArray[np.float64],
    *,
    stage_sd: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the posterior's mode of every row's coefficients of `waves`, and how sure it is.

    Args:
        seen: one row for each set of coefficients.
        offset: (rows, stages, day types or 1, half hours or 1), the known part of the logit.
        waves: (day types or 1, half hours, coefficients).
        variance: of the Gaussian prior of the coefficients, whose mean is 0.
        stage_sd: of a constant that every row has at each stage, worked out and left aside.

    Returns:
        The coefficients, (rows, coefficients), and the posterior variances of the waves' sum,
        (rows, day types or 1, half hours).

    Raises:
        SolverFailed: see `_modes`.
    """
    rows, stages = seen.answers.shape[:2]
    cells = seen.answers.shape[2:]
    passed = seen.sends[:, None] - seen.answers.cumsum(axis=1)
    at_risk = seen.answers + np.maximum(passed, 0.0)  # rounding may leave less than nothing
    own, spread = _modes(
        at_risk.reshape(rows, stages, -1),
        seen.answers.reshape(rows, stages, -1),
        np.broadcast_to(offset, (rows, stages, *cells)).reshape(rows, stages, -1),
        np.ascontiguousarray(waves.reshape(-1, waves.shape[-1])),
        1.0 / np.concatenate([np.full(stages, stage_sd**2), variance]),
    )
    return own[:, stages:], spread.reshape(rows, *waves.shape[:2])


def _modes(
    at_risk: NDArray[np.float64],
    answers: NDArray[np.float64],
    offset: NDArray[np.float64],
    waves: NDArray[np.float64],
    precision: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return every row's constants and coefficients, and the variances of the waves' sum.

    Raises:
        SolverFailed: if a row has no mode, which needs counts or offsets that are not finite.
    """
    # Numba takes half a second to import, which only those who learn or score should pay.
    from sendopt.learn.numerics import hazard_modes  # noqa: PLC0415

    own, spread = np.zeros((len(at_risk), len(precision))), np.empty((len(at_risk), len(waves)))
    failed = hazard_modes.modes(
        at_risk, answers, offset, waves, precision, hazard_modes.BINOMIAL, own, spread
    )
    if failed:
        raise SolverFailed(
            f"the answers of {failed} of {len(at_risk)} rows have no likeliest curve",
            hint="look for counts that are not finite in the log's evidence",
        )
    return own, spread


def waves_of_the_day(
    sd: float, length_hours: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the first waves of the day at half hours' middles, and their prior variances.

    Waves whose variances fall like 1 / (1 + (k w l)^2) are a Gaussian process on the circle with an
    exponential kernel of length l (its Fourier series; Rasmussen and Williams 2006, section 4.2):
    a rough one, because what a user does at three need not tell of four.
    """
    number = np.arange(1, _WAVES + 1)
    angle = 2.0 * np.pi * np.outer(np.arange(HALF_HOURS) + 0.5, number) / HALF_HOURS
    power = 1.0 / (1.0 + (number * 2.0 * np.pi / 24.0 * length_hours) ** 2)
    variance = sd**2 * np.tile(power / power.sum(), 2)
    return np.hstack([np.cos(angle), np.sin(angle)]), variance


def total(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return every row's sum over the local week, the last two axes kept at length 1."""
    summed: NDArray[np.float64] = counts.sum(axis=(-2, -1), keepdims=True)
    return summed
