"""Is it whole, of the right form, quick, and made again alike?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from sendopt.errors import ModelNotServable
from sendopt.features import Viewpoints
from sendopt.learn.families import artifact
from sendopt.learn.gate.check import Check, failed, not_judged, passed
from sendopt.learn.gate.trial import GateTrial, Vector, are_probabilities
from sendopt.learn.model.model import ServableModel
from sendopt.learn.model.scorer import Inputs, rows_at

_USERS, _STRANGERS = 20, 5  # whose 168 slots are scored
_STRESSED = 500  # judged moments that are asked about in ways no log has held yet
_TIMED_USERS, _ROUNDS = 200, 5
_MOST_MS_PER_USER = 3.6  # a million users' weeks in an hour of one core
_ENOUGH_MS_PER_USER = 1.0  # quick enough, however quick the champion is
_MOST_TIMES_SLOWER = 5.0


def schema(trial: GateTrial) -> Check:
    """It must read the release's features, in its order."""
    others = trial.model.scorer.reads_other_features(trial.rows)
    if others is not None:
        return failed("schema", f"it reads other features than the release computes: {others}")
    return passed("schema", "its features are named and ordered as computed")


def finite(trial: GateTrial, week: Inputs) -> Check:
    """All it says must be probabilities, whatever it is asked."""
    inputs = {"judged moments": trial.rows, "weeks of known users and strangers": week}
    few = rows_at(trial.rows, np.arange(len(trial.rows)) < _STRESSED)
    inputs |= trial.model.scorer.stressed(few)
    for name, rows in inputs.items():
        probability, sd = trial.model.predict(rows), trial.model.logit_sd(rows)
        if not are_probabilities(probability):
            wrong = int((~np.isfinite(probability)).sum())
            return failed("finite", f"on {name} it says no probabilities, {wrong} times")
        if not (np.isfinite(sd) & (sd >= 0.0)).all():
            return failed("finite", f"on {name} its standard deviations are negative or not finite")
    return passed("finite", f"probabilities on {', '.join(inputs)}")


def latency(trial: GateTrial) -> Check:
    """It must score fast enough, from what a view knows of users to the best hours of their weeks.

    That is what serving does; the champion does the same, in turns.
    """
    models = [trial.model] if trial.champion is None else [trial.model, trial.champion]
    ms, *others = 1e3 * _fastest(trial, models) / len(askers(trial, _TIMED_USERS))
    figures = {"cpu_ms_per_user": ms}
    cost = f"{ms:.2f} ms of CPU a user"
    for theirs in others:
        figures["times_slower"] = ms / theirs
        cost += f", {ms / theirs:.1f} times the champion's"
    slower = figures.get("times_slower", 0.0) > _MOST_TIMES_SLOWER
    if ms > _MOST_MS_PER_USER or (slower and ms > _ENOUGH_MS_PER_USER):
        return failed(
            "latency",
            f"too slow: {cost}; at most {_MOST_MS_PER_USER:g} ms, and above "
            f"{_ENOUGH_MS_PER_USER:g} ms at most {_MOST_TIMES_SLOWER:g} times the champion's",
            figures,
        )
    return passed("latency", cost, figures)


def stored(trial: GateTrial) -> Check:
    """Its files must hold what was judged, and say the same to the bit."""
    try:
        back = trial.read_back()
    except ModelNotServable as refusal:
        return failed("artifact", f"its files cannot serve: {refusal.message}")
    if back.version != trial.model.version:
        sentence = f"its files are of version {back.version}, not {trial.model.version}"
        return failed("artifact", sentence)
    again = back.predict(trial.rows)
    differ = int((again != trial.ours).sum())
    if differ or len(again) != len(trial.ours):
        return failed("artifact", f"read back, it says something else on {differ} judged moments")
    sentence = f"version {back.version} read back says the same of {len(again)} moments, to the bit"
    return passed("artifact", sentence)


def reproducible(trial: GateTrial) -> Check:
    """Trained again on the same snapshot with the same seed, the same bytes must come out."""
    if trial.retrain is None:
        return not_judged(
            "reproducible",
            "too much history to train twice; the features of judged days were computed again "
            "(check future) and the files read back (check artifact), both alike",
        )
    with tempfile.TemporaryDirectory(prefix="sendopt-again-") as folder:
        again = artifact.write(trial.retrain(), Path(folder)).version
    if again != trial.model.version:
        return failed(
            "reproducible",
            f"trained again on snapshot {trial.model.provenance.log_snapshot} with seed "
            f"{trial.model.provenance.seed}, version {again} came out",
        )
    return passed("reproducible", f"trained again, version {again} came out again")


def checks(trial: GateTrial) -> Iterator[Check]:
    """Yield what was found."""
    yield schema(trial)
    week = _week(trial, trial.model)
    yield finite(trial, week)
    yield latency(trial)
    yield stored(trial)
    yield reproducible(trial)


def _week(trial: GateTrial, model: ServableModel) -> Inputs:
    """Describe the 168 slots of some known users, and of users whom nobody has heard of."""
    viewpoints = askers(trial, _USERS)
    view = trial.view.looking_for(model.target)  # `target` asks whether it is another
    return model.inputs(view, viewpoints, view.hours_of_week(viewpoints))


def askers(trial: GateTrial, known: int) -> Viewpoints:
    """Return up to so many known users, and some strangers, as of the last judged day."""
    users = trial.judged.user_id.unique()[:known].cast(pa.string())
    # No id of a tenant holds a control character, so these are strangers in every log.
    strangers = pa.array([f"\x1f{number}" for number in range(_STRANGERS)])
    both = pa.concat_arrays([users, strangers])
    last_us = np.full(len(both), trial.judged.as_of_us.max())
    return Viewpoints(both, pa.array(last_us).cast(trial.judged.as_of.type))


def _fastest(trial: GateTrial, models: Sequence[ServableModel]) -> Vector:
    """Return the shortest of several CPU times, in seconds, of each model, taken in turns.

    CPU time, because on a busy machine the wall clock would refuse one model and let its twin pass.
    The first turn also reads the log, which later ones find read.
    """
    viewpoints = askers(trial, _TIMED_USERS)
    views = [trial.view.looking_for(model.target) for model in models]
    seconds = np.full((_ROUNDS, len(models)), np.inf)
    for turn in range(_ROUNDS):
        for number, (model, view) in enumerate(zip(models, views, strict=True)):
            begin = trial.cpu_seconds()
            model.week_logits(view, viewpoints).argmax(axis=1)
            seconds[turn, number] = trial.cpu_seconds() - begin
    shortest: Vector = np.maximum(seconds.min(axis=0), 1e-9)
    return shortest
