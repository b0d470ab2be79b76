"""The array types that compiled passes are declared with."""

from __future__ import annotations

from numba import types

INTS = types.Array(types.int64, 1, "C", readonly=True)
CODES = types.Array(types.int16, 1, "C", readonly=True)
CELLS = types.Array(types.uint8, 1, "C", readonly=True)
FLAGS = types.Array(types.boolean, 1, "C", readonly=True)
USERS = types.Array(types.int32, 1, "C", readonly=True)
FLOATS = types.Array(types.float64, 1, "C", readonly=True)
WRITTEN = types.int64[::1]
TABLE = types.float64[:, ::1]
