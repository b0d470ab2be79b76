"""Cholesky factors of small positive definite matrices, compiled: what Newton's method needs.

The loops add multiples of whole rows, never along a row, as in `clock_modes`.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import math

import numpy as np

from sendopt.compiled import compiled

_SHARPER = 1.0 + 1e-12  # by which every diagonal is held above what rounding may take from it


@compiled()
def cholesky(matrix):
    """Replace the lower half of a positive definite matrix by its Cholesky factor.

    Its diagonal is raised by a trillionth (Levenberg and Marquardt), so that one which rounding has
    left indefinite has a factor too. Newton's step along it is a little shorter, and still uphill.
    """
    size = len(matrix)
    below = np.empty(size)
    for column in range(size):
        matrix[column, column] *= _SHARPER
    for column in range(size):
        pivot = math.sqrt(matrix[column, column])
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
