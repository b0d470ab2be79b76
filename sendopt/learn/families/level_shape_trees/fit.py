"""Fits the level-shape model, its weights and the trees on its offset."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features import microseconds
from sendopt.learn.families.level_shape_trees.activity_memory import learn_activity
from sendopt.learn.families.level_shape_trees.describe import Describe
from sendopt.learn.families.level_shape_trees.grow_trees import grow
from sendopt.learn.families.level_shape_trees.learn_curves import (
    as_far_as_activity_tells,
    as_latency_tells,
    as_long_as_answers_tell,
    as_users_deviate,
    with_late_answers,
)
from sendopt.learn.families.level_shape_trees.learn_weights import (
    late_weight,
    weigh,
    weigh_population,
)
from sendopt.learn.families.level_shape_trees.scorer import LevelShapeTrees
from sendopt.learn.families.level_shape_trees.settings import Settings
from sendopt.learn.level_shape.beliefs import LevelShape
from sendopt.learn.level_shape.late_hours import hazard_by_age
from sendopt.learn.level_shape.level_shape_model import DescribedMoments, LevelShapeModel
from sendopt.learn.level_shape.segments import Segments, added_at, learn_segments
from sendopt.learn.past.past import Past
from sendopt.learn.past.split import SENDS

NAME = LevelShapeTrees.family


def fit(past: Past, settings: Settings) -> tuple[LevelShapeTrees, DescribedMoments]:
    """Fit curves, segments, weights and trees, one on what the others leave."""
    known, rows = _learn_curves(past, settings.shape.before_learning())
    weights = weigh(rows, past.labelled, past.learn)
    kind = past.moments.message_type
    if kind is not None:
        message_types = _segments_of(past, kind, weights.logit(rows), known.shape)
        known = replace(known, message_types=message_types)
        rows = replace(rows, message=added_at(message_types, past.moments))
    past.progress("growing trees on the level-shape model")
    booster, trees_rank = grow(
        rows,
        past.labelled,
        weights,
        past.learn,
        past.tune,
        settings=settings,
        seed=past.seed,
        threads=past.threads,
    )
    baseline = weigh_population(rows, past.labelled, past.learn | past.tune)
    return LevelShapeTrees(known, weights, baseline, booster, trees_rank), rows


read = LevelShapeTrees.read


def _learn_curves(past: Past, prior: LevelShape) -> tuple[LevelShapeModel, DescribedMoments]:
    labelled, learn = past.labelled, past.learn
    shape, activity, by_sessions = learn_activity(
        past.view, prior, until=past.split.judge_from, rng=past.rng_for(NAME)
    )
    until_us = microseconds(past.split.judge_from)
    hazard = hazard_by_age(past.view.late_answers, until_us=until_us)
    describe = Describe(past)
    described = describe.by(LevelShapeModel(past.target, shape, activity, hazard))
    sent = past.label_source == SENDS
    if sent and described.rows.parts.activity.any():
        described = as_far_as_activity_tells(
            describe, described, memory_of_answers=prior.half_life_days
        )
    if sent:
        described = as_latency_tells(describe, described)
    if described.model.late_hazard is not None:
        described = describe.by(
            with_late_answers(described.model, late_weight(described.rows, labelled, learn))
        )
    from_answers = sent and not (by_sessions and described.model.shape.activity_weight)
    if from_answers:
        described = as_long_as_answers_tell(describe, described)
    by_platform = past.view.last_platforms(past.viewpoints).take(pa.array(past.moments.viewpoint))
    everybody = weigh_population(described.rows, labelled, learn).logit(described.rows)
    platforms = _segments_of(past, by_platform, everybody, described.model.shape)
    if platforms.names:
        described = describe.by(replace(described.model, platforms=platforms))
    if from_answers:
        described = as_users_deviate(describe, described)
    return described.model, described.rows


def _segments_of(
    past: Past, names: pa.Array, offset: NDArray[np.float64], shape: LevelShape
) -> Segments:
    learn = past.learn
    return learn_segments(
        names.filter(pa.array(learn)),
        past.moments.chosen(learn, first=0),
        past.labelled.label[learn],
        past.labelled.weight[learn],
        offset=offset[learn],
        shape=shape,
    )
