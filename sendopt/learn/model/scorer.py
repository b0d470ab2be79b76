"""What a family of models learned, as all that serves and judges it sees it.

A family brings a subclass of `Scorer` and the module in `sendopt.learn.families` that fits and
reads it. Calibration, open windows, versions and provenance are the same for all of them: they
are of the `ServableModel` around it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import InvalidInput
from sendopt.features import AsOfView, Moments, Population, Target, Viewpoints
from sendopt.learn.model.contributions import NO_OWN_WEIGHTS, Contributions, OwnWeights
from sendopt.learn.numerics.logistic import sigmoid

Vector = NDArray[np.float64]
Inputs = Any  # a family's own: one row a moment, with `len`; a dataclass of arrays, or an array

SLOTS_A_WEEK = 168


class Scorer(ABC):
    """How likely moments are answered, on the logit scale and before calibration.

    One order of hours is judged and serves: that of `logit`.
    """

    family: ClassVar[str]
    reads_answer_times: ClassVar[bool] = False  # when answers were given, in time or late
    target: Target
    half_life: timedelta = timedelta(days=60)  # after which an event counts half
    late_hazard: Vector | None = None  # of late answers by age; None = it does not read them

    @property
    def memory(self) -> tuple[object, ...]:
        """What everybody's part depends on, beside the log and the target."""
        hazard = None if self.late_hazard is None else tuple(self.late_hazard.tolist())
        return self.half_life, hazard

    def population(self, view: AsOfView, *, as_of: datetime) -> Population:
        """Return what has to be known of everybody as of the UTC day of an instant."""
        return view.population(half_life=self.half_life, late_hazard=self.late_hazard, as_of=as_of)

    @abstractmethod
    def inputs(self, view: AsOfView, viewpoints: Viewpoints, moments: Moments) -> Inputs:
        """Describe `moments` by what was known at their viewpoints, one row a moment.

        Raises:
            InvalidInput: `wrong_target`, if `view` looks for other answers than were learned.
        """

    def logit(self, inputs: Inputs) -> Vector:
        """Return the logit of an answer within the target's window."""
        return self.contributions(inputs).logit

    @abstractmethod
    def logit_sd(self, inputs: Inputs) -> Vector:
        """Return how unsure each row's place among the user's own times is, on the logit scale."""

    @abstractmethod
    def contributions(self, inputs: Inputs) -> Contributions:
        """Take `logit` apart: the parts add up to it."""

    def everybody(self, inputs: Inputs) -> Vector:
        """Return everybody's probability at each moment."""
        parts = self.contributions(inputs)
        return sigmoid(parts.everybody + parts.everybodys_hours)

    @abstractmethod
    def card(self) -> Iterator[str]:
        """Yield the lines that the model card says of it, Markdown."""

    @abstractmethod
    def document(self) -> dict[str, Any]:
        """Return what was learned as JSON holds it; `read` of the family takes it back."""

    def attachments(self) -> dict[str, bytes]:
        """Return what JSON does not hold, by the name of the file."""
        return {}

    def week_logits(
        self, view: AsOfView, viewpoints: Viewpoints, *, threads: int
    ) -> NDArray[np.float32]:
        """Return the logits of the local week, (viewpoints, SLOTS_A_WEEK), Monday 0:00 first."""
        del threads
        rows = self.inputs(view, viewpoints, view.hours_of_week(viewpoints))
        return self.logit(rows).astype(np.float32).reshape(len(viewpoints), SLOTS_A_WEEK)

    def own_weights(
        self, inputs: Inputs, row: int, *, visits: float, probability: float
    ) -> OwnWeights:
        """Tell how much of what is said of a user's hours at `row` is the user's own.

        Args:
            inputs: as described.
            row: which of them.
            visits: of the user, decayed.
            probability: that the user answers there.
        """
        del inputs, row, visits, probability
        return NO_OWN_WEIGHTS

    @property
    def platforms(self) -> tuple[str, ...]:
        """Names of the platforms that have hours of their own."""
        return ()

    @property
    def ordered_by(self) -> str:
        """Name what orders a user's hours."""
        return self.family

    def params(self) -> Mapping[str, Any]:
        """Return what was learned or set, in a few numbers, for whoever compares trainings."""
        return {}

    def reads_other_features(self, inputs: Inputs) -> str | None:
        """Say how what it reads differs from what the release computes; None = it does not."""
        del inputs
        return None

    def stressed(self, inputs: Inputs) -> Mapping[str, Inputs]:
        """Return inputs as no log has held them yet, by what is strange about them."""
        del inputs
        return {}


def rows_at(rows: Inputs, chosen: NDArray[np.bool_]) -> Inputs:
    """Return the chosen rows."""

    def cut(part: Any) -> Any:
        if is_dataclass(part) and not isinstance(part, type):
            return replace(part, **{f.name: cut(getattr(part, f.name)) for f in fields(part)})
        return part[chosen]

    return cut(rows)


def require_target(scorer: Scorer, view: AsOfView) -> None:
    """Return if `view` looks for what `scorer` learned.

    Raises:
        InvalidInput: `wrong_target`; what it said of the view would be of something else.
    """
    if view.target != scorer.target:
        raise InvalidInput(
            f"looks for {view.target}, and the model learned {scorer.target}",
            code="wrong_target",
            field="view",
            expected="a view of the model's own target",
        )
