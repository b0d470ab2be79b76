"""Trees as they are stored: LightGBM's text, which whole weeks read without LightGBM.

With scikit-learn behind it LightGBM takes two seconds of CPU to import, more than an incremental
scoring works. It is asked where rows are walked one by one, and where trees are taken apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sendopt.learn.boosting.tree_tables import TreeTables, tree_tables
from sendopt.parallel import at_hand

if TYPE_CHECKING:
    import lightgbm as lgb

_DEFAULT_LEFT, _MISSING_SHIFT = 2, 2  # among the bits of a decision type


@dataclass(frozen=True, eq=False)
class StoredTrees:
    """A booster that is loaded when it is first asked."""

    text: str
    threads: int

    @cached_property
    def booster(self) -> lgb.Booster:
        """The trees as LightGBM's own object."""
        import lightgbm as lgb  # noqa: PLC0415 - see above

        return lgb.Booster(model_str=self.text)

    @cached_property
    def tables(self) -> TreeTables:
        """The trees as arrays.

        Raises:
            ModelNotServable: `trees_unsupported`, see `tree_tables`.
        """
        header, *trees = _sections(self.text)
        plain = header["num_tree_per_iteration"] == "1" and "average_output" not in header
        if plain and all(tree["num_cat"] == "0" and tree["is_linear"] == "0" for tree in trees):
            return _tables(header["feature_names"].split(), trees)
        return tree_tables(self.booster)

    def feature_name(self) -> list[str]:
        """Return the names of the features, as LightGBM's booster does."""
        return next(_sections(self.text))["feature_names"].split()

    def num_trees(self) -> int:
        """Return how many trees there are, as LightGBM's booster does."""
        return len(list(_sections(self.text))) - 1

    def predict(self, features: NDArray[Any], **options: bool) -> Any:
        """Predict rows, as LightGBM's booster does.

        It is told each time how many threads it may use: a booster forgets its own, and would take
        every core that it sees.
        """
        return self.booster.predict(features, num_threads=at_hand(self.threads), **options)


def _sections(text: str) -> Iterator[dict[str, str]]:
    """Yield the fields of the header, then those of each tree."""
    trees, _, _ = text.partition("\nend of trees")
    for section in trees.split("\nTree="):
        lines = (line.partition("=") for line in section.splitlines())
        yield {name: value for name, _, value in lines}


def _tables(names: list[str], trees: list[dict[str, str]]) -> TreeTables:
    nodes = np.array([int(tree["num_leaves"]) - 1 for tree in trees], np.int32)
    first_node = np.concatenate([[0], np.cumsum(nodes)]).astype(np.int32)
    first_leaf = np.concatenate([[0], np.cumsum(nodes + 1)]).astype(np.int32)

    def each(name: str, kind: type[np.generic]) -> NDArray[Any]:
        numbers = [_numbers(tree, name, kind) for tree in trees]
        return np.concatenate([np.empty(0, kind), *numbers])

    def children(name: str) -> NDArray[np.int32]:
        child = each(name, np.int32)
        of_tree = np.repeat(np.arange(len(trees)), nodes)
        return np.where(child >= 0, child + first_node[of_tree], child - first_leaf[of_tree])

    decision = each("decision_type", np.int32)
    return TreeTables(
        root=np.where(nodes > 0, first_node[:-1], ~first_leaf[:-1]).astype(np.int32),
        feature=each("split_feature", np.int32),
        threshold=each("threshold", np.float64),
        missing=(decision >> _MISSING_SHIFT & 3).astype(np.int8),
        default_left=decision & _DEFAULT_LEFT > 0,
        left=children("left_child"),
        right=children("right_child"),
        categories={},
        value=each("leaf_value", np.float64),
        names=tuple(names),
    )


def _numbers(tree: Mapping[str, str], name: str, kind: type[np.generic]) -> NDArray[Any]:
    return np.array(tree.get(name, "").split(), np.float64).astype(kind)
