"""Fits a model to a past that ends at one instant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.metadata import version

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features import AsOfView, LabelledMoments, Summary, Target, summarise
from sendopt.learn.fitting.activity_memory import choose_clocks
from sendopt.learn.fitting.grow_trees import grow
from sendopt.learn.fitting.weights import activity_tells, calibrate, weigh, weigh_population
from sendopt.learn.level_shape.curves import LevelShape
from sendopt.learn.level_shape.delays import Delays, observed_delays, of_individuals, steady
from sendopt.learn.level_shape.level_shape_model import LevelShapeModel, Rows
from sendopt.learn.level_shape.segments import Segments, added_at, learn_segments
from sendopt.learn.model.definition import fingerprint
from sendopt.learn.model.model import Provenance, ServableModel
from sendopt.learn.past.split import ACTIVITY, SENDS, Split, label_source, labelled_moments, split
from sendopt.log import Reader

Mask = NDArray[np.bool_]
Progress = Callable[[str], None]

_LONGEST_REACH = timedelta(hours=4)
_FEWEST_KNOWN = 100  # moments that tell of everybody: their share is then known to some 5 points


@dataclass(frozen=True)
class Fitted:
    """A model and the rows that it was fitted to and can be judged on."""

    view: AsOfView
    model: ServableModel
    summary: Summary
    moments: LabelledMoments
    rows: Rows
    split: Split


def fit(
    view: AsOfView,
    *,
    until: datetime,
    judged: bool,
    seed: int,
    threads: int,
    progress: Progress,
) -> Fitted:
    """Fit a model to what was known before `until`; if `judged`, keep the last part unseen."""
    rng = np.random.default_rng(seed)
    reader, target = view.reader, view.target
    summary = summarise(reader, target, until=until)
    past = labelled_moments(reader, target, summary, since=None, until=until, rng=rng)
    parts = split(past, target, until=until, judged=judged)
    progress(f"learning from {len(past)} moments of {label_source(summary)}")
    shape, clocks = choose_clocks(view, LevelShape(), until=parts.judge_from, rng=rng)
    taught = summarise(reader, target, until=parts.judge_from) if judged else summary
    learn, tune = parts.learn(past), parts.tune(past)
    seen, asked = past.seen_by(view)

    def describe_by(known: LevelShapeModel) -> Rows:
        return as_if_everybody_were_known(known.inputs(view, seen, asked), past, learn | tune)

    known = LevelShapeModel(target, shape, clocks, reach_of(target, taught))
    rows = describe_by(known)
    if label_source(summary) == SENDS and not activity_tells(rows, past, learn):
        progress("being active tells nothing of answering here: learning from answers alone")
        known = replace(known, shape=replace(shape, activity_weight=0.0))
        rows = describe_by(known)

    def learn_what_is_added_by(names: pa.Array, offset: NDArray[np.float64]) -> Segments:
        return learn_segments(
            names.filter(pa.array(learn)),
            asked.chosen(learn, first=0),
            past.label[learn],
            past.weight[learn],
            offset=offset[learn],
            shape=known.shape,
        )

    by_platform = view.last_platforms(seen).take(pa.array(asked.viewpoint))
    platforms = learn_what_is_added_by(by_platform, weigh_population(rows, past, learn).logit(rows))
    if platforms.names:
        known = replace(known, platforms=platforms)
        rows = describe_by(known)
    weights = weigh(rows, past, learn)
    if asked.message_type is not None:
        message_types = learn_what_is_added_by(asked.message_type, weights.logit(rows))
        known = replace(known, message_types=message_types)
        rows = replace(rows, message=added_at(message_types, asked))
    progress("growing trees on the level-shape model")
    booster, trees_rank = grow(rows, past, weights, learn, tune, seed=seed, threads=threads)
    model = ServableModel(
        level_shape=known,
        delays=delays_of(reader, target, summary, until=parts.judge_from),
        weights=weights,
        baseline=weigh_population(rows, past, learn | tune),
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
    model = replace(model, calibration=calibrate(model, rows, past, tune))
    if tune.any():
        probability = model.predict(rows)[tune]
        own = of_individuals(model.delays, probability, learned=target.open_window)
        model = replace(model, delays=own)
    return Fitted(view=view, model=model, summary=summary, moments=past, rows=rows, split=parts)


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
    first = known & taught & (past.as_of_us == past.as_of_us[known & taught].min())
    return replace(rows, base=np.where(known | ~taught, rows.base, rows.base[first].mean()))


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
