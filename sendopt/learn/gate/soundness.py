"""Is it whole, of the right form, quick, and made again alike?"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from sendopt.clock import cpu_seconds
from sendopt.errors import ModelNotServable
from sendopt.features import Viewpoints
from sendopt.learn.families import artifact
from sendopt.learn.gate.check import Check, failed, not_judged, passed
from sendopt.learn.gate.trial import Trial, Vector, are_probabilities, rows_at
from sendopt.learn.model.model import ServableModel
from sendopt.learn.model.scorer import Inputs

_USERS, _STRANGERS = 20, 5  # whose 168 slots are scored
_STRESSED = 500  # judged moments that are asked about in ways no log has held yet
_ROUNDS = 5
_LEAST_ROWS_PER_SECOND = 50_000  # a million users' weeks in an hour
_ENOUGH_ROWS_PER_SECOND = 250_000  # quick enough, however quick the champion is
_MOST_TIMES_SLOWER = 5.0


def schema(trial: Trial) -> Check:
    """It must read the release's features, in its order."""
    told = trial.model.scorer.reads_other_features(trial.rows)
    if told is not None:
        return failed("schema", f"it reads other features than the release computes: {told}")
    return passed("schema", "its features are named and ordered as computed")


def finite(trial: Trial, week: Inputs) -> Check:
    """All it says must be probabilities, whatever it is asked."""
    asked = {"judged moments": trial.rows, "weeks of known users and strangers": week}
    few = rows_at(trial.rows, np.arange(len(trial.rows)) < _STRESSED)
    asked |= trial.model.scorer.stressed(few)
    for name, rows in asked.items():
        said, sd = trial.model.predict(rows), trial.model.logit_sd(rows)
        if not are_probabilities(said):
            wrong = int((~np.isfinite(said)).sum())
            return failed("finite", f"on {name} it says no probabilities, {wrong} times")
        if not (np.isfinite(sd) & (sd >= 0.0)).all():
            return failed("finite", f"on {name} its standard deviations are negative or not finite")
    return passed("finite", f"probabilities on {', '.join(asked)}")


def latency(trial: Trial, week: Inputs) -> Check:
    """It must score fast enough, measured beside the champion on the same rows."""
    weeks = [(trial.model, week)]
    if trial.champion is not None:
        weeks.append((trial.champion, _week(trial, trial.champion)))
    seconds = _fastest(weeks)
    rate = len(week) / seconds[0]
    figures = {"rows_per_second": rate}
    told = f"{rate:,.0f} rows a second"
    if len(weeks) > 1:
        figures["times_slower"] = seconds[0] / seconds[1]
        told += f", {figures['times_slower']:.1f} times the champion's time"
    slower = figures.get("times_slower", 0.0) > _MOST_TIMES_SLOWER
    if rate < _LEAST_ROWS_PER_SECOND or (slower and rate < _ENOUGH_ROWS_PER_SECOND):
        return failed(
            "latency",
            f"too slow: {told}; at least {_LEAST_ROWS_PER_SECOND:,}, and below "
            f"{_ENOUGH_ROWS_PER_SECOND:,} at most {_MOST_TIMES_SLOWER:g} times the champion's",
            figures,
        )
    return passed("latency", told, figures)


def stored(trial: Trial) -> Check:
    """Its files must hold what was judged, and say the same to the bit."""
    try:
        back = trial.read_back()
    except ModelNotServable as refusal:
        return failed("artifact", f"its files cannot serve: {refusal.message}")
    if back.version != trial.model.version:
        said = f"its files are of version {back.version}, not {trial.model.version}"
        return failed("artifact", said)
    again = back.predict(trial.rows)
    differ = int((again != trial.ours).sum())
    if differ or len(again) != len(trial.ours):
        return failed("artifact", f"read back, it says something else on {differ} judged moments")
    said = f"version {back.version} read back says the same of {len(again)} moments, to the bit"
    return passed("artifact", said)


def reproducible(trial: Trial) -> Check:
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


def checks(trial: Trial) -> Iterator[Check]:
    """Yield what was found."""
    yield schema(trial)
    week = _week(trial, trial.model)
    yield finite(trial, week)
    yield latency(trial, week)
    yield stored(trial)
    yield reproducible(trial)


def _week(trial: Trial, model: ServableModel) -> Inputs:
    """Describe the 168 slots of some known users, and of users whom nobody has heard of."""
    known = trial.judged.user_id.unique()[:_USERS]
    # No id of a tenant holds a control character, so these are strangers in every log.
    strangers = [f"\x1f{number}" for number in range(_STRANGERS)]
    users = pa.concat_arrays([known.cast(pa.string()), pa.array(strangers)])
    as_of = trial.judged.as_of[len(trial.judged) - 1]
    seen = Viewpoints(users, pa.array([as_of.as_py()] * len(users), trial.judged.as_of.type))
    own = trial.view.looking_for(model.target)  # `target` asks whether it is another
    return model.inputs(own, seen, own.hours_of_week(seen))


def _fastest(asked: list[tuple[ServableModel, Inputs]]) -> Vector:
    """Return the shortest of several CPU times of each model, taken in turns.

    CPU time, because on a busy machine the wall clock would refuse one model and let its twin pass.
    """
    seconds = np.full((_ROUNDS, len(asked)), np.inf)
    for turn in range(_ROUNDS):
        for number, (model, rows) in enumerate(asked):
            begin = cpu_seconds()
            model.predict(rows)
            seconds[turn, number] = cpu_seconds() - begin
    shortest: Vector = np.maximum(seconds.min(axis=0), 1e-9)
    return shortest
