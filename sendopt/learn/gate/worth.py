"""Is it worth serving? Choice of time, probabilities and calibration, against each rival."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sendopt.evaluate.chance import calibration_test
from sendopt.evaluate.metrics import calibration_error
from sendopt.learn.gate.trial import Check, Trial, failed, not_judged, passed, words
from sendopt.learn.past.groups import user_numbers

_NOISE = 1e-9  # nats: the same sums over other row counts may differ in their last bits
_CALIBRATION_LEVEL = 0.01  # of perfectly calibrated models would miss by more than the tolerance
_MOST_CALIBRATION_ERROR = 0.05  # beyond what chance does; a twentieth moves budgets and reports


def choice(trial: Trial) -> Check:
    """It must not choose worse times than a rival, beyond chance.

    Where users are too few for an interval, they must not be worse at all.
    """
    if trial.verdict is None:
        return not_judged("choice")
    if not trial.verdict.choices:
        return passed("choice", "no user-day held two moments; the choice cannot be judged")
    figures: dict[str, float] = {}
    worse = []
    for rival in trial.rivals:
        gain = trial.verdict.gain.get(rival)
        if gain is not None:
            figures |= {f"{rival}.gain": gain.estimate, f"{rival}.gain_high": gain.high}
            if not (gain.high if gain.bounded else gain.estimate) >= 0.0:
                worse.append(f"than the {words(rival)}'s: {gain}")
    if worse:
        return failed("choice", f"its times are worse {'; '.join(worse)}", figures)
    told = ", ".join(f"{words(r)} {trial.verdict.gain[r]}" for r in trial.verdict.gain)
    return passed(
        "choice",
        f"on {trial.verdict.choices} user-days its times were not worse beyond chance; "
        f"answered share minus that of {told}",
        figures,
    )


def probability(trial: Trial) -> Check:
    """Its log loss must not exceed a rival's beyond chance.

    Where users are too few for an interval, it must not exceed it at all: nothing else is known.
    """
    if trial.verdict is None:
        return not_judged("probability")
    gains = {rival: trial.verdict.log_loss_gain[rival] for rival in trial.rivals}
    figures = {f"{rival}.log_loss_gain": gain.estimate for rival, gain in gains.items()}
    for rival, gain in gains.items():
        most = gain.high if gain.bounded else gain.estimate
        if not most >= -_NOISE:
            return failed(
                "probability",
                f"its probabilities are worse than the {words(rival)}'s: log loss gain {gain}",
                figures,
            )
    told = ", ".join(f"{words(rival)} {gain}" for rival, gain in gains.items())
    return passed("probability", f"log loss gain over {told}", figures)


def calibration(trial: Trial) -> Check:
    """Its calibration error must not exceed a rival's, nor a bound, by more than chance does."""
    if trial.verdict is None:
        return not_judged("calibration")
    past = trial.judged
    found = calibration_test(
        past.label,
        trial.ours,
        user_numbers(past),
        level=_CALIBRATION_LEVEL,
        rng=np.random.default_rng(trial.seed),
    )
    figures = {"error": found.error, "by_chance": found.by_chance}
    limits = {"the bound": _MOST_CALIBRATION_ERROR}
    for rival in trial.rivals:
        error = calibration_error(past.label, trial.probabilities[rival])
        figures[f"{rival}.error"] = error
        limits[f"the {words(rival)}'s"] = error
    for name, limit in limits.items():
        if not found.error <= limit + found.by_chance:
            return failed(
                "calibration",
                f"its calibration error {found.error:.4f} exceeds {name} {limit:.4f} by more than "
                f"chance, {found.by_chance:.4f} on {len(past)} moments",
                figures,
            )
    return passed(
        "calibration",
        f"calibration error {found.error:.4f}, of which chance makes up to {found.by_chance:.4f} "
        f"on {len(past)} moments",
        figures,
    )


def checks(trial: Trial) -> Iterator[Check]:
    """Yield what was found."""
    yield choice(trial)
    yield probability(trial)
    yield calibration(trial)
