"""What people set of this family, each value within its limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, Field

from sendopt.errors import InvalidInput
from sendopt.features import MOMENT_FEATURES, USER_FEATURES
from sendopt.learn.boosting.trees import OffsetTrees
from sendopt.learn.level_shape.beliefs import LevelShape
from sendopt.strict_json import StrictModel

Days = Annotated[float, Field(ge=1.0, le=10_000.0, allow_inf_nan=False)]
Hours = Annotated[float, Field(ge=0.25, le=12.0, allow_inf_nan=False)]
Events = Annotated[float, Field(gt=0.0, le=1e6, allow_inf_nan=False)]
Deviation = Annotated[float, Field(ge=0.01, le=10.0, allow_inf_nan=False)]  # of logits
Rounds = Annotated[int, Field(ge=1, le=10_000)]


def _of(known: tuple[str, ...]) -> Callable[[list[str]], list[str]]:
    def checked(names: list[str]) -> list[str]:
        unknown = sorted(set(names) - set(known))
        if unknown:
            raise InvalidInput(
                f"should name features among {', '.join(known)}; not {unknown[0]!r}",
                code="definition_invalid",
            )
        if len(set(names)) < len(names):
            raise InvalidInput("should name each feature once", code="definition_invalid")
        return names

    return checked


UserFeatures = Annotated[list[str], AfterValidator(_of(USER_FEATURES))]
MomentFeatures = Annotated[list[str], AfterValidator(_of(MOMENT_FEATURES))]


class Shape(StrictModel):
    """The prior of the level-shape model; `LevelShape` says what each value is."""

    half_life_days: Days
    activity_bandwidth_hours: Hours
    activity_prior: Events
    population_day_type_prior: Events
    activity_trust: Events
    send_bandwidth_hours: Hours
    deviation_sd: Deviation
    deviation_length_hours: Hours
    level_sd: Deviation
    population_prior_sends: Events
    population_sd: Deviation
    population_length_hours: Hours
    population_day_type_sd: Deviation
    segment_level_sd: Deviation
    segment_sd: Deviation

    def before_learning(self) -> LevelShape:
        """Return what is believed before a log was seen."""
        return LevelShape(**self.model_dump())


class Trees(StrictModel):
    """How trees grow, in LightGBM's terms."""

    num_leaves: Annotated[int, Field(ge=2, le=1024)]
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0, allow_inf_nan=False)]
    max_rounds: Rounds
    patience_rounds: Rounds
    look_every_rounds: Rounds
    min_child_samples: Annotated[int, Field(ge=1, le=1_000_000)]
    lambda_l2: Annotated[float, Field(ge=0.0, le=1e6, allow_inf_nan=False)]
    max_bin: Annotated[int, Field(ge=2, le=255)]


class Features(StrictModel):
    """What trees may read."""

    user: Annotated[UserFeatures, Field(min_length=1)]
    moment: MomentFeatures
    fatigue: UserFeatures


class Settings(StrictModel):
    """The definition of the family, without its name."""

    shape: Shape
    trees: Trees
    features: Features

    def offset_trees(self) -> OffsetTrees:
        """Return how trees grow, and what never makes an answer likelier."""
        return OffsetTrees(**self.trees.model_dump(), fatigue=tuple(self.features.fatigue))
