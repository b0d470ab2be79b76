"""Where each user's clock is most likely, given how clocks differ: compiled, one user at a time.

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

_MOST_STEPS = 40
_CLOSE = 1e-3  # of a log density; Newton's next error would be about its square
_LONGEST_STEP = 2.0  # of a log density: further away the curvature says nothing


@compiled()
def posteriors(counts, mean, precision, own, variance, doubt, second, with_second):
    """Find each user's mode by Newton's method, and how sure it is.

    Args:
        counts: (users, day types, hours).
        mean: (day types x hours), the middle of all clocks, log densities.
        precision: (cells, cells), inverse covariance of the users' own parts.
        own: (users, cells), where to begin; the modes afterwards.
        variance: (users, cells); the diagonals of the posterior covariances are written here.
        doubt: (users, cells); the variances of the log densities themselves are written here: what
            moves all hours of a day type alike moves no density.
        second: (cells, cells); the posterior covariances are added to it, `with_second`.
        with_second: False leaves `second` as it is.
    """
    users, day_types, hours = counts.shape
    cells = day_types * hours
    factor, inverse = np.empty((cells, cells)), np.empty((cells, cells))
    expected, density, slope = np.empty(cells), np.empty(cells), np.empty(cells)
    for user in range(users):
        for step in range(_MOST_STEPS + 1):
            _curvature(counts[user], mean, precision, own[user], expected, density, slope, factor)
            cholesky(factor)
            if step == _MOST_STEPS:
                break
            solve(factor, slope)
            longest = 0.0
            for cell in range(cells):
                longest = max(longest, abs(slope[cell]))
            share = min(1.0, _LONGEST_STEP / max(longest, 1e-12))
            for cell in range(cells):
                own[user, cell] += share * slope[cell]
            if longest <= _CLOSE:
                break
        invert(factor, inverse)
        _spread(inverse, density, hours, variance[user], doubt[user])
        if with_second:
            _add_square(inverse, second)


@compiled()
def _spread(inverse, density, hours, variance, doubt):
    """Write variances of one user's own part and of its log density, from its inverse factor."""
    cells = len(inverse)
    variance[:] = 0.0
    doubt[:] = 0.0
    for row in range(cells):
        for begin in range(0, cells, hours):
            common = 0.0
            for column in range(begin, begin + hours):
                common += density[column] * inverse[row, column]
            for column in range(begin, begin + hours):
                variance[column] += inverse[row, column] * inverse[row, column]
                doubt[column] += (inverse[row, column] - common) ** 2


@compiled()
def _add_square(inverse, second):
    """Add inverse' inverse, a posterior covariance."""
    for row in range(len(inverse)):
        for one in range(row + 1):
            for other in range(row + 1):
                second[one, other] += inverse[row, one] * inverse[row, other]


@compiled()
def _curvature(counts, mean, precision, own, expected, density, slope, curvature):
    """Write slope and negative curvature of one user's log posterior."""
    day_types, hours = counts.shape
    cells = day_types * hours
    slope[:] = 0.0
    for row in range(cells):
        for column in range(cells):
            curvature[row, column] = precision[row, column]
            slope[column] -= precision[row, column] * own[row]
    for day_type in range(day_types):
        begin, total, weight, highest = day_type * hours, 0.0, 0.0, -np.inf
        for hour in range(hours):
            highest = max(highest, mean[begin + hour] + own[begin + hour])
        for hour in range(hours):
            at = begin + hour
            expected[at] = math.exp(mean[at] + own[at] - highest)
            weight += expected[at]
            total += counts[day_type, hour]
        for hour in range(hours):
            density[begin + hour] = expected[begin + hour] / weight
        if total == 0.0:
            continue
        for hour in range(hours):
            at = begin + hour
            expected[at] = total * density[at]
            slope[at] += counts[day_type, hour] - expected[at]
            curvature[at, at] += expected[at]
        for row in range(begin, begin + hours):
            for column in range(begin, begin + hours):
                curvature[row, column] -= expected[row] * expected[column] / total
