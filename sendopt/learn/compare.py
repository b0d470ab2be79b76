"""Compares two registered models on moments that neither of them learned from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from sendopt.errors import InvalidInput
from sendopt.evaluate import metrics
from sendopt.evaluate.metrics import Interval
from sendopt.features import AsOfView, LabelledMoments, body_of, microseconds, summarise
from sendopt.learn.judging.judge import Judgement, Quality
from sendopt.learn.judging.judge_models import judge_models
from sendopt.learn.judging.predictions import OURS, Vector, predictions
from sendopt.learn.model.model import ServableModel
from sendopt.learn.past.groups import user_numbers
from sendopt.learn.past.split import label_source, labelled_moments
from sendopt.log import Reader

_FIRST = "first"


@dataclass(frozen=True)
class Compared:
    """One of two models, and how it did."""

    version: str
    family: str
    definition: str  # its fingerprint
    learned_until: datetime
    quality: Quality
    auc_across_days: float | None  # None = days tell, or nobody does
    reward: Interval | None  # answered share of the hours that it chose; None = no choices


@dataclass(frozen=True)
class Comparison:
    """Two models on the same moments; differences are B minus A, 95 %, users as units."""

    a: Compared
    b: Compared
    since: datetime  # neither learned from anything at or after it
    until: datetime
    label_source: str
    moments: int
    users: int
    choices: int  # user-days with at least two moments, of which one is chosen
    log_loss: Interval  # in nats; below 0 = B is better
    calibration_error: float  # of B minus that of A: a difference of two errors, without interval
    within_day_auc: Interval | None  # above 0 = B is better; None = no day with both outcomes
    auc_across_days: Interval | None  # of users' moments; None = days tell, or nobody does
    reward: Interval | None  # above 0 = B is better; None = no choices
    label: str = "predictive"  # whoever chose the times of these moments had reasons


def compare(
    reader: Reader, a: ServableModel, b: ServableModel, *, until: datetime, seed: int
) -> Comparison:
    """Judge both on the labelled moments from the later `learned_until` to the log's end.

    Args:
        reader: the tenant's log.
        a: as it is registered.
        b: as it is registered, for the same target.
        until: nothing at or after it is known.
        seed: of which moments are taken, where there are too many.

    Raises:
        InvalidInput: `same_model`; `targets_differ`; `nothing_to_compare`, if nothing is known
            after both have learned.
    """
    _require_comparable(a, b)
    since = max(a.provenance.learned_until, b.provenance.learned_until)
    with body_of(reader, until=until) as (inside, body):
        ends = until if body is None else min(until, body.end)
        view = AsOfView(inside, a.target)
        summary = summarise(inside, a.target, until=until)
        past = labelled_moments(
            view, summary, since=None, until=ends, rng=np.random.default_rng(seed)
        )
        past = past.rows(past.at_us >= microseconds(since))
        if not len(past):
            raise InvalidInput(
                f"nothing is known from {since:%Y-%m-%d %H:%M} UTC on, until when both models "
                f"had learned; the log ends at {ends:%Y-%m-%d %H:%M}",
                code="nothing_to_compare",
                expected="labelled moments after the later learned_until of the two",
                hint="ingest later days, or train both with --as-of an earlier instant",
            )
        models = {_FIRST: a, OURS: b}
        probabilities = predictions(models, view, *past.viewpoints_and_moments(view))
        verdict = judge_models(past, view, models, probabilities)
    across = verdict.across_days
    return Comparison(
        a=_compared(a, verdict, _FIRST),
        b=_compared(b, verdict, OURS),
        since=since,
        until=ends,
        label_source=label_source(summary, a.target),
        moments=verdict.moments,
        users=verdict.users,
        choices=verdict.choices,
        log_loss=_log_loss_difference(past, probabilities[_FIRST], probabilities[OURS]),
        calibration_error=verdict.quality[OURS].calibration_error
        - verdict.quality[_FIRST].calibration_error,
        within_day_auc=verdict.auc_gain.get(_FIRST),
        auc_across_days=None if across is None else across.gain[_FIRST],
        reward=verdict.gain.get(_FIRST),
    )


def _require_comparable(a: ServableModel, b: ServableModel) -> None:
    if a.version == b.version:
        raise InvalidInput(
            f"both are model {a.version}", code="same_model", expected="two different models"
        )
    if a.target != b.target:
        raise InvalidInput(
            f"model {a.version} predicts {a.target}, model {b.version} {b.target}",
            code="targets_differ",
            expected="two models of the same outcome, open window, clock tolerance and recording",
        )


def _log_loss_difference(past: LabelledMoments, first: Vector, second: Vector) -> Interval:
    lost = metrics.log_losses(past.label, second) - metrics.log_losses(past.label, first)
    return metrics.user_interval(past.weight * lost, past.weight, user_numbers(past))


def _compared(model: ServableModel, verdict: Judgement, name: str) -> Compared:
    made, across = model.provenance, verdict.across_days
    return Compared(
        version=model.version,
        family=model.family,
        definition=made.definition,
        learned_until=made.learned_until,
        quality=verdict.quality[name],
        auc_across_days=None if across is None else across.auc[name],
        reward=verdict.reward.get(name),
    )
