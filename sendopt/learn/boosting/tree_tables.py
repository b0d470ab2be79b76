"""The trees of a booster as plain arrays, for whoever walks them without LightGBM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import ModelNotServable

if TYPE_CHECKING:
    import lightgbm as lgb

NO_MISSING, ZERO_IS_MISSING, NAN_IS_MISSING = 0, 1, 2
_MISSING_TYPES = {"None": NO_MISSING, "Zero": ZERO_IS_MISSING, "NaN": NAN_IS_MISSING}
_ZERO = 1e-35  # what LightGBM takes for zero


@dataclass(frozen=True)
class TreeTables:
    """Every tree of a booster; nodes and leaves of all trees are numbered through.

    A child >= 0 is a node, a child < 0 the leaf `~child`. What a tree adds to the raw score is
    the value of the leaf that its root leads to.
    """

    root: NDArray[np.int32]  # one a tree; a child like any other
    feature: NDArray[np.int32]  # one a node, as are the next five
    threshold: NDArray[np.float64]  # NaN where the split is by category
    missing: NDArray[np.int8]  # what counts as missing there
    default_left: NDArray[np.bool_]  # where the missing go
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    categories: Mapping[int, frozenset[int]]  # of the nodes that split by category: those left
    value: NDArray[np.float64]  # one a leaf
    names: tuple[str, ...]  # of the features

    def goes_left(self, node: int, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which `values` of the node's feature go left, by LightGBM's own rules."""
        if node in self.categories:
            whole = np.where(np.isnan(values), -1.0, values).astype(np.int64)
            return np.isin(whole, list(self.categories[node]))
        missing = self.missing[node]
        known = values if missing == NAN_IS_MISSING else np.nan_to_num(values, nan=0.0)
        left: NDArray[np.bool_] = known <= self.threshold[node]
        if missing == NO_MISSING:
            return left
        absent = np.isnan(known) if missing == NAN_IS_MISSING else np.abs(known) <= _ZERO
        return np.where(absent, self.default_left[node], left)


def tree_tables(booster: lgb.Booster | None) -> TreeTables:
    """Return the trees that `booster.predict(..., raw_score=True)` adds up; None has none.

    Raises:
        ModelNotServable: `trees_unsupported`, for boosters whose score is no plain sum of leaves.
    """
    if booster is None:
        return _Tables().frozen((), ())
    model = booster.dump_model()
    if model["num_tree_per_iteration"] != 1 or model.get("average_output", False):
        raise _unsupported("averages its trees, or grows several a round")
    tables = _Tables()
    roots = [tables.add(tree["tree_structure"]) for tree in model["tree_info"]]
    return tables.frozen(roots, model["feature_names"])


class _Tables:
    """Tree tables while trees are added to them, node by node."""

    def __init__(self) -> None:
        self._nodes: list[tuple[int, float, int, bool]] = []
        self._children: list[tuple[int, int]] = []
        self._categories: dict[int, frozenset[int]] = {}
        self._values: list[float] = []

    def add(self, branch: Mapping[str, Any]) -> int:
        """Add a tree or a branch of one; return the child that stands for it."""
        if "split_feature" not in branch:
            if "leaf_coeff" in branch:
                raise _unsupported("has linear functions in its leaves")
            self._values.append(branch["leaf_value"])
            return ~(len(self._values) - 1)
        node = len(self._nodes)
        threshold = branch["threshold"]
        if branch["decision_type"] == "==":
            self._categories[node] = frozenset(int(each) for each in threshold.split("||"))
            threshold = np.nan
        missing = _MISSING_TYPES[branch["missing_type"]]
        self._nodes.append((branch["split_feature"], threshold, missing, branch["default_left"]))
        self._children.append((0, 0))
        self._children[node] = (self.add(branch["left_child"]), self.add(branch["right_child"]))
        return node

    def frozen(self, roots: Sequence[int], names: Sequence[str]) -> TreeTables:
        nodes = np.array(self._nodes, np.float64).reshape(-1, 4)
        children = np.array(self._children, np.int32).reshape(-1, 2)
        return TreeTables(
            root=np.array(roots, np.int32),
            feature=nodes[:, 0].astype(np.int32),
            threshold=nodes[:, 1],
            missing=nodes[:, 2].astype(np.int8),
            default_left=nodes[:, 3] == 1.0,
            left=children[:, 0],
            right=children[:, 1],
            categories=self._categories,
            value=np.array(self._values, np.float64),
            names=tuple(names),
        )


def _unsupported(what: str) -> ModelNotServable:
    return ModelNotServable(f"the booster {what}", code="trees_unsupported")
