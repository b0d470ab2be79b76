"""Where each row's curve of counts is most likely, and how sure that is: compiled, row by row.

Conjugate gradients in the prior's metric first (Nocedal and Wright 2006, section 5.2: Polak and
Ribiere's, with a Newton step along each direction). The curvature is nowhere less than the prior's,
so what is left to gain is no more than their gradient says: for a short history they end at the
mode without a factor of the curvature. Where they do not, or where the curvature is asked for,
Newton's method goes on: each step halved until the posterior rises, ended by its own gradient (Boyd
and Vandenberghe 2004, section 9.5). Cells at which nothing was at risk are passed over.
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
_MOST_DIRECTIONS = 16  # of conjugate gradients: beyond, Newton's method is quicker
_NOTHING = 1e-12  # nats, twice what is left to gain where conjugate gradients end
_CLOSE = 1e-8  # nats, twice what the last step may gain: 1/10,000 of a posterior deviation
_FIRST_REACH = 4.0  # of a logit: further away the curvature says nothing until steps proved right
_ARMIJO = 1e-4  # of the gain that the slope promises, which a step must keep
_ROUNDING = 1e-13  # of the log posterior; of a slope as much, so of what a step gains the square


@compiled(error_model="numpy")
def modes(at_risk, happened, offset, waves, precision, family, own, variance):
    """Find each row's mode, and return how many rows have none that could be found.

    The logit (or log rate) of stage s at cell c is offset + constant[s] + waves[c] coefficients.
    Those rows are NaN throughout: their counts are not finite or no counts, or Newton's method gave
    up before it was there.

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
    slope, value, some = np.empty(size), np.empty(points), np.empty_like(crests)
    failed = 0
    for row in range(rows):
        counts = (at_risk[row], happened[row], offset[row], _busy(at_risk[row], points))
        found = _approach(counts, waves, some, precision, family, own[row])
        if found and not len(variance):
            continue
        if not _climb(counts, waves, crests, precision, family, own[row], slope, value, factor):
            failed += 1
            own[row], factor[:] = np.nan, np.nan
        if len(variance):
            invert(factor, inverse)
            _spread(inverse, crests, constants, value, variance[row])
    return failed


@compiled(error_model="numpy")
def _approach(counts, waves, crests, precision, family, own):
    """Move `own` towards the mode, or leave it where that leads away; return whether it got there.

    `crests` is room for the waves at the busy points.
    """
    busy = counts[3]
    constants = len(precision) - waves.shape[1]
    for place in range(waves.shape[1]):
        for at in range(len(busy)):
            crests[place, at] = waves[busy[at], place]
    begin, slope, before = own.copy(), np.empty_like(own), np.empty_like(own)
    value, along = np.empty(len(busy)), np.empty(len(busy))
    weight = np.empty((len(counts[0]), len(busy)))
    _add_up(crests, own[constants:], value)
    _pull(counts, waves, precision, family, own, value, slope, weight)
    gain = first_gain = _gain(slope, slope, precision)
    toward = slope / precision
    for _ in range(_MOST_DIRECTIONS):
        if gain <= _NOTHING:
            return True
        _add_up(crests, toward[constants:], along)
        bend, longest = _bend(precision, toward, along, weight, constants)
        rise = 0.0
        for place in range(len(own)):
            rise += slope[place] * toward[place]
        share = min(rise / bend, _FIRST_REACH / longest)
        own += share * toward
        value += share * along
        before[:] = slope
        _pull(counts, waves, precision, family, own, value, slope, weight)
        reached = _gain(slope, slope, precision)
        kept = max(0.0, (reached - _gain(before, slope, precision)) / gain)
        toward[:] = slope / precision + kept * toward
        gain = reached
    if not gain <= first_gain:  # NaN too
        own[:] = begin
    return gain <= _NOTHING


@compiled(error_model="numpy")
def _gain(one, other, precision):
    """Return the product of two slopes in the prior's metric."""
    gain = 0.0
    for place in range(len(one)):
        gain += one[place] * other[place] / precision[place]
    return gain


@compiled(error_model="numpy")
def _bend(precision, toward, along, weight, constants):
    """Return the negative curvature along a direction, and by how much it moves any logit."""
    bend, longest, highest = 0.0, 0.0, 0.0
    for place in range(len(toward)):
        bend += precision[place] * toward[place] ** 2
    for stage in range(len(weight)):
        constant = toward[stage] if constants else 0.0
        longest = max(longest, abs(constant))
        for at in range(len(along)):
            bend += weight[stage, at] * (constant + along[at]) ** 2
    for at in range(len(along)):
        highest = max(highest, abs(along[at]))
    return bend, max(longest + highest, 1e-300)


@compiled(error_model="numpy")
def _pull(counts, waves, precision, family, own, value, slope, weight):
    """Write the slope of the log posterior, and how it bends at each stage and busy point."""
    at_risk, happened, offset, busy = counts
    stages, cells = at_risk.shape
    points, constants = len(waves), len(precision) - waves.shape[1]
    for place in range(len(own)):
        slope[place] = -precision[place] * own[place]
    for at in range(len(busy)):
        residual = 0.0
        for stage in range(stages):
            constant = own[stage] if constants else 0.0
            missed, bend = 0.0, 0.0
            for cell in range(busy[at], cells, points):
                if at_risk[stage, cell] != 0.0:
                    logit = offset[stage, cell] + constant + value[at]
                    up, down = _slope_of(at_risk[stage, cell], happened[stage, cell], logit, family)
                    missed += up
                    bend += down
            weight[stage, at] = bend
            residual += missed
            if constants:
                slope[stage] += missed
        for place in range(waves.shape[1]):
            slope[constants + place] += residual * waves[busy[at], place]


@compiled(error_model="numpy")
def _slope_of(at_risk, happened, logit, family):
    """Return the slope and the negative curvature of a cell's log likelihood in the logit."""
    if family == POISSON:
        expected = at_risk * math.exp(logit)
        return happened - expected, expected
    small = math.exp(-abs(logit))
    less, more = small / (1.0 + small), 1.0 / (1.0 + small)
    rest, bend = at_risk - happened, at_risk * less * more
    if logit > 0.0:
        return happened * less - rest * more, bend
    return happened * more - rest * less, bend


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
    slope, bend = _slope_of(at_risk, happened, logit, family)
    if family == POISSON:
        return happened * logit - at_risk * math.exp(logit), slope, bend
    log_more = -math.log1p(math.exp(-abs(logit)))
    told = -(at_risk - happened) * logit if logit > 0.0 else happened * logit
    return at_risk * log_more + told, slope, bend


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
