"""Fits the level-shape model, its weights and the trees on its offset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features import LabelledMoments, microseconds
from sendopt.learn.families.level_shape_trees.activity_memory import learn_activity
from sendopt.learn.families.level_shape_trees.grow_trees import grow
from sendopt.learn.families.level_shape_trees.learn_weights import (
    activity_tells,
    better_with_less,
    late_weight,
    weigh,
    weigh_population,
)
from sendopt.learn.families.level_shape_trees.scorer import LevelShapeTrees
from sendopt.learn.families.level_shape_trees.settings import Settings
from sendopt.learn.level_shape.curves import LevelShape
from sendopt.learn.level_shape.late_hours import hazard_by_age
from sendopt.learn.level_shape.level_shape_model import LevelShapeModel, Rows
from sendopt.learn.level_shape.segments import Segments, added_at, learn_segments
from sendopt.learn.past.past import Mask, Past
from sendopt.learn.past.split import SENDS

NAME = LevelShapeTrees.family

_DAY_US = 86_400_000_000
#: Of everybody. By so many, the logit of each two hours is known to some .04 from answers alone;
#: with fewer, more probable outcomes did not mean better hours.
_ANSWERS_THAT_KNOW_HOURS = 10_000
_TELLS_LITTLE = "being active tells little of answering: learning from answers alone"
_EVERYBODYS_TELLS_LITTLE = (
    "everybody's activity tells little of when they answer: learning that from answers alone"
)
_FEWEST_KNOWN = 100  # moments that tell of everybody: their share is then known to some 5 points


def fit(past: Past, settings: Settings) -> tuple[LevelShapeTrees, Rows]:
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


def _learn_curves(past: Past, prior: LevelShape) -> tuple[LevelShapeModel, Rows]:
    view, labelled, learn = past.view, past.labelled, past.learn

    def described_by(known: LevelShapeModel) -> Rows:
        rows = known.rows(told, past.moments)
        return as_if_everybody_were_known(rows, labelled, learn | past.tune)

    shape, activity = learn_activity(
        view, prior, until=past.split.judge_from, rng=past.rng_for(NAME)
    )
    until_us = microseconds(past.split.judge_from)
    hazard = hazard_by_age(view.late_answers, until_us=until_us)
    known = LevelShapeModel(past.target, shape, activity, hazard)
    told = known.known(view, past.viewpoints)
    rows = described_by(known)
    if past.label_source == SENDS and rows.parts.activity.any():
        known, rows = _as_far_as_activity_tells(past, known, rows, described_by)
    if known.late_hazard is not None:
        known = _with_late_answers(known, late_weight(rows, labelled, learn))
        rows = described_by(known)
    by_platform = view.last_platforms(past.viewpoints).take(pa.array(past.moments.viewpoint))
    everybody = weigh_population(rows, labelled, learn).logit(rows)
    platforms = _segments_of(past, by_platform, everybody, known.shape)
    if platforms.names:
        known = replace(known, platforms=platforms)
        rows = described_by(known)
    return known, rows


def _as_far_as_activity_tells(
    past: Past, known: LevelShapeModel, rows: Rows, described_by: Callable[[LevelShapeModel], Rows]
) -> tuple[LevelShapeModel, Rows]:
    """Leave out of activity what tells less than answers do: everybody's hours, then all of it."""
    labelled, learn = past.labelled, past.learn
    nothing = _without(known, activity_weight=0.0)
    if not activity_tells(rows, labelled, learn):
        past.progress(_TELLS_LITTLE)
        return nothing, described_by(nothing)
    steps = [(nothing, _TELLS_LITTLE)]
    if past.summary.opens >= _ANSWERS_THAT_KNOW_HOURS:
        steps.insert(0, (_without(known, everybodys_activity=0.0), _EVERYBODYS_TELLS_LITTLE))
    for less, said in steps:
        described = described_by(less)
        if better_with_less(rows, described, labelled, learn):
            past.progress(said)
            known, rows = less, described
    return known, rows


def _without(known: LevelShapeModel, **activity: float) -> LevelShapeModel:
    return replace(known, shape=replace(known.shape, **activity))


def _with_late_answers(known: LevelShapeModel, weight: float) -> LevelShapeModel:
    """Return the model with late answers weighed; those without weight are no longer read."""
    return replace(
        known,
        shape=replace(known.shape, late_weight=weight),
        late_hazard=known.late_hazard if weight else None,
    )


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


def as_if_everybody_were_known(rows: Rows, past: LabelledMoments, taught: Mask) -> Rows:
    """Give the first rows of a log, when nothing was known of everybody, the next days' base.

    All users are new in these rows. With a base that knows nothing they would teach that who is
    new differs from everybody by as much as everybody differs from one in two. Where a log holds
    more than is learned from, it changes a hundred rows by next to nothing. Only rows that teach
    are changed, and by each other: those that judge are described as a send would be.
    """
    known = np.searchsorted(np.sort(past.at_us), past.as_of_us) >= _FEWEST_KNOWN
    if not (known & taught).any():
        return rows
    day = past.as_of_us // _DAY_US  # everybody's past is counted by UTC days
    first = known & taught & (day == day[known & taught].min())
    return replace(rows, base=np.where(known | ~taught, rows.base, rows.base[first].mean()))
