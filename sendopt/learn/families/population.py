"""The rule of everybody's hours: whoever is asked about, the answer rate at that local time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sendopt.features import AsOfView, Moments, Target, Viewpoints
from sendopt.learn.families.everybodys_hours import (
    KERNEL_HOURS,
    PRIOR_MOMENTS,
    EverybodysHours,
    half_hour,
    learn_everybodys_hours,
)
from sendopt.learn.model.contributions import Contributions
from sendopt.learn.model.scorer import Scorer, require_target
from sendopt.learn.past.past import Past
from sendopt.strict_json import StrictModel

NAME = "population"

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Inputs:
    """One row a moment."""

    logit: Vector
    sd: Vector

    def __len__(self) -> int:
        return len(self.logit)


@dataclass(frozen=True)
class PopulationRule(Scorer):
    """Everybody's hours, of each platform; it knows of no user."""

    family: ClassVar[str] = NAME

    target: Target
    hours: EverybodysHours

    @property
    def platforms(self) -> tuple[str, ...]:
        """Names of the platforms that have hours of their own."""
        return self.hours.platforms

    def inputs(self, view: AsOfView, viewpoints: Viewpoints, moments: Moments) -> Inputs:
        """Read the platform's curve at each moment."""
        require_target(self, view)
        row = self.hours.rows(view, viewpoints)[moments.viewpoint]
        cell = half_hour(moments)
        return Inputs(self.hours.logits[row, cell], self.hours.sd[row, cell])

    def logit_sd(self, inputs: Inputs) -> Vector:
        """Return how unsure everybody's rate is at that time."""
        return inputs.sd

    def contributions(self, inputs: Inputs) -> Contributions:
        """Part the rate of all hours from what the hour adds."""
        base = np.full(len(inputs), self.hours.base)
        return Contributions.of_everybody(base, inputs.logit - base)

    def card(self) -> Iterator[str]:
        """Yield what it does."""
        yield (
            "- The rule of everybody's hours: the answer rate at each local half hour, smoothed "
            f"over {KERNEL_HOURS:g} hour and pulled to the rate of all hours by "
            f"{PRIOR_MOMENTS:g} moments. It tells no user from another."
        )
        if self.platforms:
            yield f"- With hours of their own: {', '.join(self.platforms)}."

    def document(self) -> dict[str, Any]:
        """Return the curves."""
        return self.hours.document()


class Settings(StrictModel):
    """Nothing of it is set: a yardstick that could be tuned would be none."""


def fit(past: Past, settings: Settings) -> tuple[PopulationRule, Inputs]:
    """Count how often everybody answers at each time."""
    del settings
    rule = PopulationRule(past.target, learn_everybodys_hours(past))
    return rule, rule.inputs(past.view, past.viewpoints, past.moments)


def read(
    target: Target,
    document: Mapping[str, Any],
    attachments: Mapping[str, bytes],
    *,
    threads: int,
) -> PopulationRule:
    """Read what `document` wrote."""
    del attachments, threads
    return PopulationRule(target, EverybodysHours.read(document))
