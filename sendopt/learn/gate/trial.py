"""A model on trial, and what a check says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sendopt.features import AsOfView, LabelledMoments, Target
from sendopt.learn.judging.judge import CHAMPION, OURS, POPULATION_BEST, Verdict
from sendopt.learn.level_shape.level_shape_model import Rows
from sendopt.learn.model.model import ServableModel

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Check:
    """What one check found."""

    name: str
    passed: bool
    said: str  # one sentence with its figures
    figures: Mapping[str, float] = field(default_factory=dict)


def passed(name: str, said: str, figures: Mapping[str, float] | None = None) -> Check:
    """Say that a check was passed."""
    return Check(name, passed=True, said=said, figures=figures or {})


def failed(name: str, said: str, figures: Mapping[str, float] | None = None) -> Check:
    """Say that a check was failed."""
    return Check(name, passed=False, said=said, figures=figures or {})


def not_judged(name: str) -> Check:
    """Say that a check, which needs a verdict, had none."""
    return failed(name, "could not be judged: what it says are no probabilities")


@dataclass(frozen=True)
class Trial:
    """A challenger, the days that it is judged on, and whom it has to beat.

    `probabilities` and `rankings` are those of `judge`: ours, the population's, and the
    champion's if there is one that predicts the same. `verdict` is None where ours are no
    probabilities at all, so that there was nothing to judge.
    """

    model: ServableModel  # as it was trained, with its version
    read_back: Callable[[], ServableModel]  # the same from its files
    retrain: Callable[[], ServableModel] | None  # anew; None = too much history to do it twice
    card: str | None
    target: Target  # what was asked for
    view: AsOfView
    judged: LabelledMoments
    rows: Rows  # of `judged`, as the model reads them
    champion: ServableModel | None
    probabilities: Mapping[str, Vector]
    rankings: Mapping[str, Vector]
    verdict: Verdict | None
    seed: int

    @property
    def ours(self) -> Vector:
        """The challenger's probabilities of the judged moments."""
        return self.probabilities[OURS]

    @property
    def rivals(self) -> tuple[str, ...]:
        """Whom the challenger is compared with."""
        return tuple(name for name in (POPULATION_BEST, CHAMPION) if name in self.probabilities)


def are_probabilities(values: Vector) -> bool:
    """Tell whether all `values` are finite and inside (0, 1).

    >>> are_probabilities(np.array([0.2, np.nan]))
    False
    """
    return bool((np.isfinite(values) & (values > 0.0) & (values < 1.0)).all())


def rows_at(rows: Rows, chosen: NDArray[np.bool_]) -> Rows:
    """Return the chosen rows."""

    def cut(part: Any) -> Any:
        if is_dataclass(part) and not isinstance(part, type):
            return replace(part, **{f.name: cut(getattr(part, f.name)) for f in fields(part)})
        return part[chosen]

    chosen_rows: Rows = cut(rows)
    return chosen_rows


def words(name: str) -> str:
    """Return a rival's name as people say it.

    >>> words("population_best")
    'population best'
    """
    return name.replace("_", " ")
