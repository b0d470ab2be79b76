"""Writes the model card: what was learned from what, how good it is, and where it is not."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sendopt.features import answers_by_age, microseconds
from sendopt.features.propensity import MAX_WEIGHT
from sendopt.learn.families.definition import differences
from sendopt.learn.fitting.fit import Fitted
from sendopt.learn.gate import GateReport, GateTrial, Outcome
from sendopt.learn.judging.judge import Judgement
from sendopt.learn.judging.predictions import OURS
from sendopt.learn.level_shape.late_hours import FEWEST_LATE_ANSWERS
from sendopt.learn.model.model import ServableModel
from sendopt.learn.past.split import ACTIVITY
from sendopt.learn.weak_spots import weak_spots

_TITLE = "# Model card"
#: How a check's end is written: what refuses stands out.
_OUTCOME = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "FAILED",
    Outcome.NOT_JUDGED: "not judged",
}


def model_card(fitted: Fitted, trial: GateTrial, verdict: Judgement, *, version: str) -> str:
    """Return the card (Markdown) of a judged model, before the gate has spoken.

    Args:
        fitted: the model and the past that it was fitted to.
        trial: beside whom it was judged.
        verdict: what judging found.
        version: of the model.
    """
    lines = [
        _TITLE,
        "",
        *_data(fitted),
        "",
        *_model(fitted.model, version),
        "",
        *_judgement(verdict),
        "",
        *weak_spots(fitted, trial, verdict),
        "",
    ]
    return "\n".join(lines)


def with_gate(card: str, gate: GateReport, *, serves: bool, why: str = "") -> str:
    """Return `card` with the gate's verdict at its head and every check at its end.

    Args:
        card: before the gate has spoken.
        gate: what it said.
        serves: the model became the champion.
        why: the model was put on trial, where that is not plain; a sentence.
    """
    became = "Promoted to champion" if serves else "Not promoted"
    head = "\n\n".join([f"{became}: {gate.reason}.", *([why] if why else []), *_unjudged(gate)])
    lines = [
        card.replace(_TITLE, f"{_TITLE}\n\n{head}", 1),
        "## Gate",
        "",
        "| check | | what was found |",
        "|---|---|---|",
        *(f"| {check.name} | {_OUTCOME[check.outcome]} | {check.said} |" for check in gate.checks),
        "",
    ]
    return "\n".join(lines)


def _unjudged(gate: GateReport) -> Iterator[str]:
    """Yield a sentence on what nothing was there to judge by, if there is anything."""
    if gate.not_judged:
        listed = "; ".join(f"{check.name} ({check.said})" for check in gate.not_judged)
        yield f"Not judged: {listed}."


def _data(fitted: Fitted) -> Iterator[str]:
    model, summary = fitted.model, fitted.summary
    made = model.provenance
    yield "## Data"
    yield ""
    yield f"- Log snapshot {made.log_snapshot}, events before {made.trained_until.isoformat()}."
    yield (
        f"- {summary.users} users, {summary.sends} sends, of which {summary.opens} answered in "
        f"time, {summary.sessions} sessions."
    )
    yield _late_answers(fitted)
    for note in fitted.past.notes:
        yield f"- {note[0].upper()}{note[1:]}."
    yield f"- Predicts `{model.target.outcome.value}` within {model.target.open_window} of a send."
    if made.label_source == ACTIVITY:
        yield (
            "- There were no or few answered sends: being active within the open window stood in "
            "for an answer. Availability is not persuasion."
        )
    yield (
        f"- Split by time: learned before {fitted.split.tune_from.isoformat()}, tuned before "
        f"{made.learned_until.isoformat()}, judged after: of those days it knows nothing."
    )


def _late_answers(fitted: Fitted) -> str:
    """Say how many answers came late, and whether they are enough to learn from."""
    until_us = microseconds(fitted.split.judge_from)
    answered, _ = answers_by_age(fitted.view.late_answers, until_us=until_us)
    count = int(answered.sum())
    enough = "enough to learn from"
    if count < FEWEST_LATE_ANSWERS:
        enough = f"too few to learn when users are there, {FEWEST_LATE_ANSWERS} are needed"
    return f"- {count:,} answers came after the open window: {enough}."


def _model(model: ServableModel, version: str) -> Iterator[str]:
    intercept, slope = model.calibration
    yield "## Model"
    yield ""
    yield f"- Version {version}: the SHA-256 of its files."
    yield f"- Family {model.family}."
    yield from model.scorer.card()
    yield f"- Calibration on the logit scale: {intercept:+.3f} and x {slope:.3f}."
    made = model.provenance
    yield f"- Code {made.code_version}, definition {made.definition}, seed {made.seed}."
    changed = differences(made.defined)
    if changed:
        listed = ", ".join(f"{key} = {json.dumps(value)}" for key, value in changed.items())
        yield f"- Set otherwise than as shipped: {listed}."


def _judgement(verdict: Judgement) -> Iterator[str]:
    yield "## Judgement"
    yield ""
    yield (
        f"Predictive: none of it comes from randomised sends. {verdict.moments} moments of "
        f"{verdict.users} users, {verdict.answered:.1%} answered. Brackets are 95 % intervals "
        "with users as units."
    )
    yield ""
    yield _population(verdict)
    yield ""
    yield "| predictor | log loss | Brier | calibration error | within-day AUC |"
    yield "|---|---|---|---|---|"
    for name, q in verdict.quality.items():
        auc = "-" if q.within_day_auc is None else f"{q.within_day_auc:.4f}"
        yield f"| {name} | {q.log_loss:.4f} | {q.brier:.4f} | {q.calibration_error:.4f} | {auc} |"
    yield ""
    for name, gain in verdict.log_loss_gain.items():
        yield f"- Log loss of {name} minus ours: {gain}."
    for name, gain in verdict.auc_gain.items():
        yield f"- Within-day AUC minus that of {name}: {gain}."
    yield from _across_days(verdict)
    if not verdict.choices:
        return
    yield ""
    yield f"One of several moments chosen on {verdict.choices} user-days:"
    yield ""
    yield "| policy | answered | ours minus it |"
    yield "|---|---|---|"
    for name, reward in verdict.reward.items():
        yield f"| {name} | {reward} | {verdict.gain.get(name, '-')} |"


def _across_days(verdict: Judgement) -> Iterator[str]:
    across = verdict.across_days
    if across is None:
        if not verdict.choices:
            yield "- Too few users both answered and were silent: hours could not be compared."
        return
    yield (
        f"- Order of hours across the days of {across.users:,} users who answered and were silent, "
        f"as known on the first of these days: AUC {across.auc[OURS]:.4f}."
    )
    for name, gain in across.gain.items():
        yield f"- AUC across days minus that of {name}: {gain}."


def _population(verdict: Judgement) -> str:
    """Say which sends the figures of judging speak of."""
    weighing = verdict.weighing
    if not weighing.logged:
        return (
            "No judged moment carries the chance with which its time was chosen: the figures speak "
            "of moments at times that somebody chose."
        )
    clipped = f" ({weighing.clipped:,} of them would count more)" if weighing.clipped else ""
    return (
        f"{weighing.logged:,} of these moments carry the chance with which their time was chosen. "
        "In probabilities and in the order of a day's moments they count its inverse, as in "
        "fitting, so that all times that could have been chosen count alike; at most "
        f"{MAX_WEIGHT:g}{clipped}. That tells as much as {weighing.effective:,.0f} moments of one "
        f"weight (effective sample size); {weighing.answered:.1%} of them were answered. The "
        "choice among the moments of a day is judged on the days as they were sent."
    )
