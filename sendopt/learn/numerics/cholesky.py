"""Cholesky factors of small positive definite matrices, compiled: what Newton's method needs.

A matrix is factor' factor with an upper factor. The loops add multiples of whole rows, never along
a row: so the compiler may work on many columns at once without adding up in another order, and the
same bits come out everywhere. They take multiples of four rows from four others, for which each
number is loaded once and not four times. Rows are worked on from a multiple of eight on, which is
quicker than from their diagonal; what that leaves below the diagonal means nothing.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

import math

from sendopt.compiled import compiled

_SHARPER = 1.0 + 1e-12  # by which every diagonal is held above what rounding may take from it
_ROWS = 4
_EIGHT = 8  # columns


@compiled(error_model="numpy")
def cholesky(matrix):
    """Replace the upper half of a positive definite matrix by its Cholesky factor.

    Its diagonal is raised by a trillionth (Levenberg and Marquardt), so that one which rounding has
    left indefinite has a factor too. Newton's step along it is a little shorter, and still uphill.
    """
    size = len(matrix)
    for row in range(size):
        matrix[row, row] *= _SHARPER
    for first in range(0, size, _ROWS):
        begin, last = first - first % _EIGHT, min(first + _ROWS, size)
        if last - first == _ROWS:
            for at in range(0, first, _ROWS):
                _take_rows(matrix, matrix, matrix, at, first, begin, size)
        for row in range(first, last):
            for at in range(first if last - first == _ROWS else 0, row):
                _take(matrix[row], matrix[at], matrix[at, row], begin, size)
            pivot = math.sqrt(matrix[row, row])
            for column in range(begin, size):
                matrix[row, column] /= pivot


@compiled(error_model="numpy")
def solve(factor, vector):
    """Replace `vector` by the solution of factor' factor x = vector."""
    size = len(factor)
    for row in range(size):
        vector[row] /= factor[row, row]
        _take(vector, factor[row], vector[row], row + 1, size)
    for row in range(size - 1, -1, -1):
        told = dot(factor[row], vector, row + 1, size)
        vector[row] = (vector[row] - told) / factor[row, row]


@compiled(error_model="numpy")
def invert(factor, inverse):
    """Write the inverse of factor', which is lower; with it `inverse' inverse` is the matrix's."""
    size = len(factor)
    inverse[:] = 0.0
    for row in range(size):
        inverse[row, row] = 1.0
    for first in range(0, size, _ROWS):
        last = min(first + _ROWS, size)
        end = min(last + -last % _EIGHT, size)
        if last - first == _ROWS:
            for at in range(0, first, _ROWS):
                beyond = min(at + _ROWS + (at + _ROWS) % _EIGHT, size)
                _take_rows(inverse, inverse, factor, at, first, 0, beyond)
        for row in range(first, last):
            for at in range(first if last - first == _ROWS else 0, row):
                _take(inverse[row], inverse[at], factor[at, row], 0, end)
            pivot = factor[row, row]
            for column in range(end):
                inverse[row, column] /= pivot


@compiled(error_model="numpy")
def product(symmetric, vector, out):
    """Write symmetric vector."""
    size = len(vector)
    out[:] = 0.0
    whole = size - size % _ROWS
    for at in range(0, whole, _ROWS):
        a, b, c, d = symmetric[at], symmetric[at + 1], symmetric[at + 2], symmetric[at + 3]
        of_a, of_b, of_c, of_d = vector[at], vector[at + 1], vector[at + 2], vector[at + 3]
        for column in range(size):
            out[column] += (of_a * a[column] + of_b * b[column]) + (
                of_c * c[column] + of_d * d[column]
            )
    for at in range(whole, size):
        _take(out, symmetric[at], -vector[at], 0, size)


@compiled(error_model="numpy")
def dot(one, other, begin, end):
    """Return the sum of products: four sums side by side, so that none waits for another."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = end - (end - begin) % 4
    for at in range(begin, whole, 4):
        a += one[at] * other[at]
        b += one[at + 1] * other[at + 1]
        c += one[at + 2] * other[at + 2]
        d += one[at + 3] * other[at + 3]
    for at in range(whole, end):
        a += one[at] * other[at]
    return (a + b) + (c + d)


@compiled(error_model="numpy", inline="always")
def _take_rows(out, rows, share, at, place, begin, end):
    """Take share[at + i, place + j] rows[at + i] from out[place + j], for i and j of 0 to 3."""
    a, b, c, d = rows[at], rows[at + 1], rows[at + 2], rows[at + 3]
    w, x, y, z = out[place], out[place + 1], out[place + 2], out[place + 3]
    of_a, of_b, of_c, of_d = share[at], share[at + 1], share[at + 2], share[at + 3]
    aw, ax, ay, az = of_a[place], of_a[place + 1], of_a[place + 2], of_a[place + 3]
    bw, bx, by, bz = of_b[place], of_b[place + 1], of_b[place + 2], of_b[place + 3]
    cw, cx, cy, cz = of_c[place], of_c[place + 1], of_c[place + 2], of_c[place + 3]
    dw, dx, dy, dz = of_d[place], of_d[place + 1], of_d[place + 2], of_d[place + 3]
    for column in range(begin, end):
        p, q, r, s = a[column], b[column], c[column], d[column]
        w[column] -= (aw * p + bw * q) + (cw * r + dw * s)
        x[column] -= (ax * p + bx * q) + (cx * r + dx * s)
        y[column] -= (ay * p + by * q) + (cy * r + dy * s)
        z[column] -= (az * p + bz * q) + (cz * r + dz * s)


@compiled(error_model="numpy", inline="always")
def _take(out, row, share, begin, end):
    for column in range(begin, end):
        out[column] -= share * row[column]
