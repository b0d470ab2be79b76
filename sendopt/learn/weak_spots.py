"""The section of a model card that says where the model does not help, part by part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from sendopt.evaluate import metrics
from sendopt.evaluate.chance import Mean, t_beyond
from sendopt.evaluate.metrics import FEWEST_FOR_INTERVAL, Interval
from sendopt.features import USER_FEATURES
from sendopt.learn.fitting.fit import Fitted
from sendopt.learn.gate import GateTrial, slices
from sendopt.learn.gate.trial import words
from sendopt.learn.judging.judge import Judgement

_ONE_SIDED = 0.025  # of an interval of 95 %
_SENDS_KNOWN = ((0, 4), (5, 19), (20, None))  # of a user, when the moment was described


def weak_spots(fitted: Fitted, trial: GateTrial, verdict: Judgement) -> Iterator[str]:
    """Yield the section on where the model is not proven to be better, and for whom."""
    yield "## Where it does not help"
    yield ""
    yield from _whole("Choice of time", verdict.gain, "no judged user-day has several moments")
    order = f"Order of hours ({verdict.order_measure})"
    yield from _whole(order, verdict.order_gain, "too few users both answered and were silent")
    if verdict.users < FEWEST_FOR_INTERVAL:
        yield (
            f"- Judged on fewer than {FEWEST_FOR_INTERVAL} users: there are no intervals above, "
            "because how far users differ is not known."
        )
    if trial.standard is not None:
        yield ""
        yield from _parts(slices.slices_of(trial, trial.standard), words(trial.standard))
    yield ""
    yield from _by_sends_known(fitted, trial)


def _whole(measure: str, gains: Mapping[str, Interval], why_none: str) -> Iterator[str]:
    """Yield beside whom the whole is not better, and beside whom that was not measured."""
    if not gains:
        yield f"- {measure} not measured: {why_none}."
    unproven = [name for name, gain in gains.items() if gain.bounded and gain.low <= 0.0]
    if unproven:
        yield f"- {measure} not better beyond chance than: {', '.join(unproven)}."
    unbounded = [name for name, gain in gains.items() if not gain.bounded]
    if unbounded:
        yield (
            f"- {measure}: what is chance was not measured beside {', '.join(unbounded)}, for want "
            "of users."
        )


def _parts(parts: Sequence[slices.Slice], rival: str) -> Iterator[str]:
    """Yield a table of every part of the judged moments, and where it is not better."""
    losses = {part.name: part.log_loss for part in parts}
    yield from _of_parts("Log loss", losses, rival, slices.TOO_SMALL)
    choices = {part.name: part.choice for part in parts if part.cut != "hour"}
    yield from _of_parts("Choice of time", choices, rival, slices.TOO_FEW_CHOICES)
    yield ""
    yield f"Gains over the {rival}; more is better, - is not measured:"
    yield ""
    yield "| part | moments | users | log loss | answered share of the choice |"
    yield "|---|---|---|---|---|"
    for part in parts:
        gains = " | ".join(map(_interval, (part.log_loss, part.choice)))
        yield f"| {part.name} | {part.moments} | {part.users} | {gains} |"


def _of_parts(
    measure: str, gains: Mapping[str, Mean | None], rival: str, why_none: str
) -> Iterator[str]:
    """Yield for which parts it is not better, and for which that was not measured."""
    measured = {name: gain for name, gain in gains.items() if gain is not None}
    if measured:
        unproven = [name for name, gain in measured.items() if not _is_better(gain)]
        yield f"- {measure} not better beyond chance than the {rival}'s for: {_listed(unproven)}."
    if len(measured) < len(gains):
        left = _listed([name for name in gains if name not in measured])
        yield f"- {measure} not measured for: {left}; each has {why_none}."


def _is_better(gain: Mean) -> bool:
    return gain.z > t_beyond(_ONE_SIDED, gain.freedom)


def _interval(gain: Mean | None) -> str:
    if gain is None:
        return "-"
    half = t_beyond(_ONE_SIDED, gain.freedom) * gain.standard_error
    return str(Interval(gain.estimate, gain.estimate - half, gain.estimate + half))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "nobody"


def _by_sends_known(fitted: Fitted, trial: GateTrial) -> Iterator[str]:
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
            means = " | ".join(
                f"{np.average(loss[mine], weights=weight[mine]):.4f}" for loss in losses.values()
            )
            yield f"| {name} | {int(mine.sum())} | {means} |"
