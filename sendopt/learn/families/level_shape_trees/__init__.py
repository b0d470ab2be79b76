"""The level-shape model, weighed against itself, with trees on its offset; the first family."""

from sendopt.learn.families.level_shape_trees.fit import NAME, fit, read
from sendopt.learn.families.level_shape_trees.settings import Settings

__all__ = ["NAME", "Settings", "fit", "read"]
