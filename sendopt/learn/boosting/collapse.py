"""Turns trees over users and slots into trees over users alone, whose leaves hold every slot.

A split on a slot feature (the hour, the day of the week) goes the same way for every user: which
slots it sends left is known beforehand. So a tree is grown anew from its splits on user features
only, while the slots that reach each of its branches are carried along as bits; at a leaf of the
new tree every slot has its own value. One walk a user then answers for all slots at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import ModelNotServable
from sendopt.learn.boosting.tree_tables import NAN_IS_MISSING, ZERO_IS_MISSING, TreeTables

MOST_REGIONS = 128  # of one new tree: with 168 slots its vectors stay within a core's cache

_Branch = tuple[int, int]  # a child of TreeTables, and the slots that reach it as bits
_Bounds = Mapping[int, tuple[float, float]]  # column -> (exclusive, inclusive)
_ANYTHING = (-math.inf, math.inf)


class UserTrees(NamedTuple):
    """Trees over user features; what they add to a user's raw score is a vector of all slots.

    Nodes of all trees are numbered through, and a leaf is a node that leads to itself. Columns
    are those of `user_columns`: every feature twice, so that a missing value is an ordinary
    number on the side to which the split sends it. The first `flat` trees know no slots: their
    leaves count rows of `constants`, all others' rows of `vectors`.
    """

    root: NDArray[np.uint32]
    depth: NDArray[np.uint32]  # steps to the deepest leaf
    flat: int
    column: NDArray[np.uint32]  # one a node, as are the next three
    threshold: NDArray[np.float64]  # value <= threshold goes to the first child
    child: NDArray[np.uint32]  # (nodes, 2)
    leaf: NDArray[np.uint32]
    constants: NDArray[np.float32]
    vectors: NDArray[np.float32]  # (leaves, slots)

    @property
    def slots(self) -> int:
        return int(self.vectors.shape[1])


def user_columns(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return every feature twice, side by side: missing as -inf, then as +inf.

    >>> user_columns(np.array([[7.0, np.nan]])).tolist()
    [[7.0, 7.0, -inf, inf]]
    """
    columns = np.repeat(features, 2, axis=1)
    columns[:, 0::2][np.isnan(features)] = -np.inf
    columns[:, 1::2][np.isnan(features)] = np.inf
    return columns


def collapse(
    tables: TreeTables,
    slot_features: Mapping[int, NDArray[np.float64]],
    *,
    slots: int,
    most_regions: int = MOST_REGIONS,
) -> UserTrees:
    """Collapse every tree over the slots.

    Splits of different slots that meet in one tree multiply its regions. A tree that would have
    more than `most_regions` becomes two, each for a part of the slots and zero elsewhere: more
    walks, the same sum. However the splits meet, a tree becomes at most as many as its splits part
    the slots, each of at most `most_regions` regions, or of its own leaves where those are more.

    Args:
        tables: the booster's trees.
        slot_features: the value at each slot, of every feature that depends on the slot alone;
            all other features are the user's.
        slots: how many there are.
        most_regions: of one new tree.

    Raises:
        ModelNotServable: `trees_unsupported`, if a split on a user feature is by category or
            takes zero for missing.
    """
    slots_left: dict[int, int] = {}
    for node, feature in enumerate(tables.feature.tolist()):
        if feature in slot_features:
            slots_left[node] = _bits(tables.goes_left(node, slot_features[feature]))
        elif node in tables.categories or tables.missing[node] == ZERO_IS_MISSING:
            raise ModelNotServable(
                "a split on a user feature is by category or takes zero for missing",
                code="trees_unsupported",
                field=f"feature {feature}",
            )
    grown = _Grown(_Tables(tables, slots_left), slots)
    for root in tables.root.tolist():
        grown.add(root, (1 << slots) - 1, most_regions)
    return grown.frozen()


class _TooManyRegions(Exception):
    pass


class _Tables:
    """The booster's trees, with what a split means for slots and for columns."""

    def __init__(self, tables: TreeTables, slots_left: Mapping[int, int]) -> None:
        self.slots_left = slots_left
        self.value = tables.value
        self.left, self.right = tables.left.tolist(), tables.right.tolist()
        self.threshold = tables.threshold.tolist()
        nan_left = np.where(
            tables.missing == NAN_IS_MISSING, tables.default_left, tables.threshold >= 0.0
        )
        self.column = (2 * tables.feature + ~nan_left).tolist()

    def open_branches(self, branches: list[_Branch], bounds: _Bounds) -> list[_Branch]:
        """Follow every branch past what slots and bounds decide, to a leaf or an open split."""
        leaves, waiting = [], branches[::-1]
        while waiting:
            node, mask = waiting.pop()
            if node < 0:
                leaves.append((node, mask))
            elif node in self.slots_left:
                goes_left = mask & self.slots_left[node]
                if goes_right := mask & ~goes_left:
                    waiting.append((self.right[node], goes_right))
                if goes_left:
                    waiting.append((self.left[node], goes_left))
            else:
                above, most = bounds.get(self.column[node], _ANYTHING)
                if most <= self.threshold[node]:
                    waiting.append((self.left[node], mask))
                elif above >= self.threshold[node]:
                    waiting.append((self.right[node], mask))
                else:
                    leaves.append((node, mask))
        return leaves

    def parted(self, root: int, mask: int) -> tuple[int, ...]:
        """Part `mask` the way the topmost split of slots does that parts it; () if none does."""
        level = [root]
        while level:
            below = []
            for node in level:
                if node < 0:
                    continue
                goes_left = mask & self.slots_left.get(node, mask)
                if node in self.slots_left and 0 < goes_left < mask:
                    return goes_left, mask & ~goes_left
                if goes_left:
                    below.append(self.left[node])
                if node not in self.slots_left or goes_left < mask:
                    below.append(self.right[node])
            level = below
        return ()


class _Grown:
    """The new trees, while they grow."""

    def __init__(self, tables: _Tables, slots: int) -> None:
        self._tables = tables
        self._slots = slots
        self._trees: list[_Tree] = []

    def add(self, root: int, mask: int, most_regions: int) -> None:
        """Add the tree of `root` for the slots of `mask`, in as many parts as it takes."""
        parts = self._tables.parted(root, mask)
        tree = _Tree(self._tables, most_regions if parts else math.inf)
        try:
            tree.grow([(root, mask)], {})
        except _TooManyRegions:
            for part in parts:
                self.add(root, part, most_regions)
        else:
            self._trees.append(tree)

    def frozen(self) -> UserTrees:
        every = (1 << self._slots) - 1
        trees = sorted(self._trees, key=lambda tree: not tree.is_flat(every))
        flat = sum(tree.is_flat(every) for tree in trees)
        size = np.cumsum([0, *(len(tree.column) for tree in trees)]).astype(np.uint32)
        leaf: list[int] = []
        constants: list[float] = []
        vectors: list[NDArray[np.float32]] = []
        members: dict[int, NDArray[np.bool_]] = {}
        for number, tree in enumerate(trees):
            for branches in tree.leaf:
                if branches is None:
                    leaf.append(0)
                elif number < flat:
                    leaf.append(len(constants))
                    constants.append(self._tables.value[~branches[0][0]])
                else:
                    leaf.append(len(vectors))
                    vector = np.zeros(self._slots, np.float32)
                    for node, mask in branches:
                        if mask not in members:
                            members[mask] = _members(mask, self._slots)
                        vector[members[mask]] = self._tables.value[~node]
                    vectors.append(vector)
        children = [
            np.array(tree.child, np.uint32).reshape(-1, 2) + first
            for tree, first in zip(trees, size, strict=False)
        ]
        return UserTrees(
            root=size[:-1],
            depth=np.array([tree.depth for tree in trees], np.uint32),
            flat=flat,
            column=np.array([each for tree in trees for each in tree.column], np.uint32),
            threshold=np.array([each for tree in trees for each in tree.threshold], np.float64),
            child=np.concatenate([np.zeros((0, 2), np.uint32), *children]),
            leaf=np.array(leaf, np.uint32),
            constants=np.array(constants, np.float32),
            vectors=np.array(vectors, np.float32).reshape(-1, self._slots),
        )


class _Tree:
    """One new tree; its root is node 0."""

    def __init__(self, tables: _Tables, most_regions: float) -> None:
        self._tables = tables
        self._room = most_regions
        self.depth = 0
        self.column: list[int] = []
        self.threshold: list[float] = []
        self.child: list[tuple[int, int]] = []
        self.leaf: list[list[_Branch] | None] = []  # of a leaf: the old leaves, and whose slots

    def is_flat(self, every: int) -> bool:
        return all(branches is None or branches[0][1] == every for branches in self.leaf)

    def grow(self, branches: list[_Branch], bounds: _Bounds, depth: int = 0) -> int:
        """Grow the region in which these branches are open; return its node."""
        tables = self._tables
        branches = tables.open_branches(branches, bounds)
        node = len(self.column)
        splits = [(mask.bit_count(), old) for old, mask in branches if old >= 0]
        if not splits:
            self._room -= 1
            if self._room < 0:
                raise _TooManyRegions
            self._append(0, math.inf, branches)
            self.child[node] = (node, node)
            self.depth = max(self.depth, depth)
            return node
        _, old = max(splits, key=lambda split: split[0])
        column, threshold = tables.column[old], tables.threshold[old]
        self._append(column, threshold, None)
        self.child[node] = (
            self.grow(branches, _narrowed(bounds, column, threshold, left=True), depth + 1),
            self.grow(branches, _narrowed(bounds, column, threshold, left=False), depth + 1),
        )
        return node

    def _append(self, column: int, threshold: float, leaf: list[_Branch] | None) -> None:
        self.column.append(column)
        self.threshold.append(threshold)
        self.child.append((0, 0))
        self.leaf.append(leaf)


def _narrowed(bounds: _Bounds, column: int, threshold: float, *, left: bool) -> _Bounds:
    """Return the bounds behind a split.

    Once the feature is known not to be missing its two columns are equal, and share bounds.
    """
    even, odd = column & ~1, column | 1
    is_known = (
        left == (column == odd)
        or bounds.get(even, _ANYTHING)[0] > -math.inf
        or bounds.get(odd, _ANYTHING)[1] < math.inf
    )
    narrowed = dict(bounds)
    for each in (even, odd) if is_known else (column,):
        above, most = narrowed.get(each, _ANYTHING)
        narrowed[each] = (above, min(most, threshold)) if left else (max(above, threshold), most)
    return narrowed


def _bits(members: NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(members, bitorder="little").tobytes(), "little")


def _members(mask: int, slots: int) -> NDArray[np.bool_]:
    packed = np.frombuffer(mask.to_bytes((slots + 7) // 8, "little"), np.uint8)
    return np.unpackbits(packed, count=slots, bitorder="little").astype(np.bool_)
