"""Trees order the hours of a user only where users enough have shown that they should."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from trained import SETTINGS, TREES

from sendopt.features import MOMENT_FEATURES, USER_FEATURES, LabelledMoments
from sendopt.learn.boosting import trees
from sendopt.learn.families.level_shape_trees.grow_trees import grow
from sendopt.learn.families.level_shape_trees.weights import Weights
from sendopt.learn.level_shape.curves import Parts
from sendopt.learn.level_shape.level_shape_model import DescribedMoments

DAY_US = 86_400_000_000


@pytest.mark.parametrize(("users", "rank"), [(5, False), (19, False), (20, True), (60, True)])
def test_trees_order_hours_that_enough_users_prove(users: int, rank: bool) -> None:
    """Evenings are answered, mornings hardly ever; the level-shape model knows nothing of it."""
    count = 8000
    rng = np.random.default_rng(1)
    hour = rng.integers(0, 24, count)
    number = np.arange(count)
    day = number // (4 * users)
    nothing = np.zeros(count)
    rows = DescribedMoments(
        base=nothing,
        level=nothing,
        activity_rate=nothing,
        parts=Parts(*(nothing for _ in range(8))),
        message=nothing,
        user_features=np.zeros((count, len(USER_FEATURES))),
        moment_features=np.column_stack([hour, nothing])[:, : len(MOMENT_FEATURES)],
    )
    past = LabelledMoments(
        user_id=pa.array([f"u{each}" for each in number // 4 % users]),
        as_of_us=day * DAY_US,
        at_us=day * DAY_US + hour * DAY_US // 24,
        local_us=day * DAY_US + hour * DAY_US // 24,
        label=(rng.random(count) < np.where(hour >= 18, 0.7, 0.2)).astype(np.float64),
        weight=np.ones(count),
    )
    learn = number < count // 2

    def ranks(moment: list[str]) -> bool:
        features = SETTINGS.features.model_copy(update={"moment": moment})
        settings = SETTINGS.model_copy(update={"features": features})
        return grow(rows, past, Weights(), learn, ~learn, settings=settings, seed=1, threads=1)[1]

    assert ranks(["hour_of_day", "day_of_week"]) is rank
    assert not ranks(["day_of_week"]), "the hour was left out of what trees may read"
    assert not ranks([])


def test_trees_are_the_same_on_any_number_of_threads() -> None:
    """To the bit of their text, which a model's version is the hash of."""
    rng = np.random.default_rng(3)
    features = rng.normal(size=(20_000, 6)).astype(np.float32)
    label = (rng.random(20_000) < 1 / (1 + np.exp(-features[:, 0] * features[:, 1]))).astype(float)
    sample = trees.Sample(features, label, np.ones(20_000), np.zeros(20_000))
    names = [f"f{each}" for each in range(6)]
    grown = [
        trees.fit(TREES, sample, sample, names=names, seed=1, threads=threads)
        for threads in (1, 2, 3)
    ]
    texts = {trees.to_text(each) for each in grown if each is not None}
    assert len(texts) == 1
    assert None not in grown
