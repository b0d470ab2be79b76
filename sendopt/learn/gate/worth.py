"""Is it worth serving? Choice of time, probabilities and calibration, against each rival.

`choice`, `probability` and `off_policy` each make several comparisons, up to eight: every rival, by
every measure. Each of these checks refuses at most 2.5 % of the models that are worse than nobody,
all its comparisons together (Holm 1979). At 2.5 % for each comparison it would be three times as
many (`benchmarks/gate_level.py`), and a refusal would not mean what it says. The price is that a
model must be further behind to be refused. A joint test by the measured correlation of comparisons
would give little of it back: where there are eight, Holm's refuses nearly as many as it may.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import TypeVar

import numpy as np

from sendopt.evaluate.chance import calibration_test, holm
from sendopt.evaluate.metrics import Gain, calibration_error
from sendopt.evaluate.off_policy import DR, Value
from sendopt.evaluate.refusal import Refusal
from sendopt.learn.gate.check import Check, failed, no_probabilities, not_judged, passed
from sendopt.learn.gate.trial import GateTrial, words
from sendopt.learn.judging.judge import Judgement
from sendopt.learn.judging.off_policy import OffPolicyEvaluation
from sendopt.learn.judging.predictions import OURS
from sendopt.learn.past.groups import user_numbers

_LEVEL = 0.025  # of the models that are worse than nobody are refused by a check, at most
_NOISE = 1e-9  # the same sums over other row counts may differ in their last bits
_CALIBRATION_LEVEL = 0.01  # of perfectly calibrated models would miss by more than the tolerance
_MOST_CALIBRATION_ERROR = 0.05  # beyond what chance does; a twentieth moves budgets and reports

_PREFIX = {"answered share": "", "within-day AUC": "auc_", "AUC across days": "across_days_"}

Compared = TypeVar("Compared", bound=Hashable)

_NO_RIVAL = "there is nobody to compare with"


def rivals(trial: GateTrial) -> Check:
    """One simple rule at least must be worth comparing with; whichever is not is left out."""
    left_out = "; ".join(f"the {words(name)}'s {said}" for name, said in trial.unsound.items())
    if trial.unsound and not trial.simple_rules:
        return failed("rivals", f"a gain over the simple rules would mean nothing: {left_out}")
    compared = ", ".join(words(name) for name in trial.rivals) or "nobody"
    note = f"; no rival, as a gain over it would mean nothing: {left_out}" if left_out else ""
    return passed("rivals", f"right on average of the days learned from: {compared}{note}")


def choice(trial: GateTrial) -> Check:
    """It must not order the hours of a day worse than a rival, beyond chance.

    The share of answers at the chosen moment is what counts in the end, and tells little where
    choices are few; the order of all moments tells more, within days or across them
    (`judge_models`).
    """
    if trial.verdict is None:
        return no_probabilities("choice")
    verdict = trial.verdict
    if not verdict.order_gain:
        return not_judged(
            "choice",
            "too few users were judged on two moments, one answered and one not",
        )
    if not trial.rivals:
        return not_judged("choice", _NO_RIVAL)
    measured = {"answered share": verdict.gain, verdict.order_measure: verdict.order_gain}
    gains = {measure: _of_rivals(trial, each) for measure, each in measured.items()}
    compared = {
        (measure, rival): gain for measure, each in gains.items() for rival, gain in each.items()
    }
    figures = {
        f"{rival}.{_PREFIX[measure]}{name}": value
        for (measure, rival), gain in compared.items()
        for name, value in (("gain", gain.estimate), ("gain_high", gain.high))
    }
    worse = [
        f"than the {words(rival)}'s by {measure}: {compared[measure, rival]}"
        for measure, rival in below(compared)
    ]
    if worse:
        return failed("choice", f"its times are worse {'; '.join(worse)}", figures)
    told = "; ".join(
        f"{measure} minus that of {_in_words(each)}" for measure, each in gains.items() if each
    )
    return passed(
        "choice",
        f"{_judged_on(trial.verdict)} its times were not worse beyond chance, "
        f"{_together(compared)}; {told}",
        figures,
    )


def probability(trial: GateTrial) -> Check:
    """Its log loss must not exceed a rival's beyond chance."""
    if trial.verdict is None:
        return no_probabilities("probability")
    if not trial.rivals:
        return not_judged("probability", _NO_RIVAL)
    gains = _of_rivals(trial, trial.verdict.log_loss_gain)
    figures = {f"{rival}.log_loss_gain": gain.estimate for rival, gain in gains.items()}
    worse = [f"the {words(rival)}'s: log loss gain {gains[rival]}" for rival in below(gains)]
    if worse:
        return failed(
            "probability", f"its probabilities are worse than {'; '.join(worse)}", figures
        )
    said = f"not worse beyond chance, {_together(gains)}; log loss gain over {_in_words(gains)}"
    return passed("probability", said, figures)


def off_policy(trial: GateTrial) -> Check:
    """Where times were randomised, its choice must not earn less than a rival's."""
    causal = trial.causal
    if causal is None:
        return not_judged("off_policy", "no sends were judged: nothing causal is known")
    ours = causal.value.get(OURS)
    refusal = causal.refusal or (ours if isinstance(ours, Refusal) else None)
    if refusal is not None or not isinstance(ours, Value):
        said = refusal.reason if refusal is not None else "nothing was evaluated"
        return not_judged("off_policy", f"nothing causal is known: {said}")
    gains = {rival: causal.gain[rival][DR] for rival in trial.rivals if rival in causal.gain}
    if not gains:
        return not_judged("off_policy", _no_value_of(trial, causal))
    figures = {f"{rival}.gain": gain.estimate for rival, gain in gains.items()}
    worse = [f"than the {words(rival)}'s: {gains[rival]}" for rival in below(gains)]
    if worse:
        return failed(
            "off_policy",
            f"on {causal.evaluated:,} sends whose times were randomised, its times earn less "
            f"{'; '.join(worse)}",
            figures,
        )
    return passed(
        "off_policy",
        f"on {causal.evaluated:,} sends whose times were randomised, its times were not worse "
        f"beyond chance, {_together(gains)}; answered share minus that of {_in_words(gains)}",
        figures,
    )


def calibration(trial: GateTrial) -> Check:
    """Its calibration error must not exceed a rival's, nor a bound, by more than chance does."""
    if trial.verdict is None:
        return no_probabilities("calibration")
    past = trial.judged
    measured = calibration_test(
        past.label,
        trial.ours,
        user_numbers(past),
        level=_CALIBRATION_LEVEL,
        rng=np.random.default_rng(trial.seed),
        weight=past.weight,
    )
    limits = {"the bound": _MOST_CALIBRATION_ERROR} | {
        f"the {words(rival)}'s": calibration_error(
            past.label, trial.probabilities[rival], past.weight
        )
        for rival in trial.rivals
    }
    strictest = min(limits, key=lambda name: limits[name])
    most = limits[strictest] + measured.by_chance
    figures = {"error": measured.error, "by_chance": measured.by_chance, "threshold": most}
    said = (
        f"calibration error {measured.error:.4f} on {len(past)} moments; at most {most:.4f}: "
        f"{strictest}, {limits[strictest]:.4f}, and what chance makes of none, "
        f"{measured.by_chance:.4f}"
    )
    judge = passed if measured.error <= most else failed
    return judge("calibration", said, figures)


def checks(trial: GateTrial) -> Iterator[Check]:
    """Yield what was found."""
    yield rivals(trial)
    yield choice(trial)
    yield probability(trial)
    yield off_policy(trial)
    yield calibration(trial)


def below(gains: Mapping[Compared, Gain]) -> list[Compared]:
    """Return in which comparisons of one check the gain is a loss beyond chance; NaN is one.

    Where users are too few for an interval, the estimate must be no loss: nothing else is known.
    """
    lost = {name: gain for name, gain in gains.items() if not gain.estimate >= -_NOISE}
    p = {
        name: gain.p_below if name in lost else 1.0 for name, gain in gains.items() if gain.bounded
    }
    return [*(name for name, gain in lost.items() if not gain.bounded), *holm(p, _LEVEL)]


def _no_value_of(trial: GateTrial, causal: OffPolicyEvaluation) -> str:
    """Say why no rival has a causal value to compare with."""
    refused = [
        f"{words(rival)}: {value.reason}"
        for rival in trial.rivals
        if isinstance(value := causal.value.get(rival), Refusal)
    ]
    return f"no rival has a causal value: {'; '.join(refused)}" if refused else _NO_RIVAL


def _judged_on(verdict: Judgement) -> str:
    across = verdict.across_days
    if across is None:
        return f"on {verdict.choices:,} user-days"
    days = f" and {verdict.choices:,} user-days" if verdict.choices else ""
    return f"across the days of {across.users:,} users{days}"


def _of_rivals(trial: GateTrial, gains: Mapping[str, Gain]) -> dict[str, Gain]:
    return {rival: gains[rival] for rival in trial.rivals if rival in gains}


def _together(gains: Mapping[Compared, Gain]) -> str:
    count = len(gains)
    return "in one comparison" if count == 1 else f"in {count} comparisons together"


def _in_words(gains: Mapping[str, Gain]) -> str:
    return ", ".join(f"{words(rival)} {gain}" for rival, gain in gains.items())
