"""Cholesky factors of small positive definite matrices, compiled: what Newton's method needs.

The loops add multiples of whole rows, never along a row, as in `clock_modes`.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import math

import numpy as np

from sendopt.compiled import compiled

_LEAST_PIVOT = 1e-15  # of the diagonal it is what is left of


@compiled()
def cholesky(matrix):
    """Replace the lower half of a positive definite matrix by its Cholesky factor.

    A pivot that rounding has eaten is held above nothing: the factor is then that of a matrix which
    is a little sharper in that direction, and Newton's step along it a little shorter.
    """
    size = len(matrix)
    below = np.empty(size)
    least = np.empty(size)
    for column in range(size):
        least[column] = _LEAST_PIVOT * matrix[column, column]
    for column in range(size):
        pivot = math.sqrt(max(matrix[column, column], least[column]))
        matrix[column, column] = pivot
        for row in range(column + 1, size):
            matrix[row, column] /= pivot
            below[row] = matrix[row, column]
        for row in range(column + 1, size):
            share = below[row]
            for other in range(column + 1, row + 1):
                matrix[row, other] -= share * below[other]


@compiled()
def solve(factor, vector):
    """Replace `vector` by the solution of factor factor' x = vector."""
    size = len(factor)
    for row in range(size):
        for inner in range(row):
            vector[row] -= factor[row, inner] * vector[inner]
        vector[row] /= factor[row, row]
    for row in range(size - 1, -1, -1):
        vector[row] /= factor[row, row]
        for inner in range(row):
            vector[inner] -= factor[row, inner] * vector[row]


@compiled()
def invert(factor, inverse):
    """Write the inverse of a lower factor."""
    size = len(factor)
    for row in range(size):
        inverse[row] = 0.0
        for inner in range(row):
            share = factor[row, inner]
            for column in range(inner + 1):
                inverse[row, column] -= share * inverse[inner, column]
        inverse[row, row] = 1.0
        for column in range(row + 1):
            inverse[row, column] /= factor[row, row]
