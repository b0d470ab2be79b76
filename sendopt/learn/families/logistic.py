"""A ridge logistic regression on features of user and moment, by scikit-learn alone.

It is no rule that others are held to, but the smallest model of another kind: an example of what a
family takes. What scikit-learn fitted are numbers, and numbers are what the artifact holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sendopt.errors import ModelNotServable
from sendopt.features import USER_FEATURES, AsOfView, Moments, Target, Viewpoints
from sendopt.learn.families import empirical_bayes
from sendopt.learn.families.empirical_bayes import EmpiricalBayes
from sendopt.learn.model.contributions import Contributions
from sendopt.learn.model.scorer import Scorer, require_target
from sendopt.learn.numerics.logistic import sigmoid
from sendopt.learn.past.past import Past
from sendopt.strict_json import StrictModel

NAME = "logistic"

_HOUR_FEATURES = ("everybodys_shape", "answers", "activity")
_FEATURES = (*_HOUR_FEATURES, "level", *USER_FEATURES)
_NEVER_DAYS = 365.0  # since something that never happened

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Inputs:
    """One row a moment."""

    features: Vector  # (rows, _FEATURES), not yet standardised
    everybody: Vector  # everybody's logit
    variance: Vector  # of the own part of the shape

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True, eq=False)
class Logistic(Scorer):
    """Standardised features, each with its weight."""

    family: ClassVar[str] = NAME

    counts: EmpiricalBayes  # whose curves it reads
    mean: Vector  # of each feature, subtracted
    scale: Vector  # of each feature, divided by
    weights: Vector
    intercept: float

    @property
    def target(self) -> Target:  # type: ignore[override]
        """What it predicts."""
        return self.counts.target

    @property
    def half_life(self) -> timedelta:  # type: ignore[override]
        """After so long an event counts half."""
        return self.counts.half_life

    @property
    def platforms(self) -> tuple[str, ...]:
        """Names of the platforms that have hours of their own."""
        return self.counts.platforms

    def inputs(self, view: AsOfView, viewpoints: Viewpoints, moments: Moments) -> Inputs:
        """Put the curves of counting beside the features of the user."""
        require_target(self, view)
        return described(self.counts, view, viewpoints, moments)

    def logit(self, inputs: Inputs) -> Vector:
        """Return the weighed features."""
        logit: Vector = self.intercept + self._weighed(inputs).sum(axis=1)
        return logit

    def logit_sd(self, inputs: Inputs) -> Vector:
        """Return the deviation of the counts, at the largest weight that a curve has."""
        largest = float((self.weights / self.scale)[: len(_HOUR_FEATURES)].max(initial=0.0))
        return largest * np.sqrt(inputs.variance)

    def everybody(self, inputs: Inputs) -> Vector:
        """Return everybody's probability."""
        return sigmoid(inputs.everybody)

    def contributions(self, inputs: Inputs) -> Contributions:
        """Return what each feature adds; those of the user stand where trees would."""
        added, hours = self._weighed(inputs), len(_HOUR_FEATURES)
        everybodys_hours, answers, visits, level = added[:, : hours + 1].T
        return Contributions(
            everybody=np.full(len(inputs), self.intercept),
            everybodys_hours=everybodys_hours,
            own_visits=visits,
            own_answers=answers,
            level=level,
            pace=np.zeros(len(inputs)),
            trees=added[:, hours + 1 :],
            tree_features=USER_FEATURES,
            tree_values=np.expm1(inputs.features[:, hours + 1 :]),
        )

    def card(self) -> Iterator[str]:
        """Yield what it does."""
        order = np.argsort(-np.abs(self.weights))[:3]
        weights = ", ".join(f"{_FEATURES[at]} {self.weights[at]:+.2f}" for at in order)
        yield (
            f"- Ridge logistic regression (scikit-learn) on {len(_FEATURES)} features of user and "
            f"moment; the largest weights of standardised features: {weights}."
        )

    def document(self) -> dict[str, Any]:
        """Return curves and weights."""
        return {
            "counts": self.counts.document(),
            "features": list(_FEATURES),
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "weights": self.weights.tolist(),
            "intercept": self.intercept,
        }

    def _weighed(self, inputs: Inputs) -> Vector:
        weighed: Vector = self.weights * (inputs.features - self.mean) / self.scale
        return weighed


class Settings(StrictModel):
    """What people set of it."""

    ridge: Annotated[float, Field(gt=0.0, le=1e6, allow_inf_nan=False)]


def described(
    counts: EmpiricalBayes, view: AsOfView, viewpoints: Viewpoints, moments: Moments
) -> Inputs:
    """Return the features of each moment."""
    curves = counts.inputs(view, viewpoints, moments)
    user = np.log1p(np.nan_to_num(view.user_features(viewpoints), nan=_NEVER_DAYS))
    return Inputs(
        features=np.column_stack(
            [
                *(getattr(curves, name) for name in _HOUR_FEATURES),
                curves.level,
                user[moments.viewpoint],
            ]
        ),
        everybody=curves.everybody,
        variance=curves.variance,
    )


def fit(past: Past, settings: Settings) -> tuple[Logistic, Inputs]:
    """Standardise the features and weigh them."""
    # scikit-learn takes a second to import, which only those who train should pay.
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    counts, _ = empirical_bayes.fit(past, empirical_bayes.Settings())
    inputs = described(counts, past.view, past.viewpoints, past.moments)
    learn = past.learn
    scaler = StandardScaler().fit(inputs.features[learn])
    label, weight = past.labelled.label[learn], past.labelled.weight[learn]
    width = len(_FEATURES)
    weights, intercept = np.zeros(width), counts.hours.base
    if len(np.unique(label)) == 2:
        regression = LogisticRegression(C=1.0 / settings.ridge, tol=1e-8, max_iter=1000)
        regression.fit(scaler.transform(inputs.features[learn]), label, sample_weight=weight)
        weights, intercept = regression.coef_[0].copy(), float(regression.intercept_[0])
    return Logistic(counts, scaler.mean_.copy(), scaler.scale_.copy(), weights, intercept), inputs


def read(
    target: Target,
    document: Mapping[str, Any],
    attachments: Mapping[str, bytes],
    *,
    threads: int,
) -> Logistic:
    """Read what `document` wrote.

    Raises:
        ModelNotServable: if it was trained on features that this release does not have.
    """
    if document["features"] != list(_FEATURES):
        raise ModelNotServable(
            "the model was trained on other features than this release computes",
            hint="train again",
        )
    return Logistic(
        empirical_bayes.read(target, document["counts"], attachments, threads=threads),
        mean=np.array(document["mean"]),
        scale=np.array(document["scale"]),
        weights=np.array(document["weights"]),
        intercept=document["intercept"],
    )
