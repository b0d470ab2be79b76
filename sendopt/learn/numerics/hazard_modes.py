"""Where each row's curve of counts is most likely, and how sure that is: compiled, row by row.

Newton's method on a concave log posterior, each step halved until the posterior rises, ended by
its own gradient (Boyd and Vandenberghe 2004, section 9.5). Cells at which nothing was at risk are
passed over, so a short history is quick. As in `clock_modes`, the loops add multiples of whole
rows.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

import math

import numpy as np

from sendopt.compiled import compiled
from sendopt.learn.numerics.cholesky import cholesky, invert, solve

#: What a cell counts: answers among so many sends, or events within so much exposure.
BINOMIAL, POISSON = 0, 1

_MOST_STEPS, _MOST_HALVINGS = 1000, 60
_CLOSE = 1e-8  # nats, twice what the last step may gain: 1/10,000 of a posterior deviation
_FIRST_REACH = 4.0  # of a logit: further away the curvature says nothing until steps proved right
_ARMIJO = 1e-4  # of the gain that the slope promises, which a step must keep
_ROUNDING = 1e-13  # of the log posterior; of a slope as much, so of what a step gains the square


@compiled(error_model="numpy")
def modes(at_risk, happened, offset, waves, precision, family, own, variance):
    """Find each row's mode, and return how many rows have none that could be found.

    The logit (or log rate) of stage s at cell c is offset + constant[s] + waves[c] coefficients.
    Rows without a mode hold something that is not finite; what is written for them is no solution.

    Args:
        at_risk: (rows, stages, cells), sends that came to a stage, or exposure; 0 = passed over.
        happened: (rows, stages, cells), those that it answered, or events; at most `at_risk` where
            the counts are binomial.
        offset: (rows, stages, cells), the known part.
        waves: (points, coefficients); the cells are the points, once or several times over.
        precision: of the Gaussian prior, whose mean is 0: first of the stages' constants, one each
            or none at all, then of the coefficients; positive.
        family: BINOMIAL or POISSON.
        own: (rows, constants + coefficients), where to begin; the modes afterwards.
        variance: (rows, points); the posterior variances of the waves' sum are written here. No
            rows: they are not wanted.
    """
    rows, points, size = len(at_risk), len(waves), len(precision)
    constants = size - waves.shape[1]
    crests = waves.T.copy()
    factor, inverse = np.empty((size, size)), np.empty((size, size))
    slope, value = np.empty(size), np.empty(points)
    failed = 0
    for row in range(rows):
        counts = (at_risk[row], happened[row], offset[row], _busy(at_risk[row], points))
        if not _climb(counts, waves, crests, precision, family, own[row], slope, value, factor):
            failed += 1
        if len(variance):
            invert(factor, inverse)
            _spread(inverse, crests, constants, value, variance[row])
    return failed


@compiled(error_model="numpy")
def _climb(counts, waves, crests, precision, family, own, slope, value, factor):
    """Write one row's mode and the factor of its curvature; return whether it is one."""
    constants = len(precision) - waves.shape[1]
    step, tried = np.empty_like(slope), np.empty_like(own)
    _add_up(crests, own[constants:], value)
    height = _posterior(counts, waves, precision, family, own, value, slope, factor)
    if not math.isfinite(height):
        return False
    reach = _FIRST_REACH
    for _ in range(_MOST_STEPS):
        cholesky(factor)
        step[:] = slope
        solve(factor, step)
        gain = 0.0
        for place in range(len(step)):
            gain += slope[place] * step[place]
        if gain <= _CLOSE + _ROUNDING**2 * abs(height):
            own += step
            return True
        length = _length(crests, step, constants, value)
        share = min(1.0, reach / length)
        risen = False
        for _ in range(_MOST_HALVINGS):
            tried[:] = own + share * step
            _add_up(crests, tried[constants:], value)
            reached = _posterior(counts, waves, precision, family, tried, value, slope, factor)
            if reached >= height + _ARMIJO * share * gain - _ROUNDING * abs(height):
                risen = True
                break
            share /= 2.0
        if not risen:
            return False
        reach = max(reach, 2.0 * share * length)
        own[:] = tried
        height = reached
    return False


@compiled(error_model="numpy")
def _length(crests, step, constants, value):
    """Return by how much a step moves any logit at most, above 0."""
    longest = 0.0
    for place in range(constants):
        longest = max(longest, abs(step[place]))
    _add_up(crests, step[constants:], value)
    highest = 0.0
    for point in range(len(value)):
        highest = max(highest, abs(value[point]))
    return max(longest + highest, 1e-300)


@compiled(error_model="numpy")
def _busy(at_risk, points):
    """Return the points at which anything was at risk."""
    stages, cells = at_risk.shape
    busy = np.zeros(points, np.bool_)
    for stage in range(stages):
        for cell in range(cells):
            if at_risk[stage, cell] != 0.0:  # NaN too: it must be seen, not passed over
                busy[cell % points] = True
    return np.flatnonzero(busy)


@compiled(error_model="numpy")
def _count(at_risk, happened, logit, family):
    """Return a cell's log likelihood, its slope and its negative curvature in the logit.

    Written so that a cell whose probability rounds to 0 or 1 still counts exactly.
    """
    if family == POISSON:
        expected = at_risk * math.exp(logit)
        return happened * logit - expected, happened - expected, expected
    small = math.exp(-abs(logit))
    less, more = small / (1.0 + small), 1.0 / (1.0 + small)
    rest = at_risk - happened
    log_more = -math.log1p(small)
    bend = at_risk * less * more
    if logit > 0.0:
        return at_risk * log_more - rest * logit, happened * less - rest * more, bend
    return at_risk * log_more + happened * logit, happened * more - rest * less, bend


@compiled(error_model="numpy")
def _posterior(counts, waves, precision, family, own, value, slope, curvature):
    """Return one row's log posterior; write its slope and negative curvature (the upper half).

    `value` is the waves' sum at every point.
    """
    at_risk, happened, offset, busy = counts
    stages, cells = at_risk.shape
    points, size = len(waves), len(precision)
    constants = size - waves.shape[1]
    curvature[:] = 0.0
    height = 0.0
    for place in range(size):
        curvature[place, place] = precision[place]
        slope[place] = -precision[place] * own[place]
        height -= 0.5 * precision[place] * own[place] ** 2
    of_stage = np.empty(stages)
    for point in busy:
        wave, residual, weight = waves[point], 0.0, 0.0
        for stage in range(stages):
            missed, bend = 0.0, 0.0
            constant = own[stage] if constants else 0.0
            for cell in range(point, cells, points):
                if at_risk[stage, cell] != 0.0:
                    logit = offset[stage, cell] + constant + value[point]
                    likelihood, up, down = _count(
                        at_risk[stage, cell], happened[stage, cell], logit, family
                    )
                    height += likelihood
                    missed += up
                    bend += down
            of_stage[stage] = bend
            if constants:
                slope[stage] += missed
                curvature[stage, stage] += bend
            residual += missed
            weight += bend
        for stage in range(constants):
            for place in range(constants, size):
                curvature[stage, place] += of_stage[stage] * wave[place - constants]
        for place in range(constants, size):
            slope[place] += residual * wave[place - constants]
            share = weight * wave[place - constants]
            for other in range(place, size):
                curvature[place, other] += share * wave[other - constants]
    return height


@compiled(error_model="numpy")
def _add_up(crests, coefficient, value):
    """Write the waves' sum at every point; `crests` are the waves, one a row."""
    value[:] = 0.0
    for place in range(len(coefficient)):
        for point in range(len(value)):
            value[point] += coefficient[place] * crests[place, point]


@compiled(error_model="numpy")
def _spread(inverse, crests, constants, value, variance):
    """Write the variance of the waves' sum at every point, from the inverse factor."""
    variance[:] = 0.0
    for row in range(constants, len(inverse)):
        _add_up(crests, inverse[row, constants : row + 1], value)
        for point in range(len(value)):
            variance[point] += value[point] ** 2
