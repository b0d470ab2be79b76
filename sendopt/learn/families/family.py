"""The seam: what a module has to offer to be a family of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from sendopt.features import Target
from sendopt.learn.model.scorer import Inputs, Scorer
from sendopt.learn.past.past import Past
from sendopt.strict_json import StrictModel


class Family(Protocol):
    """A module that is listed in `sendopt.learn.families`, or that another package brings.

    What it learns is a `Scorer`. Calibration, open windows, versions, the gate, the score store,
    explanations and planning are the same for all families and come for nothing.
    """

    NAME: str

    @property
    def Settings(self) -> type[StrictModel]:  # noqa: N802 - a class of the module
        """What people set of it, each with its limits.

        It comes with the values in `definitions/NAME.toml`, or else with its own defaults.
        """

    def fit(self, past: Past, settings: Any) -> tuple[Scorer, Inputs]:
        """Fit to the rows `past.learn`, choose by the rows `past.tune`.

        Args:
            past: what is known, and which rows teach.
            settings: one of its own `Settings`.

        Returns:
            What was learned, and the inputs of all rows of `past`, those that judge included.
        """

    def read(
        self,
        target: Target,
        document: Mapping[str, Any],
        attachments: Mapping[str, bytes],
        *,
        threads: int,
    ) -> Scorer:
        """Read what the scorer's `document` and `attachments` wrote.

        Raises:
            ModelNotServable: if this release cannot serve it.
        """
