"""Writes the model card: what was learned from what, how good it is, and where it is not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np

from sendopt.evaluate import metrics
from sendopt.evaluate.chance import Mean, t_beyond
from sendopt.evaluate.metrics import FEWEST_FOR_INTERVAL, Interval
from sendopt.features import USER_FEATURES, answers_by_age, microseconds
from sendopt.features.propensity import MAX_WEIGHT
from sendopt.learn.families.definition import differences
from sendopt.learn.fitting.fit import Fitted
from sendopt.learn.gate import GateReport, Outcome, Trial, slices
from sendopt.learn.gate.trial import words
from sendopt.learn.judging.judge import Verdict
from sendopt.learn.level_shape.late_hours import FEWEST_LATE_ANSWERS
from sendopt.learn.model.model import ServableModel
from sendopt.learn.past.split import ACTIVITY

_TITLE = "# Model card"
_ONE_SIDED = 0.025  # of an interval of 95 %
_SENDS_KNOWN = ((0, 4), (5, 19), (20, None))  # of a user, when the moment was described
#: How a check's end is written: what refuses stands out.
_OUTCOME = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "FAILED",
    Outcome.NOT_JUDGED: "not judged",
}


def model_card(fitted: Fitted, trial: Trial, verdict: Verdict, *, version: str) -> str:
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
        *_weak_spots(fitted, trial, verdict),
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
        told = "; ".join(f"{check.name} ({check.said})" for check in gate.not_judged)
        yield f"Not judged: {told}."


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
        told = ", ".join(f"{key} = {json.dumps(value)}" for key, value in changed.items())
        yield f"- Set otherwise than as shipped: {told}."


def _judgement(verdict: Verdict) -> Iterator[str]:
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
    if not verdict.choices:
        yield "- No user-day held two moments: the choice of time could not be judged."
        return
    yield ""
    yield f"One of several moments chosen on {verdict.choices} user-days:"
    yield ""
    yield "| policy | answered | ours minus it |"
    yield "|---|---|---|"
    for name, reward in verdict.reward.items():
        yield f"| {name} | {reward} | {verdict.gain.get(name, '-')} |"


def _population(verdict: Verdict) -> str:
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


def _weak_spots(fitted: Fitted, trial: Trial, verdict: Verdict) -> Iterator[str]:
    yield "## Where it does not help"
    yield ""
    unproven = [name for name, gain in verdict.gain.items() if gain.low <= 0.0]
    if unproven:
        yield f"- Choice of time not better beyond chance than: {', '.join(unproven)}."
    if verdict.users < FEWEST_FOR_INTERVAL:
        yield (
            f"- Judged on fewer than {FEWEST_FOR_INTERVAL} users: there are no intervals above, "
            "because how far users differ is not known."
        )
    if trial.standard is not None:
        yield ""
        yield from _parts(slices.parts_of(trial, trial.standard), words(trial.standard))
    yield ""
    yield from _by_sends_known(fitted, trial)


def _parts(parts: Sequence[slices.Part], rival: str) -> Iterator[str]:
    """Yield a table of every part of the judged moments, and where it is not better."""
    unproven = [part.name for part in parts if not _is_better(part.log_loss)]
    yield f"- Log loss not better beyond chance than the {rival}'s for: {_listed(unproven)}."
    unproven = [part.name for part in parts if part.cut != "hour" and not _is_better(part.choice)]
    yield f"- Choice of time not better beyond chance than the {rival}'s for: {_listed(unproven)}."
    yield ""
    yield f"Gains over the {rival}; more is better, - is too small to tell:"
    yield ""
    yield "| part | moments | users | log loss | answered share of the choice |"
    yield "|---|---|---|---|---|"
    for part in parts:
        gains = " | ".join(map(_interval, (part.log_loss, part.choice)))
        yield f"| {part.name} | {part.moments} | {part.users} | {gains} |"


def _is_better(gain: Mean | None) -> bool:
    return gain is not None and gain.z > t_beyond(_ONE_SIDED, gain.freedom)


def _interval(gain: Mean | None) -> str:
    if gain is None:
        return "-"
    half = t_beyond(_ONE_SIDED, gain.freedom) * gain.standard_error
    return str(Interval(gain.estimate, gain.estimate - half, gain.estimate + half))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "nobody"


def _by_sends_known(fitted: Fitted, trial: Trial) -> Iterator[str]:
    """Yield the log loss of every predictor by how many sends were known of the user."""
    past, weight = fitted.past, trial.judged.weight
    judged = past.split.judge(past.labelled)
    known = past.view.user_features(past.viewpoints)[:, USER_FEATURES.index("sends_ever")]
    sends = known[past.moments.viewpoint][judged]
    losses = {
        name: metrics.log_losses(trial.judged.label, each)
        for name, each in trial.probabilities.items()
    }
    yield f"| sends known of the user | moments | log loss {' | '.join(losses)} |"
    yield f"|---|---|{'---|' * len(losses)}"
    for least, most in _SENDS_KNOWN:
        mine = (sends >= least) & (sends <= (np.inf if most is None else most))
        if mine.any():
            name = f"{least} or more" if most is None else f"{least} to {most}"
            told = " | ".join(
                f"{np.average(loss[mine], weights=weight[mine]):.4f}" for loss in losses.values()
            )
            yield f"| {name} | {int(mine.sum())} | {told} |"
