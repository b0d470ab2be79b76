"""Cholesky factors of small positive definite matrices, compiled: what Newton's method needs.

A matrix is factor' factor with an upper factor. The loops add multiples of whole rows, eight rows
at a time, never along a row: so the compiler may work on many columns at once without adding up in
another order, and the same bits come out everywhere. Rows are worked on from a multiple of eight
on, which is quicker than from their diagonal; what that leaves below the diagonal means nothing.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

import math

from sendopt.compiled import compiled

_SHARPER = 1.0 + 1e-12  # by which every diagonal is held above what rounding may take from it
_TOGETHER = 8


@compiled(error_model="numpy")
def cholesky(matrix):
    """Replace the upper half of a positive definite matrix by its Cholesky factor.

    Its diagonal is raised by a trillionth (Levenberg and Marquardt), so that one which rounding has
    left indefinite has a factor too. Newton's step along it is a little shorter, and still uphill.
    """
    size = len(matrix)
    for row in range(size):
        matrix[row, row] *= _SHARPER
    for row in range(size):
        out, begin, at = matrix[row], row - row % _TOGETHER, 0
        while at + _TOGETHER <= row:
            take_eight(out, matrix, at, matrix[:, row], begin, size)
            at += _TOGETHER
        for each in range(at, row):
            _take(out, matrix[each], matrix[each, row], begin, size)
        pivot = math.sqrt(out[row])
        for column in range(begin, size):
            out[column] /= pivot


@compiled(error_model="numpy")
def solve(factor, vector):
    """Replace `vector` by the solution of factor' factor x = vector."""
    size = len(factor)
    for row in range(size):
        vector[row] /= factor[row, row]
        _take(vector, factor[row], vector[row], row + 1, size)
    for row in range(size - 1, -1, -1):
        for inner in range(row + 1, size):
            vector[row] -= factor[row, inner] * vector[inner]
        vector[row] /= factor[row, row]


@compiled(error_model="numpy")
def invert(factor, inverse):
    """Write the inverse of factor', which is lower; with it `inverse' inverse` is the matrix's."""
    size = len(factor)
    inverse[:] = 0.0
    for row in range(size):
        out, at = inverse[row], 0
        out[row] = 1.0
        while at + _TOGETHER <= row:
            take_eight(out, inverse, at, factor[:, row], 0, at + _TOGETHER)
            at += _TOGETHER
        end = min(at + _TOGETHER, size)
        for each in range(at, row):
            _take(out, inverse[each], factor[each, row], 0, end)
        for column in range(end):
            out[column] /= factor[row, row]


@compiled(error_model="numpy")
def product(symmetric, vector, out):
    """Write symmetric vector."""
    size, at = len(vector), 0
    out[:] = 0.0
    while at + _TOGETHER <= size:
        take_eight(out, symmetric, at, vector, 0, size)
        at += _TOGETHER
    for each in range(at, size):
        _take(out, symmetric[each], vector[each], 0, size)
    for row in range(size):
        out[row] = -out[row]


@compiled(error_model="numpy", inline="always")
def take_eight(out, rows, at, share, begin, end):
    """Take share[at] rows[at] + ... + share[at + 7] rows[at + 7] from `out`."""
    a, b, c, d = rows[at], rows[at + 1], rows[at + 2], rows[at + 3]
    e, f, g, h = rows[at + 4], rows[at + 5], rows[at + 6], rows[at + 7]
    of_a, of_b, of_c, of_d = share[at], share[at + 1], share[at + 2], share[at + 3]
    of_e, of_f, of_g, of_h = share[at + 4], share[at + 5], share[at + 6], share[at + 7]
    for column in range(begin, end):
        out[column] -= (
            (of_a * a[column] + of_b * b[column]) + (of_c * c[column] + of_d * d[column])
        ) + ((of_e * e[column] + of_f * f[column]) + (of_g * g[column] + of_h * h[column]))


@compiled(error_model="numpy", inline="always")
def _take(out, row, share, begin, end):
    for column in range(begin, end):
        out[column] -= share * row[column]
