"""A family that another package brings, and whose fault it is if it breaks.

Whatever the package does not raise on purpose comes out as `family_broken`, with the family, the
package and the place in its code. Errors of sendopt's own kind, such as a log that cannot be read,
pass as they are.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import ModelNotServable, SendoptError
from sendopt.features import AsOfView, Moments, Population, Target, Viewpoints
from sendopt.learn.families.family import Family
from sendopt.learn.model.contributions import Contributions, OwnWeights
from sendopt.learn.model.scorer import SLOTS_A_WEEK, Inputs, Scorer, Vector, rows_at
from sendopt.learn.past.past import Past
from sendopt.strict_json import StrictModel

_T = TypeVar("_T")


@dataclass(frozen=True)
class Origin:
    """Where a family comes from."""

    family: str
    package: str  # its name and version

    def broken(self, fault: str) -> ModelNotServable:
        """Return the error that says what is wrong with the family."""
        return ModelNotServable(
            f"the family {self.family} of {self.package} cannot be used: {fault}",
            code="family_broken",
            hint="mend that package, or train another family, such as with `sendopt train --family "
            "level_shape_trees`; docs/adding-a-model-family.md shows what a family takes",
        )

    def answer_of(self, what: str, answer: Callable[[], _T]) -> _T:
        """Return what the family answers when it is asked for `what`.

        Raises:
            ModelNotServable: `family_broken`, whatever the package raised by accident.
        """
        try:
            return answer()
        except SendoptError:
            raise
        except Exception as error:
            raise self.broken(f"`{what}` raised {_in_words(error)}") from error

    def require_rows(self, what: str, inputs: Inputs, count: int) -> None:
        """Return if `inputs` are `count` rows that can be chosen among, as the gate does.

        Raises:
            ModelNotServable: `family_broken`.
        """
        every_other = np.arange(count) % 2 == 0
        rows = self.answer_of(f"len of the inputs of {what}", lambda: len(inputs))
        chosen = self.answer_of(
            f"inputs[mask] of {what}", lambda: len(rows_at(inputs, every_other)) if count else 0
        )
        if (rows, chosen) != (count, int(every_other.sum())):
            raise self.broken(f"`{what}` returned inputs of {rows:,} rows for {count:,} moments")


class BroughtFamily:
    """A family of another package, as the seam has it."""

    def __init__(self, family: Family, origin: Origin) -> None:
        self._family, self.origin = family, origin
        self.NAME = family.NAME
        self.Settings: type[StrictModel] = family.Settings

    def fit(self, past: Past, settings: Any) -> tuple[Scorer, Inputs]:
        """Fit to the rows of `past`.

        Raises:
            ModelNotServable: `family_broken`.
        """
        fitted = self.origin.answer_of("fit", lambda: self._family.fit(past, settings))
        if not isinstance(fitted, tuple) or len(fitted) != 2 or not isinstance(fitted[0], Scorer):
            raise self.origin.broken("`fit` returned no pair of a Scorer and its inputs")
        scorer, inputs = fitted
        self.origin.require_rows("fit", inputs, len(past.labelled))
        return BroughtScorer(scorer, self.origin), inputs

    def read(
        self,
        target: Target,
        document: Mapping[str, Any],
        attachments: Mapping[str, bytes],
        *,
        threads: int,
    ) -> Scorer:
        """Read what a scorer of the family wrote.

        Raises:
            ModelNotServable: `family_broken`.
        """
        scorer = self.origin.answer_of(
            "read", lambda: self._family.read(target, document, attachments, threads=threads)
        )
        if not isinstance(scorer, Scorer):
            raise self.origin.broken(f"`read` returned {type(scorer).__name__}, which is no Scorer")
        return BroughtScorer(scorer, self.origin)


class BroughtScorer(Scorer):
    """What a family of another package learned; all that it is asked goes through one door."""

    def __init__(self, scorer: Scorer, origin: Origin) -> None:
        self._scorer, self._ask = scorer, origin.answer_of
        self.origin = origin
        self.family = origin.family  # type: ignore[misc]  # of this one, not of all of them
        self.reads_answer_times = scorer.reads_answer_times  # type: ignore[misc]
        self.target = origin.answer_of("target", lambda: scorer.target)
        self.half_life: timedelta = scorer.half_life
        self.late_hazard = scorer.late_hazard

    @property
    def memory(self) -> tuple[object, ...]:
        return self._ask("memory", lambda: self._scorer.memory)

    def population(self, view: AsOfView, *, as_of: datetime) -> Population:
        return self._ask("population", lambda: self._scorer.population(view, as_of=as_of))

    def inputs(self, view: AsOfView, viewpoints: Viewpoints, moments: Moments) -> Inputs:
        rows = self._ask("inputs", lambda: self._scorer.inputs(view, viewpoints, moments))
        self.origin.require_rows("inputs", rows, len(moments))
        return rows

    def logit(self, inputs: Inputs) -> Vector:
        return self._a_number_a_row("logit", inputs, lambda: self._scorer.logit(inputs))

    def logit_sd(self, inputs: Inputs) -> Vector:
        return self._a_number_a_row("logit_sd", inputs, lambda: self._scorer.logit_sd(inputs))

    def contributions(self, inputs: Inputs) -> Contributions:
        return self._ask("contributions", lambda: self._scorer.contributions(inputs))

    def everybody(self, inputs: Inputs) -> Vector:
        return self._a_number_a_row("everybody", inputs, lambda: self._scorer.everybody(inputs))

    def card(self) -> Iterator[str]:
        return iter(self._ask("card", lambda: [str(line) for line in self._scorer.card()]))

    def document(self) -> dict[str, Any]:
        def kept() -> dict[str, Any]:
            document = self._scorer.document()
            json.dumps(document, sort_keys=True)  # else it would break only where it is written
            return document

        return self._ask("document", kept)

    def attachments(self) -> dict[str, bytes]:
        def kept() -> dict[str, bytes]:
            return {name: bytes(memoryview(it)) for name, it in self._scorer.attachments().items()}

        return self._ask("attachments", kept)

    def week_logits(
        self, view: AsOfView, viewpoints: Viewpoints, *, threads: int
    ) -> NDArray[np.float32]:
        def shaped() -> NDArray[np.float32]:
            logits = self._scorer.week_logits(view, viewpoints, threads=threads)
            return np.asarray(logits, np.float32).reshape(len(viewpoints), SLOTS_A_WEEK)

        return self._ask("week_logits", shaped)

    def own_weights(
        self, inputs: Inputs, row: int, *, visits: float, probability: float
    ) -> OwnWeights:
        return self._ask(
            "own_weights",
            lambda: self._scorer.own_weights(inputs, row, visits=visits, probability=probability),
        )

    @property
    def platforms(self) -> tuple[str, ...]:
        return self._ask("platforms", lambda: self._scorer.platforms)

    @property
    def ordered_by(self) -> str:
        return self._ask("ordered_by", lambda: self._scorer.ordered_by)

    def params(self) -> Mapping[str, Any]:
        return self._ask("params", lambda: dict(self._scorer.params()))

    def reads_other_features(self, inputs: Inputs) -> str | None:
        return self._ask("reads_other_features", lambda: self._scorer.reads_other_features(inputs))

    def stressed(self, inputs: Inputs) -> Mapping[str, Inputs]:
        return self._ask("stressed", lambda: self._scorer.stressed(inputs))

    def _a_number_a_row(self, what: str, inputs: Inputs, answer: Callable[[], Any]) -> Vector:
        """Return an answer that must hold one number for each row of `inputs`."""
        values = self._ask(what, lambda: np.asarray(answer(), np.float64))
        if values.shape != (len(inputs),):
            raise self.origin.broken(
                f"`{what}` returned the shape {values.shape} for {len(inputs):,} rows"
            )
        return values


def _in_words(error: Exception) -> str:
    """Say what was raised and where, in the last line of code that ran."""
    places = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(places[-1].filename).name}, line {places[-1].lineno})" if places else ""
    return f"{type(error).__name__}: {error}{place}"
