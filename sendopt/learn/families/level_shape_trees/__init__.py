"""The level-shape model, weighed against itself, with trees on its offset; the first family."""

from sendopt.learn.families.level_shape_trees.fit import NAME, fit, read, settings

__all__ = ["NAME", "fit", "read", "settings"]
