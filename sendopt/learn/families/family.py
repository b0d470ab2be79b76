"""The seam: what a module has to offer to be a family of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from sendopt.features import Target
from sendopt.learn.model.scorer import Inputs, Scorer
from sendopt.learn.past.past import Past


class Family(Protocol):
    """A module in `sendopt.learn.families`, listed in its `FAMILIES`.

    What it learns is a `Scorer`. Calibration, open windows, versions, the gate, the score store,
    explanations and planning are the same for all families and come for nothing.
    """

    NAME: str

    def settings(self) -> Mapping[str, Any]:
        """Return what people set of it: two models that share it differ only in their data."""

    def fit(self, past: Past) -> tuple[Scorer, Inputs]:
        """Fit to the rows `past.learn`, choose by the rows `past.tune`.

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
