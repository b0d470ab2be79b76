"""Walks users through collapsed trees: compiled, and free of Python while it runs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.compiled import compiled
from sendopt.learn.boosting.collapse import UserTrees, user_columns
from sendopt.parallel import in_turn

_BLOCK = 64  # users whose vectors stay in the innermost cache while the trees pass by
_TOGETHER = 4  # trees whose vectors are added up before a user's own is touched


def add_trees(
    trees: UserTrees,
    features: NDArray[np.float64],
    logit: NDArray[np.float32],
    *,
    threads: int = 1,
) -> None:
    """Add to `logit` what the trees say of every user at every slot, in place.

    Args:
        trees: collapsed.
        features: (users, user features); NaN is missing.
        logit: (users, slots).
        threads: users are shared out among so many, or fewer if there are fewer cores.
    """

    def run(some: slice) -> None:
        _add_trees(trees, user_columns(features[some]), logit[some])

    share = max(-(-len(logit) // threads), 1)
    slices = [slice(at, at + share) for at in range(0, len(logit), share)]
    list(in_turn(run, slices, at_once=threads))


@compiled()
def _add_trees(trees, columns, logit):  # type: ignore[no-untyped-def]
    users, slots = logit.shape
    at = np.empty((_TOGETHER, _BLOCK), np.uint32)
    constant = np.empty(_BLOCK, np.float32)
    leaf, vectors = trees.leaf, trees.vectors
    for first in range(0, users, _BLOCK):
        block = columns[first : first + _BLOCK]
        size = np.uint64(len(block))
        constant[:] = 0.0
        for tree in range(trees.flat):
            _walk(trees, tree, block, at[0])
            for user in range(size):
                constant[user] += trees.constants[leaf[at[0, user]]]
        for user in range(size):
            logit[first + user] += constant[user]
        for tree in range(trees.flat, len(trees.root), _TOGETHER):
            together = min(_TOGETHER, len(trees.root) - tree)
            for each in range(together):
                _walk(trees, tree + each, block, at[each])
            for user in range(size):
                out = logit[first + user]
                if together == _TOGETHER:
                    a, b = vectors[leaf[at[0, user]]], vectors[leaf[at[1, user]]]
                    c, d = vectors[leaf[at[2, user]]], vectors[leaf[at[3, user]]]
                    for slot in range(slots):
                        out[slot] += (a[slot] + b[slot]) + (c[slot] + d[slot])
                else:
                    for each in range(together):
                        out += vectors[leaf[at[each, user]]]


@compiled(inline="always")
def _walk(trees, tree, block, at):  # type: ignore[no-untyped-def]
    """Take a block of users down one tree, a level at a time, so that none waits for another.

    Numbers of nodes are unsigned: else every look-up would first ask whether it counts from the
    end of the array, which took two thirds of the time.
    """
    size = np.uint64(len(block))
    column, threshold, child = trees.column, trees.threshold, trees.child
    for user in range(size):
        at[user] = trees.root[tree]
    for _ in range(trees.depth[tree]):
        for user in range(size):
            node = at[user]
            right = np.uint64(block[user, column[node]] > threshold[node])
            at[user] = child[node, right]
