"""Searches a log in order, compiled."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from numba import types

from sendopt.compiled import compiled
from sendopt.features.array_types import INTS, USERS, WRITTEN


@compiled(types.void, INTS, INTS, USERS, INTS, WRITTEN)
def first_since(first, key, user, since_us, out):
    """Write the position of each user's first event at or after an instant, else their end."""
    for row in range(len(user)):
        low = high = first[user[row]]
        if user[row] >= 0:
            high = first[user[row] + 1]
        while low < high:
            middle = (low + high) >> 1
            if key[middle] >> 4 < since_us[row]:
                low = middle + 1
            else:
                high = middle
        out[row] = low
