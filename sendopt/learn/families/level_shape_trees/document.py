"""The level-shape model as JSON holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from sendopt.errors import ModelNotServable
from sendopt.features import HALF_HOURS, MOMENT_FEATURES, USER_FEATURES, Target
from sendopt.learn.level_shape.activity_prior import ActivityPrior
from sendopt.learn.level_shape.beliefs import LevelShape
from sendopt.learn.level_shape.level_shape_model import LevelShapeModel
from sendopt.learn.level_shape.segments import Segments

_PRIOR = ("everybody", "mean", "covariance")


def document(model: LevelShapeModel) -> dict[str, Any]:
    """Return what `read` takes back."""
    return {
        "features": list(USER_FEATURES + MOMENT_FEATURES),
        "late_hazard": None if model.late_hazard is None else model.late_hazard.tolist(),
        "shape": asdict(model.shape),
        "activity_prior": {name: getattr(model.activity, name).tolist() for name in _PRIOR},
        "platforms": _by_name(model.platforms),
        "message_types": _by_name(model.message_types),
    }


def read(target: Target, document: Mapping[str, Any]) -> LevelShapeModel:
    """Read what `document` wrote.

    Raises:
        ModelNotServable: if it was trained on features that this release does not have.
    """
    if document["features"] != list(USER_FEATURES + MOMENT_FEATURES):
        raise ModelNotServable(
            "the model was trained on other features than this release computes",
            hint="train again",
        )
    hazard = document["late_hazard"]
    return LevelShapeModel(
        target=target,
        shape=LevelShape(**document["shape"]),
        activity=ActivityPrior(*(np.array(document["activity_prior"][name]) for name in _PRIOR)),
        late_hazard=None if hazard is None else np.array(hazard),
        platforms=_segments(document["platforms"]),
        message_types=_segments(document["message_types"]),
    )


def _by_name(segments: Segments) -> dict[str, list[float]]:
    return dict(zip(segments.names, segments.added.tolist(), strict=True))


def _segments(document: dict[str, list[float]]) -> Segments:
    added = np.array(list(document.values())).reshape(len(document), HALF_HOURS)
    return Segments(tuple(document), added)
