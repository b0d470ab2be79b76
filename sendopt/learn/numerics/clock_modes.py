"""Where each user's activity is most likely, given how users differ: compiled, one user at a time.

Conjugate gradients in the prior's metric come close to the mode for a tenth of what a factor of the
curvature costs (Nocedal and Wright 2006, section 5.2: Polak and Ribiere's, with a Newton step along
each direction). Newton's method begins there, and its gradient alone says when the mode is found.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

import math

import numpy as np

from sendopt.compiled import compiled
from sendopt.learn.numerics.cholesky import cholesky, dot, invert, product, solve

_MOST_STEPS, _MOST_HALVINGS = 1000, 60
_MOST_DIRECTIONS = 16  # of conjugate gradients: beyond, Newton's method is quicker
_CLOSE = 1e-6  # nats, twice what the last step may gain: 1/1,000 of a posterior deviation
_FIRST_REACH = (
    4.0  # of a log density: further away the curvature says nothing until steps proved right
)
_ARMIJO = 1e-4  # of the gain that the slope promises, which a step must keep
_ROUNDING = 1e-13  # of the log posterior; of a slope as much, so of what a step gains the square


@compiled(error_model="numpy")
def posteriors(
    counts,
    mean,
    covariance,
    precision,
    own,
    variance,
    density_variance,
    second,
    with_density_variance,
    with_second,
):
    """Find each user's mode and how sure it is, and return how many have none to be found.

    Newton's method on a concave log posterior, each step halved until the posterior rises, ended
    by its own gradient. What is written for users without one is NaN throughout: their counts are
    not finite or no counts, or Newton's method gave up before it was there.

    Args:
        counts: (users, day types, hours).
        mean: (day types x hours), the middle of all users' log densities.
        covariance: (cells, cells), of the users' own parts.
        precision: its inverse.
        own: (users, cells), where to begin; the modes afterwards.
        variance: (users, cells); the diagonals of the posterior covariances are written here.
        density_variance: (users, cells); the variances of the log densities themselves are written
            here: what moves all hours of a day type alike moves no density.
        second: (cells, cells); the posterior covariances are added to it, `with_second`.
        with_density_variance: False leaves `density_variance` as it is.
        with_second: False leaves `second` as it is.
    """
    users, day_types, hours = counts.shape
    cells = day_types * hours
    factor, inverse = np.empty((cells, cells)), np.empty((cells, cells))
    density = np.empty(cells)
    failed = 0
    for user in range(users):
        _approach(counts[user], mean, covariance, precision, own[user], density)
        if not _climb(counts[user], mean, precision, own[user], density, factor):
            failed += 1
            own[user], factor[:] = np.nan, np.nan
        invert(factor, inverse)
        _add_squares(inverse, variance[user])
        if with_density_variance:
            _spread(inverse, density, hours, density_variance[user])
        if with_second:
            _add_square(inverse, second)
    return failed


@compiled(error_model="numpy")
def _approach(counts, mean, covariance, precision, own, density):
    """Move `own` as near to the mode as a few directions lead; leave it where they lead away."""
    begin, dual, slope = own.copy(), np.empty_like(own), np.empty_like(own)
    uphill, before = np.empty_like(own), np.empty_like(own)
    product(precision, own, dual)
    _height(counts, mean, own, dual, density, slope)
    product(covariance, slope, uphill)
    toward, toward_dual = uphill.copy(), slope.copy()
    gain = first_gain = dot(slope, uphill, 0, len(slope))
    for _ in range(_MOST_DIRECTIONS):
        if gain <= _CLOSE:
            break
        bend, longest = _bend(counts, density, toward, toward_dual)
        share = min(dot(slope, toward, 0, len(slope)) / bend, _FIRST_REACH / longest)
        for cell in range(len(own)):
            own[cell] += share * toward[cell]
            dual[cell] += share * toward_dual[cell]
            before[cell] = slope[cell]
        _height(counts, mean, own, dual, density, slope)
        product(covariance, slope, uphill)
        reached = dot(slope, uphill, 0, len(slope))
        kept = max(0.0, (reached - dot(before, uphill, 0, len(before))) / gain)
        for cell in range(len(own)):
            toward[cell] = uphill[cell] + kept * toward[cell]
            toward_dual[cell] = slope[cell] + kept * toward_dual[cell]
        gain = reached
    if not gain <= first_gain:  # NaN too
        own[:] = begin


@compiled(error_model="numpy")
def _bend(counts, density, toward, toward_dual):
    """Return the negative curvature along a direction, and by how much it moves any cell."""
    day_types, hours = counts.shape
    bend, longest = dot(toward, toward_dual, 0, len(toward)), 1e-300
    for day_type in range(day_types):
        total, middle, square = 0.0, 0.0, 0.0
        for hour in range(hours):
            at = day_type * hours + hour
            total += counts[day_type, hour]
            middle += density[at] * toward[at]
            square += density[at] * toward[at] * toward[at]
            longest = max(longest, abs(toward[at]))
        bend += total * (square - middle * middle)
    return bend, longest


@compiled(error_model="numpy")
def _climb(counts, mean, precision, own, density, factor):
    """Write one user's mode, density and factor of the curvature; return whether it is one."""
    slope, step, tried = np.empty_like(own), np.empty_like(own), np.empty_like(own)
    dual = np.empty_like(own)
    product(precision, own, dual)
    height = _height(counts, mean, own, dual, density, slope)
    if not math.isfinite(height):
        return False
    reach = _FIRST_REACH
    for _ in range(_MOST_STEPS):
        _curvature(counts, precision, density, factor)
        cholesky(factor)
        step[:] = slope
        solve(factor, step)
        gain, length = dot(slope, step, 0, len(slope)), 1e-300
        for cell in range(len(step)):
            length = max(length, abs(step[cell]))
        if gain <= _CLOSE + _ROUNDING**2 * abs(height):
            own += step
            return True
        share = min(1.0, reach / length)
        risen = False
        for _ in range(_MOST_HALVINGS):
            tried[:] = own + share * step
            product(precision, tried, dual)
            reached = _height(counts, mean, tried, dual, density, slope)
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
def _height(counts, mean, own, dual, density, slope):
    """Return one user's log posterior; write its density and slope.

    `dual` is precision own.
    """
    day_types, hours = counts.shape
    height = -0.5 * dot(own, dual, 0, len(own))
    for day_type in range(day_types):
        begin, total, weight, highest = day_type * hours, 0.0, 0.0, -np.inf
        for hour in range(hours):
            highest = max(highest, mean[begin + hour] + own[begin + hour])
        for hour in range(hours):
            at = begin + hour
            density[at] = math.exp(mean[at] + own[at] - highest)
            weight += density[at]
            total += counts[day_type, hour]
            height += counts[day_type, hour] * (mean[at] + own[at] - highest)
        height -= total * math.log(weight)
        for hour in range(hours):
            at = begin + hour
            density[at] /= weight
            slope[at] = counts[day_type, hour] - total * density[at] - dual[at]
    return height


@compiled(error_model="numpy")
def _curvature(counts, precision, density, curvature):
    """Write the negative curvature where the density is `density`."""
    day_types, hours = counts.shape
    curvature[:] = precision
    for day_type in range(day_types):
        begin, total = day_type * hours, 0.0
        for hour in range(hours):
            total += counts[day_type, hour]
        if total == 0.0:
            continue
        for row in range(begin, begin + hours):
            share = total * density[row]
            for column in range(begin, begin + hours):
                curvature[row, column] -= share * density[column]
            curvature[row, row] += share


@compiled(error_model="numpy")
def _add_squares(inverse, variance):
    """Write the diagonal of inverse' inverse, a posterior covariance."""
    variance[:] = 0.0
    for row in range(len(inverse)):
        for column in range(len(inverse)):
            variance[column] += inverse[row, column] * inverse[row, column]


@compiled(error_model="numpy")
def _spread(inverse, density, hours, density_variance):
    """Write the variances of one user's log density, from its inverse factor."""
    cells = len(inverse)
    density_variance[:] = 0.0
    for row in range(cells):
        for begin in range(0, cells, hours):
            common = 0.0
            for column in range(begin, begin + hours):
                common += density[column] * inverse[row, column]
            for column in range(begin, begin + hours):
                density_variance[column] += (inverse[row, column] - common) ** 2


@compiled(error_model="numpy")
def _add_square(inverse, second):
    """Add inverse' inverse, a posterior covariance."""
    for row in range(len(inverse)):
        for one in range(row + 1):
            share = inverse[row, one]
            for other in range(row + 1):
                second[one, other] += share * inverse[row, other]
