"""The level-shape model, weighed, with trees on its offset: what it says of moments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sendopt.features import (
    MOMENT_FEATURES,
    USER_FEATURES,
    AsOfView,
    Moments,
    Target,
    Viewpoints,
)
from sendopt.learn.boosting import trees
from sendopt.learn.boosting.stored_trees import StoredTrees
from sendopt.learn.families.level_shape_trees import document as documents
from sendopt.learn.families.level_shape_trees.weeks import collapsed_logits
from sendopt.learn.families.level_shape_trees.weights import PopulationWeights, Weights
from sendopt.learn.level_shape.beliefs import LevelShape
from sendopt.learn.level_shape.level_shape_model import DescribedMoments, LevelShapeModel
from sendopt.learn.model.contributions import Contributions, OwnWeights
from sendopt.learn.model.scorer import Scorer

_FEWEST_TO_WALK = 32  # users; for fewer, to collapse and compile takes longer than their rows
_TREES = "trees.txt"


@dataclass(frozen=True)
class LevelShapeTrees(Scorer):
    """What the family learned."""

    family: ClassVar[str] = "level_shape_trees"

    level_shape: LevelShapeModel
    weights: Weights
    baseline: PopulationWeights
    booster: trees.Trees | None
    trees_rank: bool  # False: trees see the user only, and the hour is the level-shape model's

    @property
    def target(self) -> Target:  # type: ignore[override]
        """What it predicts."""
        return self.level_shape.target

    @property
    def half_life(self) -> timedelta:  # type: ignore[override]
        """After so long an event counts half."""
        return self.level_shape.shape.half_life

    @property
    def late_hazard(self) -> NDArray[np.float64] | None:  # type: ignore[override]
        """How often a send that will be answered late is answered, by its age."""
        return self.level_shape.late_hazard

    @property
    def platforms(self) -> tuple[str, ...]:
        """Names of the platforms that have hours of their own."""
        return self.level_shape.platforms.names

    @property
    def ordered_by(self) -> str:
        """Name what orders a user's hours."""
        return "lightgbm_offset" if self.trees_rank else "level_shape"

    def inputs(self, view: AsOfView, viewpoints: Viewpoints, moments: Moments) -> DescribedMoments:
        """Describe `moments` by the level-shape model's curves and the features of the trees."""
        return self.level_shape.inputs(view, viewpoints, moments)

    def logit(self, inputs: DescribedMoments) -> NDArray[np.float64]:
        """Return the weighed parts of the level-shape model and what the trees add."""
        logit = self.weights.logit(inputs)
        if self.booster is None:
            return logit
        return logit + trees.added_logit(self.booster, self.tree_features(inputs))

    def logit_sd(self, inputs: DescribedMoments) -> NDArray[np.float64]:
        """Return the posterior deviation of the user's own part of the shape."""
        return self.weights.shape * np.sqrt(inputs.parts.variance)

    def everybody(self, inputs: DescribedMoments) -> NDArray[np.float64]:
        """Return the baseline: the answer rate by time of day on the user's platform."""
        return self.baseline.probability(inputs)

    def week_logits(
        self, view: AsOfView, viewpoints: Viewpoints, *, threads: int
    ) -> NDArray[np.float32]:
        """Work out once a user what is the user's, not once a slot."""
        # Rows need LightGBM, which takes longer to import than stored trees to collapse.
        if len(viewpoints) >= _FEWEST_TO_WALK or isinstance(self.booster, StoredTrees):
            logits = collapsed_logits(
                self.level_shape, self.weights, self.booster, view, viewpoints, threads=threads
            )
            if logits is not None:
                return logits
        return super().week_logits(view, viewpoints, threads=threads)

    def tree_features(self, inputs: DescribedMoments) -> NDArray[np.float64]:
        """Return what the trees read, in their order."""
        if not self.trees_rank:
            return inputs.user_features
        return np.hstack([inputs.user_features, inputs.moment_features])

    def contributions(self, inputs: DescribedMoments) -> Contributions:
        """Take the logit of every row apart, the trees by Shapley values."""
        weights, parts, count = self.weights, inputs.parts, len(inputs)
        expected, shapley = np.zeros(count), np.zeros((count, 0))
        names: tuple[str, ...] = ()
        if self.booster is not None and count:
            contributed = np.asarray(
                self.booster.predict(self.tree_features(inputs), pred_contrib=True), np.float64
            )
            shapley, expected = contributed[:, :-1], contributed[:, -1]
            names = tuple(self.booster.feature_name())
        return Contributions(
            everybody=inputs.base + weights.intercept + expected,
            everybodys_hours=weights.shape * parts.population + inputs.message,
            own_visits=weights.shape * parts.activity,
            own_answers=weights.shape * parts.answers,
            level=weights.level * inputs.level,
            pace=weights.activity_rate * inputs.activity_rate,
            trees=shapley,
            tree_features=names,
            tree_values=self.tree_features(inputs) if names else np.zeros((count, 0)),
        )

    def own_weights(
        self, inputs: DescribedMoments, row: int, *, visits: float, probability: float
    ) -> OwnWeights:
        """Weigh a user's own evidence against everybody's; see `own_weights`."""
        return own_weights(
            self.level_shape.shape,
            visits=visits,
            late_answers=float(inputs.parts.late_evidence[row]),
            sends=float(inputs.parts.evidence[row]),
            probability=probability,
        )

    def reads_other_features(self, inputs: DescribedMoments) -> str | None:
        """Compare what the trees read with the release's features, by name and order."""
        expected = USER_FEATURES + (MOMENT_FEATURES if self.trees_rank else ())
        computed = self.tree_features(inputs).shape[1]
        names = expected if self.booster is None else tuple(self.booster.feature_name())
        if names == expected and computed == len(expected):
            return None
        differing = [
            f"{place}: {theirs} for {ours}"
            for place, (theirs, ours) in enumerate(zip(names, expected, strict=False))
            if theirs != ours
        ]
        return ", ".join(differing) or f"{len(names)} for {len(expected)}"

    def stressed(self, inputs: DescribedMoments) -> Mapping[str, DescribedMoments]:
        """Return rows as no log has held them yet."""

        def features(value: float) -> DescribedMoments:
            return replace(inputs, user_features=np.full_like(inputs.user_features, value))

        def level(value: float) -> DescribedMoments:
            return replace(inputs, level=np.full_like(inputs.level, value))

        return {
            "missing features": features(np.nan),
            "features of zero": features(0.0),
            "counts of 10^12": features(1e12),
            "users who never answer": level(-6.0),
            "users who always answer": level(6.0),
            "a million sessions a day": replace(
                inputs, activity_rate=np.full_like(inputs.activity_rate, np.log1p(1e6))
            ),
        }

    def card(self) -> Iterator[str]:
        """Yield what is known of it in a few lines."""
        known, weights = self.level_shape, self.weights
        rounds = 0 if self.booster is None else self.booster.num_trees()
        order = "the trees" if self.trees_rank else "the level-shape model"
        yield (
            f"- Level-shape model: half-life {known.shape.half_life_days:g} days, "
            f"bandwidth {known.shape.activity_bandwidth_hours:g} hours."
        )
        yield (
            f"- Weights: level {weights.level:.2f}, activity rate {weights.activity_rate:.2f}, "
            f"shape {weights.shape:.2f}; {rounds} rounds of trees on its offset."
        )
        if not known.shape.activity_weight:
            yield "- Activity is left out: it tells too little of answering."
        elif known.shape.activity_weight < 0.0:
            yield "- Users answer when they are less active: it counts against hours that they are."
        elif not known.shape.everybodys_activity:
            yield "- Everybody's hours are those of answers, which tell more than activity does."
        late = known.shape.late_weight
        yield (
            f"- Answers after the open window tell when a user is there: weight {late:.2f}."
            if late
            else "- Answers after the open window have no weight."
        )
        counted = "how soon" if known.shape.by_promptness else "whether"
        yield (
            f"- Of answers counts {counted} they came; users' own hours are believed to deviate "
            f"from everybody's by {known.shape.deviation_sd:.2f} of a logit."
        )
        yield f"- The hours of a user are ordered by {order}."

    def params(self) -> Mapping[str, Any]:
        """Return what was learned."""
        return {
            "shape": asdict(self.level_shape.shape),
            "weights": asdict(self.weights),
            "tree_rounds": 0 if self.booster is None else self.booster.num_trees(),
            "trees_rank": self.trees_rank,
        }

    def document(self) -> dict[str, Any]:
        """Return everything but the trees."""
        return {
            **documents.document(self.level_shape),
            "weights": asdict(self.weights),
            "baseline": asdict(self.baseline),
            "trees_rank": self.trees_rank,
        }

    def attachments(self) -> dict[str, bytes]:
        """Return the trees in LightGBM's text format; nothing without trees."""
        return {} if self.booster is None else {_TREES: trees.to_text(self.booster).encode()}

    @classmethod
    def read(
        cls,
        target: Target,
        document: Mapping[str, Any],
        attachments: Mapping[str, bytes],
        *,
        threads: int,
    ) -> LevelShapeTrees:
        """Read what `document` and `attachments` wrote.

        Raises:
            ModelNotServable: if it was trained on features that this release does not have.
        """
        text = attachments.get(_TREES)
        return cls(
            level_shape=documents.read(target, document),
            weights=Weights(**document["weights"]),
            baseline=PopulationWeights(**document["baseline"]),
            booster=None if text is None else trees.from_text(text.decode(), threads=threads),
            trees_rank=document["trees_rank"],
        )


def own_weights(
    shape: LevelShape, *, visits: float, late_answers: float, sends: float, probability: float
) -> OwnWeights:
    """Weigh a user's own evidence against everybody's: evidence / (evidence + prior).

    S visits and L late answers weigh E / (E + kappa) with E = |w| S + v L, because kappa visits
    know a user's hours as well as everybody's do; w and v are 0 where sessions, or late answers,
    were found to tell nothing of answering in time. n sends near an hour tell I = n p (1 - p) of
    its logit, and weigh I / (I + 1 / sigma^2).

    Args:
        shape: w is its `activity_weight`, v its `late_weight`, kappa its `activity_prior`, sigma
            its `deviation_sd`.
        visits: of the user, decayed.
        late_answers: of the user, decayed.
        sends: to the user near the hour, decayed.
        probability: that the user answers there.
    """
    presence = abs(shape.activity_weight) * visits + shape.late_weight * late_answers
    information = sends * probability * (1.0 - probability)
    return OwnWeights(
        visits=presence / (presence + shape.activity_prior),
        answers=information / (information + shape.deviation_sd**-2.0),
    )
