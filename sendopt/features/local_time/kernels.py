"""Reads the clocks of zones at many instants, compiled."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

from numba import types

from sendopt.compiled import compiled
from sendopt.features.array_types import CODES, INTS, WRITTEN


@compiled(types.int64, INTS, INTS, INTS, types.int64, types.int64)
def _local_us(first, from_us, offset_us, zone, at_us):
    low, high = first[zone], first[zone + 1]
    while high - low > 1:
        middle = (low + high) >> 1
        if from_us[middle] <= at_us:
            low = middle
        else:
            high = middle
    return at_us + offset_us[low]


@compiled(types.void, INTS, INTS, INTS, CODES, INTS, WRITTEN)
def local_times(first, from_us, offset_us, zone, at_us, out):
    """Write what the clocks of each zone show at each instant, in microseconds since 1970."""
    for row in range(len(zone)):
        out[row] = _local_us(first, from_us, offset_us, zone[row], at_us[row])
