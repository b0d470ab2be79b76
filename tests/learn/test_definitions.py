"""The definitions under models/ are those that the code computes with."""

from __future__ import annotations

import tomllib
from dataclasses import asdict
from pathlib import Path

from sendopt.features import MOMENT_FEATURES, USER_FEATURES
from sendopt.learn.boosting.trees import FATIGUE, OffsetTrees
from sendopt.learn.level_shape.curves import LevelShape

MODELS = Path(__file__).parents[2] / "models"


def definition(model: str) -> dict[str, dict[str, object]]:
    return tomllib.loads((MODELS / model / "definition.toml").read_text("utf-8"))


def test_the_level_shape_prior_is_the_published_one() -> None:
    assert definition("level_shape") == {"shape": asdict(LevelShape())}


def test_the_trees_are_the_published_ones() -> None:
    published = definition("lightgbm_offset")
    assert published["trees"] == asdict(OffsetTrees())
    assert published["features"] == {
        "user": list(USER_FEATURES),
        "moment": list(MOMENT_FEATURES),
        "fatigue": sorted(FATIGUE),
    }
