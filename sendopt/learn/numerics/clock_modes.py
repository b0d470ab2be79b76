"""Where each user's activity is most likely, given how users differ: compiled, one user at a time.

The loops add multiples of whole rows, never along a row: so the compiler may work on many columns
at once without adding up in another order, and the same bits come out everywhere.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

import math

import numpy as np

from sendopt.compiled import compiled
from sendopt.learn.numerics.cholesky import cholesky, invert, solve

_MOST_STEPS, _MOST_HALVINGS = 1000, 60
_CLOSE = 1e-6  # nats, twice what the last step may gain: 1/1,000 of a posterior deviation
_FIRST_REACH = (
    4.0  # of a log density: further away the curvature says nothing until steps proved right
)
_ARMIJO = 1e-4  # of the gain that the slope promises, which a step must keep
_ROUNDING = 1e-13  # of the log posterior; of a slope as much, so of what a step gains the square


@compiled()
def posteriors(counts, mean, precision, own, variance, density_variance, second, with_second):
    """Find each user's mode and how sure it is, and return how many have none to be found.

    Newton's method on a concave log posterior, each step halved until the posterior rises, ended
    by its own gradient. Users without a mode hold something that is not finite.

    Args:
        counts: (users, day types, hours).
        mean: (day types x hours), the middle of all users' log densities.
        precision: (cells, cells), inverse covariance of the users' own parts.
        own: (users, cells), where to begin; the modes afterwards.
        variance: (users, cells); the diagonals of the posterior covariances are written here.
        density_variance: (users, cells); the variances of the log densities themselves are written
            here: what moves all hours of a day type alike moves no density.
        second: (cells, cells); the posterior covariances are added to it, `with_second`.
        with_second: False leaves `second` as it is.
    """
    users, day_types, hours = counts.shape
    cells = day_types * hours
    factor, inverse = np.empty((cells, cells)), np.empty((cells, cells))
    density = np.empty(cells)
    failed = 0
    for user in range(users):
        if not _climb(counts[user], mean, precision, own[user], density, factor):
            failed += 1
        invert(factor, inverse)
        _spread(inverse, density, hours, variance[user], density_variance[user])
        if with_second:
            _add_square(inverse, second)
    return failed


@compiled()
def _climb(counts, mean, precision, own, density, factor):
    """Write one user's mode, density and factor of the curvature; return whether it is one."""
    slope, step, tried = np.empty_like(own), np.empty_like(own), np.empty_like(own)
    height = _posterior(counts, mean, precision, own, density, slope, factor)
    if not math.isfinite(height):
        return False
    reach = _FIRST_REACH
    for _ in range(_MOST_STEPS):
        cholesky(factor)
        step[:] = slope
        solve(factor, step)
        gain, length = 0.0, 1e-300
        for cell in range(len(step)):
            gain += slope[cell] * step[cell]
            length = max(length, abs(step[cell]))
        if gain <= _CLOSE + _ROUNDING**2 * abs(height):
            own += step
            return True
        share = min(1.0, reach / length)
        risen = False
        for _ in range(_MOST_HALVINGS):
            tried[:] = own + share * step
            reached = _posterior(counts, mean, precision, tried, density, slope, factor)
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


@compiled()
def _spread(inverse, density, hours, variance, density_variance):
    """Write variances of one user's own part and of its log density, from its inverse factor."""
    cells = len(inverse)
    variance[:] = 0.0
    density_variance[:] = 0.0
    for row in range(cells):
        for begin in range(0, cells, hours):
            common = 0.0
            for column in range(begin, begin + hours):
                common += density[column] * inverse[row, column]
            for column in range(begin, begin + hours):
                variance[column] += inverse[row, column] * inverse[row, column]
                density_variance[column] += (inverse[row, column] - common) ** 2


@compiled()
def _add_square(inverse, second):
    """Add inverse' inverse, a posterior covariance."""
    for row in range(len(inverse)):
        for one in range(row + 1):
            for other in range(row + 1):
                second[one, other] += inverse[row, one] * inverse[row, other]


@compiled()
def _posterior(counts, mean, precision, own, density, slope, curvature):
    """Return one user's log posterior; write its density, slope and negative curvature."""
    day_types, hours = counts.shape
    cells = day_types * hours
    slope[:] = 0.0
    for row in range(cells):
        for column in range(cells):
            curvature[row, column] = precision[row, column]
            slope[column] -= precision[row, column] * own[row]
    height = 0.0
    for cell in range(cells):
        height += 0.5 * own[cell] * slope[cell]
    for day_type in range(day_types):
        begin, total, weight, highest = day_type * hours, 0.0, 0.0, -np.inf
        for hour in range(hours):
            highest = max(highest, mean[begin + hour] + own[begin + hour])
        for hour in range(hours):
            at = begin + hour
            density[at] = math.exp(mean[at] + own[at] - highest)
            weight += density[at]
            total += counts[day_type, hour]
        for at in range(begin, begin + hours):
            density[at] /= weight
        if total == 0.0:
            continue
        for hour in range(hours):
            at = begin + hour
            height += counts[day_type, hour] * (mean[at] + own[at] - highest)
            slope[at] += counts[day_type, hour] - total * density[at]
            curvature[at, at] += total * density[at]
        height -= total * math.log(weight)
        for row in range(begin, begin + hours):
            for column in range(begin, begin + hours):
                curvature[row, column] -= total * density[row] * density[column]
    return height
