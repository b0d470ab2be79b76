"""Fits a model to a past that ends at one instant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.metadata import version

import lightgbm as lgb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.evaluate import metrics
from sendopt.features import (
    MOMENT_FEATURES,
    USER_FEATURES,
    LabelledMoments,
    Summary,
    Target,
    last_platforms,
    observe,
    summarise,
)
from sendopt.learn import logistic, trees
from sendopt.learn.clock_rate import choose_clocks
from sendopt.learn.definition import fingerprint
from sendopt.learn.delays import Delays, observed_delays, of_individuals, steady
from sendopt.learn.groups import day_groups, user_numbers
from sendopt.learn.history import ACTIVITY, SENDS, Split, label_source, labelled_moments, split
from sendopt.learn.level_shape import LevelShape
from sendopt.learn.model import PopulationWeights, Provenance, ServableModel, Weights
from sendopt.learn.rows import Rows, describe
from sendopt.learn.segments import Segments, added_at, learn_segments
from sendopt.learn.trees import OffsetTrees, Sample
from sendopt.log import Reader

Progress = Callable[[str], None]

_LONGEST_REACH = timedelta(hours=4)
_LEAST_SHAPE_WEIGHT = 0.05
_FEWEST_MIXED_DAYS = 100
_LEAST_ACTIVITY_WEIGHT = 0.1  # a tenth of what an open would be if being there were answering

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Fitted:
    """A model and the rows that it was fitted to and can be judged on."""

    model: ServableModel
    summary: Summary
    moments: LabelledMoments
    rows: Rows
    split: Split


def fit(
    reader: Reader,
    target: Target,
    *,
    until: datetime,
    judged: bool,
    seed: int,
    threads: int,
    progress: Progress,
) -> Fitted:
    """Fit a model to what was known before `until`; if `judged`, keep the last part unseen."""
    rng = np.random.default_rng(seed)
    summary = summarise(reader, target, until=until)
    past = labelled_moments(reader, target, summary, since=None, until=until, rng=rng)
    parts = split(past, until=until, judged=judged)
    observations = observe(reader, target)
    progress(f"learning from {len(past)} moments of {label_source(summary)}")
    shape, clocks = choose_clocks(
        reader, observations, LevelShape(), until=parts.judge_from, rng=rng
    )
    reach = reach_of(target, summary)
    learn, tune = parts.learn(past), parts.tune(past)

    seen, asked = past.asked(reader)

    def describe_by(shape: LevelShape, platforms: Segments) -> Rows:
        return describe(
            reader,
            observations,
            target=target,
            shape=shape,
            clocks=clocks,
            platforms=platforms,
            message_types=Segments(),
            reach=reach,
            seen=seen,
            asked=asked,
        )

    platforms = Segments()
    rows = describe_by(shape, platforms)
    if label_source(summary) == SENDS and not activity_tells(rows, past, learn):
        progress("being active tells nothing of answering here: learning from answers alone")
        shape = replace(shape, activity_weight=0.0)
        rows = describe_by(shape, platforms)

    def learn_what_is_added_by(names: pa.Array, offset: NDArray[np.float64]) -> Segments:
        return learn_segments(
            names.filter(pa.array(learn)),
            asked.chosen(learn, first=0),
            past.label[learn],
            past.weight[learn],
            offset=offset[learn],
            shape=shape,
        )

    by_platform = last_platforms(reader, seen).take(pa.array(asked.viewpoint))
    platforms = learn_what_is_added_by(
        by_platform, _weigh_population(rows, past, learn).logit(rows)
    )
    if platforms.names:
        rows = describe_by(shape, platforms)
    weights = _weigh(rows, past, learn)
    message_types = Segments()
    if asked.message_type is not None:
        message_types = learn_what_is_added_by(asked.message_type, weights.logit(rows))
        rows = replace(rows, message=added_at(message_types, asked))
    progress("growing trees on the level-shape model")
    booster, trees_rank = _grow(rows, past, weights, learn, tune, seed=seed, threads=threads)
    model = ServableModel(
        target=target,
        shape=shape,
        clocks=clocks,
        platforms=platforms,
        message_types=message_types,
        delays=delays_of(reader, target, summary, until=parts.judge_from),
        reach=reach,
        weights=weights,
        baseline=_weigh_population(rows, past, learn | tune),
        booster=booster,
        trees_rank=trees_rank,
        calibration=(0.0, 1.0),
        provenance=Provenance(
            log_snapshot=reader.snapshot,
            trained_until=until,
            learned_until=parts.judge_from,
            label_source=label_source(summary),
            definition=fingerprint(),
            code_version=version("sendopt"),
            seed=seed,
        ),
    )
    model = replace(model, calibration=_calibrate(model, rows, past, tune))
    if tune.any():
        probability = model.predict(rows)[tune]
        own = of_individuals(model.delays, probability, learned=target.open_window)
        model = replace(model, delays=own)
    return Fitted(model=model, summary=summary, moments=past, rows=rows, split=parts)


def reach_of(target: Target, summary: Summary) -> timedelta:
    """Return how long after a send activity can still answer it.

    The log itself tells: 95 of 100 answers came within `late_answer`. The shape is learned over
    this reach, which holds more activity than the open window; the probability is of an answer
    within the open window all the same.
    """
    if summary.late_answer is None:
        return target.open_window
    return max(target.open_window, min(summary.late_answer, _LONGEST_REACH))


def delays_of(reader: Reader, target: Target, summary: Summary, *, until: datetime) -> Delays:
    """Return how long answers take; being active, which stands in for an answer, has no delay."""
    if label_source(summary) == ACTIVITY:
        return steady()
    return observed_delays(reader, target, until=until)


def activity_tells(rows: Rows, past: LabelledMoments, learn: Mask) -> bool:
    """Return whether sends into active hours may be answered more; in doubt, they may.

    Being there and answering are two things: people may be active in the morning and answer in
    the evening. Only if sends say so beyond doubt is activity left out.
    """
    active = rows.parts.activity + rows.parts.population_activity
    if not active[learn].any():
        return True
    design = np.column_stack([np.ones(len(rows)), rows.level, rows.busyness, active])[learn]
    precision = np.array([0.01, 4.0, 1.0, 1.0])
    weight = logistic.fit(
        design,
        past.label[learn],
        past.weight[learn],
        offset=rows.base[learn],
        prior=np.array([0.0, 1.0, 0.0, 1.0]),
        precision=precision,
    )
    spread = logistic.deviations(
        design, weight, past.weight[learn], offset=rows.base[learn], precision=precision
    )
    return float(weight[3] + 1.96 * spread[3]) > _LEAST_ACTIVITY_WEIGHT


def _weigh(rows: Rows, past: LabelledMoments, learn: Mask) -> Weights:
    design = np.column_stack([np.ones(len(rows)), rows.level, rows.busyness, rows.parts.shape])
    intercept, level, busyness, shape = logistic.fit(
        design[learn],
        past.label[learn],
        past.weight[learn],
        offset=rows.base[learn],
        prior=np.array([0.0, 1.0, 0.0, 1.0]),
        precision=np.array([0.01, 4.0, 1.0, 16.0]),
    )
    return Weights(
        float(intercept), float(level), float(busyness), max(float(shape), _LEAST_SHAPE_WEIGHT)
    )


def _weigh_population(rows: Rows, past: LabelledMoments, learn: Mask) -> PopulationWeights:
    intercept, shape = logistic.fit(
        np.column_stack([np.ones(len(rows)), rows.parts.population])[learn],
        past.label[learn],
        past.weight[learn],
        offset=rows.base[learn],
        prior=np.array([0.0, 1.0]),
        precision=np.array([0.01, 16.0]),
    )
    return PopulationWeights(float(intercept), max(float(shape), _LEAST_SHAPE_WEIGHT))


def _grow(
    rows: Rows,
    past: LabelledMoments,
    weights: Weights,
    learn: Mask,
    tune: Mask,
    *,
    seed: int,
    threads: int,
) -> tuple[lgb.Booster | None, bool]:
    """Return the trees, and whether they may order the hours of a user.

    They may only if, on later days with several sends, they order the moments of a user's day
    better than the level-shape model, beyond doubt. Days with one send prove nothing: between
    days, how much a user answers changes, and trees that see that look as if they knew the hour.
    """
    offset = weights.logit(rows)

    def grow(features: NDArray[np.float32], names: tuple[str, ...]) -> lgb.Booster | None:
        def sample(chosen: Mask) -> Sample:
            return Sample(features[chosen], past.label[chosen], past.weight[chosen], offset[chosen])

        return trees.fit(
            OffsetTrees(), sample(learn), sample(tune), names=names, seed=seed, threads=threads
        )

    user_features = rows.user_features.astype(np.float32)
    if _mixed_days(past.rows(tune)) >= _FEWEST_MIXED_DAYS:
        both = np.hstack([user_features, rows.moment_features.astype(np.float32)])
        ranking = grow(both, USER_FEATURES + MOMENT_FEATURES)
        if ranking is not None:
            added = trees.added_logit(ranking, both[tune])
            if _orders_better(offset[tune] + added, offset[tune], past.rows(tune), seed=seed):
                return ranking, True
    return grow(user_features, USER_FEATURES), False


def _mixed_days(past: LabelledMoments) -> int:
    """Count the user-days on which some sends were answered and others not."""
    _, pairs = metrics.pair_counts(day_groups(past), np.zeros(len(past)), past.label)
    return int((pairs > 0).sum())


def _orders_better(
    new: NDArray[np.float64], old: NDArray[np.float64], past: LabelledMoments, *, seed: int
) -> bool:
    user, group = user_numbers(past), day_groups(past)
    gained = metrics.pair_counts(group, new, past.label)[0]
    ordered, pairs = metrics.pair_counts(group, old, past.label)
    owner = np.zeros(len(pairs), np.intp)
    owner[group] = user
    gain = metrics.user_interval(gained - ordered, pairs, owner, np.random.default_rng(seed))
    return gain.low > 0.0


def _calibrate(
    model: ServableModel, rows: Rows, past: LabelledMoments, tune: Mask
) -> tuple[float, float]:
    """Return intercept and slope on the logit scale, pulled towards changing nothing (Platt)."""
    if not tune.any():
        return 0.0, 1.0
    probability = model.predict(rows)[tune]
    logit = logistic.logit(probability)
    intercept, slope = logistic.fit(
        np.column_stack([np.ones(len(logit)), logit]),
        past.label[tune],
        past.weight[tune],
        offset=np.zeros(len(logit)),
        prior=np.array([0.0, 1.0]),
        precision=np.array([1.0, 25.0]),
    )
    return float(intercept), max(float(slope), 0.2)
