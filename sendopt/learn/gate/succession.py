"""May it take the champion's place? Which rule holds, and with what interval."""

from __future__ import annotations

from collections.abc import Iterator

from sendopt.evaluate.metrics import Interval
from sendopt.learn.gate.trial import Check, Trial, failed, not_judged, passed
from sendopt.learn.judging.judge import CHAMPION, Verdict
from sendopt.learn.model.model import Provenance

_NOISE = 1e-9  # the same sums over other row counts may differ in their last bits


def succession(trial: Trial) -> Check:
    """Decide by what the challenger is whether it must be better than the champion.

    The champion's own definition, learned from later days, is the same model brought up to date:
    that it is not worse beyond chance, which `choice` and `probability` ask of every challenger,
    is enough, because the later days are worth something. Anything else is a change that somebody
    made, and must be better beyond chance: on the choice of times, in their order or in log loss,
    each at 2.5 %.
    """
    if trial.verdict is None:
        return not_judged("succession")
    if trial.champion is None:
        return passed("succession", "no champion to replace")
    gains = _gains(trial.verdict)
    figures = {f"{name}_low": gain.low for name, gain in gains.items()}
    told = ", ".join(f"{name.replace('_', ' ')} {gain}" for name, gain in gains.items())
    mine, theirs = trial.model.provenance, trial.champion.provenance
    if _is_brought_up_to_date(mine, theirs):
        return passed(
            "succession",
            f"the champion's definition on later days, until {mine.learned_until:%Y-%m-%d} instead "
            f"of {theirs.learned_until:%Y-%m-%d}: it need not be better beyond chance, only not "
            f"worse; gain over the champion: {told}",
            figures,
        )
    if mine.definition != theirs.definition:
        what = "another definition than the champion's"
    else:
        what = "the champion's definition, learned from no later days"
    better = [name.replace("_", " ") for name, gain in gains.items() if gain.low > _NOISE]
    if not better:
        said = f"{what}, and not better beyond chance; gain over the champion: {told}"
        return failed("succession", said, figures)
    return passed(
        "succession",
        f"{what}, and better beyond chance by {' and '.join(better)}; gain over the champion: "
        f"{told}",
        figures,
    )


def checks(trial: Trial) -> Iterator[Check]:
    """Yield what was found."""
    yield succession(trial)


def _is_brought_up_to_date(mine: Provenance, theirs: Provenance) -> bool:
    return mine.definition == theirs.definition and mine.learned_until > theirs.learned_until


def _gains(verdict: Verdict) -> dict[str, Interval]:
    gains = {"log_loss": verdict.log_loss_gain[CHAMPION]}
    if CHAMPION in verdict.gain:
        gains["answered_share"] = verdict.gain[CHAMPION]
    if CHAMPION in verdict.auc_gain:
        gains["within_day_AUC"] = verdict.auc_gain[CHAMPION]
    return gains
