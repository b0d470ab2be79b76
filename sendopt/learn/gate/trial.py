"""A model on trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.clock import cpu_seconds
from sendopt.features import AsOfView, LabelledMoments, Target
from sendopt.learn.families import population
from sendopt.learn.judging.judge import CHAMPION, Judgement
from sendopt.learn.judging.off_policy import OffPolicyEvaluation
from sendopt.learn.judging.predictions import OURS
from sendopt.learn.model.model import ServableModel
from sendopt.learn.model.scorer import Inputs

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Incumbent:
    """The champion that challengers are held to."""

    model: ServableModel | None  # None = nobody who may serve and predicts the same
    why_none: str = ""  # although one serves; empty = none does


@dataclass(frozen=True)
class GateTrial:
    """A challenger, the days that it is judged on, and whom it has to hold against.

    `probabilities` are those of `judge`: ours, the rivals', and the champion's if there is one that
    predicts the same. `verdict` is None where ours are no probabilities at all, so that there was
    nothing to judge.
    """

    model: ServableModel  # as it was trained, with its version
    read_back: Callable[[], ServableModel]  # the same from its files
    retrain: Callable[[], ServableModel] | None  # anew; None = too much history to do it twice
    card: str | None
    target: Target  # what was asked for
    view: AsOfView
    judged: LabelledMoments
    rows: Inputs  # of `judged`, as the model reads them
    champion: ServableModel | None
    no_champion: str  # why it is None, although one serves
    probabilities: Mapping[str, Vector]
    rivals: tuple[str, ...]  # of `probabilities`, those that it has to hold against
    simple_rules: Mapping[str, ServableModel]  # that could serve instead, fitted to the same rows
    unsound: Mapping[str, str]  # simple rules that are no rivals, and what is wrong with them
    verdict: Judgement | None
    causal: OffPolicyEvaluation | None  # on randomised sends of the judged; None = no sends
    seed: int
    cpu_seconds: Callable[[], float] = cpu_seconds  # what work costs, however busy the machine is

    @property
    def ours(self) -> Vector:
        """The challenger's probabilities of the judged moments."""
        return self.probabilities[OURS]

    @property
    def standard(self) -> str | None:
        """Who nobody may be worse off than under: the champion, else everybody's hours."""
        known = (name for name in (CHAMPION, population.NAME) if name in self.probabilities)
        return next(known, None)


def are_probabilities(values: Vector) -> bool:
    """Tell whether all `values` are finite and inside (0, 1).

    >>> are_probabilities(np.array([0.2, np.nan]))
    False
    """
    return bool((np.isfinite(values) & (values > 0.0) & (values < 1.0)).all())


def words(name: str) -> str:
    """Return a rival's name as people say it.

    >>> words("most_frequent")
    'most frequent'
    """
    return name.replace("_", " ")
