"""A model as it is served: everything that a score needs beside the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sendopt.features import AsOfView, LabelledMoments, Moments, Target, Viewpoints
from sendopt.learn.level_shape.delays import Delays
from sendopt.learn.model.contributions import Contributions
from sendopt.learn.model.scorer import Inputs, Scorer
from sendopt.learn.numerics.logistic import logit as log_odds
from sendopt.learn.numerics.logistic import sigmoid

#: A probability of exactly 0 or 1 would claim a certainty that no log can give.
_LEAST, _MOST = 1e-6, 1.0 - 1e-6


@dataclass(frozen=True)
class Provenance:
    """Where a model comes from."""

    log_snapshot: int
    trained_until: datetime  # the end of the log that it saw
    learned_until: datetime  # it was fitted and tuned to nothing from then on; the rest judged it
    label_source: str  # "sends" or "activity"
    definition: str  # its fingerprint: two models that share it differ only in their data
    defined: Mapping[str, Any]  # the definition that was read, complete: what people set of it
    code_version: str
    seed: int


@dataclass(frozen=True)
class ServableModel:
    """A judged model: scores any moment of any user that the log knows, or does not."""

    scorer: Scorer
    delays: Delays
    calibration: tuple[float, float]  # intercept, slope on the logit scale; slope > 0
    provenance: Provenance
    asked_window: timedelta | None = None  # None = the one that it learned
    version: str = ""  # the first 16 hex digits of the artifact's SHA-256; empty until stored

    @property
    def family(self) -> str:
        """The name of its family."""
        return self.scorer.family

    @property
    def target(self) -> Target:
        """What it predicts."""
        return self.scorer.target

    def inputs(self, view: AsOfView, viewpoints: Viewpoints, moments: Moments) -> Inputs:
        """Describe `moments` by what was known at their viewpoints, the way it was taught.

        Raises:
            InvalidInput: `wrong_target`.
        """
        return self.scorer.inputs(view, viewpoints, moments)

    def labelled_inputs(self, view: AsOfView, labelled: LabelledMoments) -> Inputs:
        """Describe labelled moments by what was known at the start of their day."""
        return self.inputs(view, *labelled.viewpoints_and_moments(view))

    def predict(self, inputs: Inputs) -> NDArray[np.float64]:
        """Return the probability of an answer within the asked window, in (0, 1)."""
        intercept, slope = self.calibration
        return self.in_window(sigmoid(intercept + slope * self.scorer.logit(inputs)))

    def week_logits(
        self, view: AsOfView, viewpoints: Viewpoints, *, threads: int = 1
    ) -> NDArray[np.float32]:
        """Return the calibrated logits of the local week, (viewpoints, 168), Monday 0:00 first."""
        intercept, slope = self.calibration
        logit = self.scorer.week_logits(view, viewpoints, threads=threads)
        logit *= np.float32(slope)
        logit += np.float32(intercept)
        if self.asked_window is None:
            return logit
        return log_odds(self.in_window(sigmoid(logit.astype(np.float64)))).astype(np.float32)

    def in_window(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn probabilities within the window that was learned into those within the asked one."""
        if self.asked_window is not None:
            learned = self.target.open_window
            probability = self.delays.move(probability, learned=learned, window=self.asked_window)
        return np.clip(probability, _LEAST, _MOST)

    def within(self, open_window: timedelta) -> ServableModel:
        """Return the same model for another open window; the order of times stays.

        Raises:
            InvalidInput: `window_too_long`.
        """
        self.delays.within(open_window)
        return replace(self, asked_window=open_window)

    def logit_sd(self, inputs: Inputs) -> NDArray[np.float64]:
        """Return how unsure the model is of each row's place among the user's own times.

        A standard deviation on the logit scale, of the personal shape alone: what is common to
        all times of a user (the level) does not move the choice between them.
        """
        _, slope = self.calibration
        return slope * self.scorer.logit_sd(inputs)

    def contributions(self, inputs: Inputs) -> Contributions:
        """Take the calibrated logit of every row apart."""
        return self.scorer.contributions(inputs).calibrated(*self.calibration)
