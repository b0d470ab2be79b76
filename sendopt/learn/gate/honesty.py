"""Was it judged fairly, on days it had not seen, by what was known then, and told in full?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from sendopt.evaluate import metrics
from sendopt.features import AsOfView, instant, microseconds
from sendopt.learn.gate.card_figures import JUDGEMENT, differences, measured, read_card
from sendopt.learn.gate.check import Check, failed, passed
from sendopt.learn.gate.trial import GateTrial, Vector

#: What a card must tell, by the headings under which it tells it.
CARD_SECTIONS = ("## Data", "## Model", JUDGEMENT, "## Where it does not help")

_HOUR_US = timedelta(hours=1) // timedelta(microseconds=1)
_MOST_AT_A_CUT = 300
_SAME = 1e-9  # sums over other row counts may differ in their last bits
_MOST_AUC = 0.995  # nobody's answers are that regular; a column that knows the answer is


def target(trial: GateTrial) -> Check:
    """It must predict what was asked for, from the log that is being judged."""
    mine, wanted = trial.model.target, trial.target
    if mine != wanted:
        return failed("target", f"it predicts {mine}, not {wanted}")
    snapshot = trial.model.provenance.log_snapshot
    if snapshot != trial.view.reader.snapshot:
        sentence = (
            f"it was trained on snapshot {snapshot}, and is judged on {trial.view.reader.snapshot}"
        )
        return failed("target", sentence)
    return passed("target", f"{mine}; snapshot {snapshot}")


def unseen(trial: GateTrial) -> Check:
    """It must not have learned from the days that it is judged on."""
    first = instant(int(trial.judged.at_us.min()))
    learned_until = trial.model.provenance.learned_until
    if learned_until > first:
        return failed(
            "unseen",
            f"it learned until {learned_until.isoformat()}, and is judged from {first.isoformat()}",
        )
    return passed("unseen", f"judged from {first.isoformat()}, after all that it learned from")


def future(trial: GateTrial) -> Check:
    """What it says of a moment must not change when all that came later is taken away."""
    past = trial.judged
    ahead = past.as_of_us > past.at_us
    if ahead.any():
        return failed(
            "future",
            f"{int(ahead.sum())} judged moments were described by what was known after them",
            {"moments_ahead": float(ahead.sum())},
        )
    chosen, alone = _described_before(trial, _middle(trial))
    compared = len(chosen)
    largest = float(np.abs(alone - trial.ours[chosen]).max(initial=0.0))
    figures = {"moments": float(compared), "largest_difference": largest}
    if not largest <= _SAME:
        return failed(
            "future",
            f"without the events after them, {compared} moments are given other probabilities, "
            f"by up to {largest:.4f}: something knows the future",
            figures,
        )
    return passed(
        "future",
        f"{compared} moments are given the same probabilities by a log that ends before them",
        figures,
    )


def plausible(trial: GateTrial) -> Check:
    """It must not be too good to be true."""
    one_group = np.zeros(len(trial.judged), np.intp)
    ordered, pairs = metrics.pair_counts(one_group, trial.ours, trial.judged.label)
    auc = float(ordered.sum() / pairs.sum()) if pairs.sum() else 0.5
    if not auc <= _MOST_AUC:
        return failed(
            "plausible",
            f"an AUC of {auc:.4f} on unseen days is too good: some feature knows the answer",
            {"auc": auc},
        )
    return passed("plausible", f"AUC {auc:.4f}", {"auc": auc})


def card(trial: GateTrial) -> Check:
    """Its card must be there, be its own, tell all, and tell the figures that were found."""
    if not trial.card:
        return failed("card", "there is no model card")
    printed, made = read_card(trial.card), trial.model.provenance
    wrong = [
        f"the section {name!r} is missing" for name in CARD_SECTIONS if name not in printed.sections
    ]
    if printed.version != trial.model.version:
        wrong.append(f"it is of version {printed.version}, not {trial.model.version}")
    if printed.snapshot != str(made.log_snapshot):
        wrong.append(f"it names log snapshot {printed.snapshot}, not {made.log_snapshot}")
    expected = {} if trial.verdict is None else measured(trial.verdict)
    wrong += differences(printed.figures, expected)
    if wrong:
        return failed("card", f"the model card is not what was measured: {'; '.join(wrong)}")
    return passed("card", f"complete, and its {len(expected)} figures are those that were measured")


def checks(trial: GateTrial) -> Iterator[Check]:
    """Yield what was found."""
    yield target(trial)
    yield unseen(trial)
    yield future(trial)
    yield plausible(trial)
    yield card(trial)


def _middle(trial: GateTrial) -> datetime:
    """Return a viewpoint in the middle of the judged time: much came after it.

    One, because everything that happened before it is read again.
    """
    known = np.sort(trial.judged.as_of_us)
    return instant(int(known[len(known) // 2]))


def _described_before(trial: GateTrial, cut: datetime) -> tuple[NDArray[np.intp], Vector]:
    """Return moments seen from shortly before `cut`, and what is said of them without the rest."""
    past = trial.judged
    age = microseconds(cut) - past.as_of_us
    chosen = np.flatnonzero((age >= 0) & (age < _HOUR_US))[:_MOST_AT_A_CUT]
    sample = past.rows(np.isin(np.arange(len(past)), chosen))
    with trial.view.reader.before(cut) as known:
        rows = trial.model.labelled_inputs(AsOfView(known, trial.model.target), sample)
    return chosen, trial.model.predict(rows)
