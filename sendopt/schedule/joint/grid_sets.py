"""Which users have messages of the same grids."""

# ruff: noqa: SIM110 - compiled code has no generators
# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.compiled import compiled
from sendopt.schedule.joint.problem import Messages


def grid_sets(messages: Messages) -> tuple[NDArray[np.int32], list[list[int]]]:
    """Return the number of each user's set of grids, -1 = has no message; and the sets."""
    first, grid = messages.first, np.ascontiguousarray(messages.grid, np.int32)
    seed = np.uint64(0x9E3779B97F4A7C15)
    while True:
        key = _keys(first, grid, seed)
        _, representative, of_user = np.unique(key, return_index=True, return_inverse=True)
        if _agree(first, grid, representative, of_user):
            break
        seed += np.uint64(2)  # two sets had one key
    sets = [
        sorted(set(grid[first[user] : first[user + 1]].tolist()))
        for user in representative.tolist()
    ]
    if sets and not sets[0]:  # the key of no grid is the least
        return (of_user - 1).astype(np.int32), sets[1:]
    return of_user.astype(np.int32), sets


@compiled()
def _keys(first, grid, seed):
    """Return a number of each user's set of grids; of an empty one 0."""
    keys = np.zeros(len(first) - 1, np.uint64)
    for user in range(len(keys)):
        for m in range(first[user], first[user + 1]):
            if not _is_repeated(first[user], m, grid):
                x = (np.uint64(grid[m]) + np.uint64(1)) * seed
                x = (x ^ (x >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
                keys[user] += x ^ (x >> np.uint64(32))
        if first[user + 1] > first[user] and keys[user] == 0:
            keys[user] = np.uint64(1)
    return keys


@compiled()
def _is_repeated(begin, m, grid):
    for earlier in range(begin, m):
        if grid[earlier] == grid[m]:
            return True
    return False


@compiled()
def _agree(first, grid, representative, of_user):
    """Whether each user has the grids of the one that represents the set."""
    for user in range(len(of_user)):
        other = representative[of_user[user]]
        if other == user:
            continue
        for a, b in ((user, other), (other, user)):
            for m in range(first[a], first[a + 1]):
                known = False
                for n in range(first[b], first[b + 1]):
                    known = known or grid[n] == grid[m]
                if not known:
                    return False
    return True
