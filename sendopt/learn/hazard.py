"""A discrete-time hazard over the hours of the day: what counts of answers say, for many rows.

A send passes the stages of promptness one after the other, and each stage answers it or lets it
pass on. Rows are users, or days of everybody; all are worked out together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.features import HALF_HOURS, Evidence
from sendopt.learn.logistic import sigmoid

_MOST_STEPS = 40
_CLOSE = 1e-4  # of a logit; Newton's next error would be about its square
_LONGEST_STEP = 2.0  # of a logit: further away the curvature says nothing
_LEVEL_STEPS = 8
_WAVES = 10  # of a day: the shortest takes 2.4 hours


def levels(seen: Evidence, known: NDArray[np.float64], precision: float) -> NDArray[np.float64]:
    """Return the mode of every row's own addition to the logits `known`."""
    level = np.zeros((len(known), 1, 1))
    for _ in range(_LEVEL_STEPS):
        p = sigmoid(known + level)
        slope = total(seen.opens - seen.sends * p) - precision * level
        step = slope / (total(seen.sends * p * (1.0 - p)) + precision)
        level += np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
    return level[:, 0, 0]


def modes(
    seen: Evidence,
    offset: NDArray[np.float64],
    waves: NDArray[np.float64],
    variance: NDArray[np.float64],
    *,
    stage_sd: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the posterior's mode of every row's coefficients of `waves`, and its covariance.

    Args:
        seen: one row for each set of coefficients.
        offset: (rows, stages, day types or 1, half hours or 1), the known part of the logit.
        waves: (day types, half hours, coefficients).
        variance: of the Gaussian prior of the coefficients, whose mean is 0.
        stage_sd: of a constant that every row has at each stage, worked out and left aside.
    """
    rows, stages = seen.answers.shape[:2]
    flat = waves.reshape(-1, waves.shape[-1])
    squares = (flat[:, :, None] * flat[:, None, :]).reshape(len(flat), -1)
    precision = 1.0 / np.concatenate([np.full(stages, stage_sd**2), variance])
    constant, wave = slice(0, stages), slice(stages, None)
    own = np.zeros((rows, len(precision)))
    curvature = np.tile(np.diag(precision), (rows, 1, 1))
    at_risk = seen.sends[:, None] - (seen.answers.cumsum(axis=1) - seen.answers)
    at_risk, answers = at_risk.reshape(rows, stages, -1), seen.answers.reshape(rows, stages, -1)
    offset = np.broadcast_to(offset, (rows, stages, *waves.shape[:2])).reshape(rows, stages, -1)
    moving = np.arange(rows)
    for _ in range(_MOST_STEPS):
        mine = own[moving]
        logit = offset[moving] + mine[:, constant, None] + (mine[:, wave] @ flat.T)[:, None]
        p = sigmoid(logit)
        expected = at_risk[moving] * p
        residual, weight = answers[moving] - expected, expected * (1.0 - p)
        slope = -precision * mine
        slope[:, constant] += residual.sum(axis=2)
        slope[:, wave] += residual.sum(axis=1) @ flat
        bend = np.tile(np.diag(precision), (len(moving), 1, 1))
        bend[:, constant, constant] += weight.sum(axis=2)[:, :, None] * np.eye(stages)
        bend[:, constant, wave] += weight @ flat
        bend[:, wave, constant] = bend[:, constant, wave].transpose(0, 2, 1)
        bend[:, wave, wave] += (weight.sum(axis=1) @ squares).reshape(-1, *[flat.shape[1]] * 2)
        step = np.linalg.solve(bend, slope[:, :, None])[:, :, 0]
        change = np.abs(step[:, wave] @ flat.T).max(axis=1) + np.abs(step[:, constant]).max(axis=1)
        own[moving] += step * np.minimum(1.0, _LONGEST_STEP / np.maximum(change, 1e-12))[:, None]
        curvature[moving] = bend
        moving = moving[change > _CLOSE]
        if len(moving) == 0:
            break
    covariance = np.asarray(np.linalg.inv(curvature), np.float64)
    return own[:, wave], covariance[:, wave, wave]


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
