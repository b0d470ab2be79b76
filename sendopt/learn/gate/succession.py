"""May it take the champion's place? Which rule holds, and with what interval."""

from __future__ import annotations

from collections.abc import Iterator

from sendopt.evaluate.metrics import Gain
from sendopt.features import instant
from sendopt.learn.gate.check import Check, failed, no_probabilities, not_judged, passed
from sendopt.learn.gate.trial import GateTrial, words
from sendopt.learn.judging.judge import CHAMPION, Judgement
from sendopt.learn.model.model import Provenance

_NOISE = 1e-9  # the same sums over other row counts may differ in their last bits
_PRIMARY = "log_loss"  # decides; the other measures are told


def succession(trial: GateTrial) -> Check:
    """Decide by what the challenger is whether it must be better than the champion.

    The champion's own definition, learned from later days, is the same model brought up to date:
    that it is not worse beyond chance, which `choice` and `probability` ask of every challenger,
    is enough, because the later days are worth something. Anything else is a change that somebody
    made, and must be better beyond chance, at 2.5 %. One measure decides, because an equal model
    would pass one of several more often: log loss, which every log tells and which sees both who
    answers and when. That its times are not worse, `choice` asks.

    A champion that learned from days that judge has seen their answers: nothing is comparable.
    """
    if trial.verdict is None:
        return no_probabilities("succession")
    if trial.champion is None:
        return _without_champion(trial.no_champion)
    gains = _gains(trial.verdict)
    judged_from = instant(int(trial.judged.at_us.min()))
    figures = {f"{name}_low": gain.low for name, gain in gains.items()}
    told = ", ".join(f"{words(name)} {gain}" for name, gain in gains.items())
    mine, theirs = trial.model.provenance, trial.champion.provenance
    if theirs.learned_until > judged_from:
        return failed(
            "succession",
            f"not comparable: the champion learned until {theirs.learned_until.isoformat()}, and "
            f"the days that judge begin at {judged_from.isoformat()}; train again once later days "
            "are there",
            figures,
        )
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
    if not gains[_PRIMARY].low > _NOISE:
        said = f"{what}, and not better beyond chance by {words(_PRIMARY)}"
        return failed("succession", f"{said}; gain over the champion: {told}", figures)
    said = f"{what}, and better beyond chance by {words(_PRIMARY)}"
    return passed("succession", f"{said}; gain over the champion: {told}", figures)


def _without_champion(why: str) -> Check:
    if why:
        return not_judged("succession", f"the champion cannot be compared: {why}")
    return passed("succession", "no champion to replace")


def checks(trial: GateTrial) -> Iterator[Check]:
    """Yield what was found."""
    yield succession(trial)


def _is_brought_up_to_date(mine: Provenance, theirs: Provenance) -> bool:
    return mine.definition == theirs.definition and mine.learned_until > theirs.learned_until


def _gains(verdict: Judgement) -> dict[str, Gain]:
    gains = {_PRIMARY: verdict.log_loss_gain[CHAMPION]}
    if CHAMPION in verdict.gain:
        gains["answered_share"] = verdict.gain[CHAMPION]
    if CHAMPION in verdict.auc_gain:
        gains["within_day_AUC"] = verdict.auc_gain[CHAMPION]
    if verdict.across_days is not None and CHAMPION in verdict.across_days.gain:
        gains["AUC_across_days"] = verdict.across_days.gain[CHAMPION]
    return gains
