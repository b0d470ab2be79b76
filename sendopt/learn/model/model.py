"""A model as it is served: everything that a score needs beside the log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from sendopt.features import AsOfView, LabelledMoments, Moments, Target, Viewpoints
from sendopt.learn.boosting import trees
from sendopt.learn.level_shape.delays import Delays
from sendopt.learn.level_shape.level_shape_model import LevelShapeModel, Rows
from sendopt.learn.numerics.logistic import sigmoid

#: A probability of exactly 0 or 1 would claim a certainty that no log can give.
_LEAST, _MOST = 1e-6, 1.0 - 1e-6


@dataclass(frozen=True)
class Weights:
    """How much each part of the level-shape model counts on the logit scale."""

    intercept: float = 0.0
    level: float = 1.0
    busyness: float = 0.0
    shape: float = 1.0  # never negative: what orders the hours of a user cannot be turned over

    def logit(self, rows: Rows) -> NDArray[np.float64]:
        """Return the calibrated logit of the level-shape model."""
        return (
            rows.base
            + self.intercept
            + self.level * rows.level
            + self.busyness * rows.busyness
            + self.shape * rows.parts.shape
            + rows.message
        )


@dataclass(frozen=True)
class PopulationWeights:
    """The baseline: the answer rate by time of day of everybody on the user's platform."""

    intercept: float = 0.0
    shape: float = 1.0

    def probability(self, rows: Rows) -> NDArray[np.float64]:
        """Return the same probability for everybody on a platform at the same local time."""
        return sigmoid(self.logit(rows))

    def logit(self, rows: Rows) -> NDArray[np.float64]:
        """Return the same as a logit."""
        return rows.base + self.intercept + self.shape * rows.parts.population


@dataclass(frozen=True)
class Provenance:
    """Where a model comes from."""

    log_snapshot: int
    trained_until: datetime  # the end of the log that it saw
    learned_until: datetime  # it was fitted and tuned to nothing from then on; the rest judged it
    label_source: str  # "sends" or "activity"
    definition: str  # what people set of it: two models that share it differ only in their data
    code_version: str
    seed: int


@dataclass(frozen=True)
class ServableModel:
    """A judged model: scores any moment of any user that the log knows, or does not."""

    level_shape: LevelShapeModel
    delays: Delays
    weights: Weights
    baseline: PopulationWeights
    booster: lgb.Booster | None
    trees_rank: bool  # False: trees see the user only, and the hour is the level-shape model's
    calibration: tuple[float, float]  # intercept, slope on the logit scale
    provenance: Provenance
    asked_window: timedelta | None = None  # None = the one that it learned
    version: str = ""  # the first 16 hex digits of the artifact's SHA-256; empty until stored

    @property
    def target(self) -> Target:
        """What it predicts."""
        return self.level_shape.target

    def inputs(self, view: AsOfView, viewpoints: Viewpoints, moments: Moments) -> Rows:
        """Describe `moments` by what was known at their viewpoints, the way it was taught.

        Raises:
            InvalidInput: `wrong_target`.
        """
        return self.level_shape.inputs(view, viewpoints, moments)

    def labelled_inputs(self, view: AsOfView, labelled: LabelledMoments) -> Rows:
        """Describe labelled moments by what was known at the start of their day."""
        return self.inputs(view, *labelled.seen_by(view))

    def tree_features(self, rows: Rows) -> NDArray[np.float64]:
        """Return what the trees read of `rows`, in their order."""
        if not self.trees_rank:
            return rows.user_features
        return np.hstack([rows.user_features, rows.moment_features])

    def predict(self, rows: Rows) -> NDArray[np.float64]:
        """Return the probability of an answer within the asked window, in (0, 1)."""
        logit = self.weights.logit(rows)
        if self.booster is not None:
            logit = logit + trees.added_logit(self.booster, self.tree_features(rows))
        intercept, slope = self.calibration
        return self.in_window(sigmoid(intercept + slope * logit))

    def in_window(self, probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn probabilities within the window that was learned into those within the asked one."""
        if self.asked_window is not None:
            learned = self.target.open_window
            probability = self.delays.move(probability, learned=learned, asked=self.asked_window)
        return np.clip(probability, _LEAST, _MOST)

    def within(self, open_window: timedelta) -> ServableModel:
        """Return the same model for another open window; the order of times stays.

        Raises:
            InvalidInput: `window_too_long`.
        """
        self.delays.within(open_window)
        return replace(self, asked_window=open_window)

    def logit_sd(self, rows: Rows) -> NDArray[np.float64]:
        """Return how unsure the model is of each row's place among the user's own times.

        A standard deviation on the logit scale, of the personal shape alone: what is common to
        all times of a user (the level) does not move the choice between them.
        """
        _, slope = self.calibration
        doubt: NDArray[np.float64] = slope * self.weights.shape * np.sqrt(rows.parts.doubt)
        return doubt
