"""Where each row's hazard is most likely, and how sure that is: compiled, one row at a time.

Hours at which nothing was at risk are passed over, so a short history is quick. As in
`clock_modes`, the loops add multiples of whole rows.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

import math

import numpy as np

from sendopt.compiled import compiled
from sendopt.learn.numerics.cholesky import cholesky, invert, solve

_MOST_STEPS = 40
_CLOSE = 1e-4  # of a logit; Newton's next error would be about its square
_LONGEST_STEP = 2.0  # of a logit: further away the curvature says nothing
_LEVEL_STEPS = 8


@compiled()
def modes(at_risk, answers, offset, waves, precision, own, variance):
    """Find each row's mode by Newton's method.

    Args:
        at_risk: (rows, stages, cells), sends that came to a stage.
        answers: (rows, stages, cells), those that it answered.
        offset: (rows, stages, cells), the known part of the logit.
        waves: (points, coefficients); the cells are the points, once or several times over.
        precision: (stages + coefficients), of the Gaussian prior; the stages' constants first.
        own: (rows, stages + coefficients), zeros; the modes afterwards.
        variance: (rows, points); the posterior variances of the waves' sum are written here.
    """
    rows, stages, _cells = at_risk.shape
    points, size = len(waves), len(precision)
    crests = waves.T.copy()
    factor, inverse = np.empty((size, size)), np.empty((size, size))
    slope, value = np.empty(size), np.empty(points)
    for row in range(rows):
        busy = _busy(at_risk[row], points)
        for step in range(_MOST_STEPS + 1):
            _add_up(crests, own[row, stages:], value)
            _curvature(
                at_risk[row],
                answers[row],
                offset[row],
                waves,
                busy,
                value,
                precision,
                own[row],
                slope,
                factor,
            )
            cholesky(factor)
            if step == _MOST_STEPS:
                break
            solve(factor, slope)
            change = 0.0
            for stage in range(stages):
                change = max(change, abs(slope[stage]))
            _add_up(crests, slope[stages:], value)
            highest = 0.0
            for point in range(points):
                highest = max(highest, abs(value[point]))
            change += highest
            share = min(1.0, _LONGEST_STEP / max(change, 1e-12))
            for place in range(size):
                own[row, place] += share * slope[place]
            if change <= _CLOSE:
                break
        invert(factor, inverse)
        _spread(inverse, crests, stages, value, variance[row])


@compiled()
def levels(sends, opens, known, precision, level):
    """Write the mode of each row's own addition to its logits.

    Args:
        sends: (rows, cells).
        opens: (rows), those that were answered, over all cells.
        known: (rows, cells), the logits without it.
        precision: of its Gaussian prior, whose mean is 0.
        level: (rows), zeros.
    """
    rows, cells = sends.shape
    for row in range(rows):
        for _ in range(_LEVEL_STEPS):
            slope, bend = opens[row] - precision * level[row], precision
            for cell in range(cells):
                if sends[row, cell] > 0.0:
                    p = _sigmoid(known[row, cell] + level[row])
                    slope -= sends[row, cell] * p
                    bend += sends[row, cell] * p * (1.0 - p)
            level[row] += min(max(slope / bend, -_LONGEST_STEP), _LONGEST_STEP)


@compiled()
def _sigmoid(logit):
    return 1.0 / (1.0 + math.exp(-min(max(logit, -30.0), 30.0)))


@compiled()
def _busy(at_risk, points):
    """Return the points at which anything was at risk."""
    cells = at_risk.shape[1]
    busy = np.zeros(points, np.bool_)
    for cell in range(cells):
        if at_risk[0, cell] > 0.0:
            busy[cell % points] = True
    return np.flatnonzero(busy)


@compiled()
def _curvature(at_risk, answers, offset, waves, busy, value, precision, own, slope, curvature):
    """Write slope and negative curvature of one row's log posterior; the lower half is enough.

    `busy` are the points at which anything was at risk, `value` is the waves' sum at every point.
    """
    stages, cells = at_risk.shape
    points, size = len(waves), len(precision)
    curvature[:] = 0.0
    for place in range(size):
        curvature[place, place] = precision[place]
        slope[place] = -precision[place] * own[place]
    of_stage = np.empty(stages)
    for point in busy:
        wave, residual, weight = waves[point], 0.0, 0.0
        for stage in range(stages):
            missed, bend = 0.0, 0.0
            for cell in range(point, cells, points):
                if at_risk[stage, cell] > 0.0:
                    p = _sigmoid(offset[stage, cell] + own[stage] + value[point])
                    expected = at_risk[stage, cell] * p
                    missed += answers[stage, cell] - expected
                    bend += expected * (1.0 - p)
            slope[stage] += missed
            curvature[stage, stage] += bend
            of_stage[stage] = bend
            residual += missed
            weight += bend
        for place in range(stages, size):
            slope[place] += residual * wave[place - stages]
            share = wave[place - stages]
            for stage in range(stages):
                curvature[place, stage] += share * of_stage[stage]
            for other in range(place - stages + 1):
                curvature[place, stages + other] += weight * share * wave[other]


@compiled()
def _add_up(crests, coefficient, value):
    """Write the waves' sum at every point; `crests` are the waves, one a row."""
    value[:] = 0.0
    for place in range(len(coefficient)):
        for point in range(len(value)):
            value[point] += coefficient[place] * crests[place, point]


@compiled()
def _spread(inverse, crests, stages, value, variance):
    """Write the variance of the waves' sum at every point, from the inverse factor."""
    variance[:] = 0.0
    for row in range(stages, len(inverse)):
        _add_up(crests, inverse[row, stages : row + 1], value)
        for point in range(len(value)):
            variance[point] += value[point] ** 2
