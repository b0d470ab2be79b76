"""The families of models that can serve.

Owns: what each family learns from a past, and how it is written and read.
Does not own: which rows teach (past), calibration and versions (model, fitting), who serves (gate).
In: a Past.  Out: a Scorer.
"""

from __future__ import annotations

from sendopt.learn.families import (
    empirical_bayes,
    level_shape_trees,
    logistic,
    most_frequent,
    population,
)
from sendopt.learn.families.family import Family
from sendopt.learn.families.installed import Families

#: Every family by its name, also those that other packages bring.
FAMILIES = Families((level_shape_trees, population, most_frequent, empirical_bayes, logistic))
#: What is trained where nobody says otherwise.
DEFAULT: Family = level_shape_trees
#: The simple rules that every other model has to hold against; the best one serves where it cannot.
RIVALS: tuple[Family, ...] = (population, most_frequent, empirical_bayes)
#: Codes of a model that is whole, and of a family that is not: mending the package mends it.
FAMILY_FAULTS = frozenset({"family_broken", "family_missing", "family_taken"})

__all__ = ["DEFAULT", "FAMILIES", "FAMILY_FAULTS", "RIVALS", "Family"]
