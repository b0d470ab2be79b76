"""Which simple rule serves where a model may not."""

from __future__ import annotations

from collections.abc import Mapping

from sendopt.evaluate.off_policy import DR, Value
from sendopt.learn.gate.trial import GateTrial
from sendopt.learn.gate.worth import below
from sendopt.learn.judging.judge import Judgement


def stand_ins(trial: GateTrial) -> tuple[str, ...]:
    """Name the simple rules that are heard instead of a refused model, until one may serve.

    All of them, the best one first, if the model is below any of them beyond noise. Else the
    champion's own rule, if the champion is one: it is brought up to date.
    """
    if trial.verdict is None:
        return ()
    rules, champion = trial.simple_rules, trial.champion
    families = []
    if _below(trial, trial.verdict):
        families.extend(_best_first(trial, trial.verdict))
    if champion is not None and champion.family in rules and champion.family not in families:
        families.append(champion.family)
    return tuple(families)


def _below(trial: GateTrial, verdict: Judgement) -> list[str]:
    gains = [verdict.gain, verdict.order_gain, verdict.log_loss_gain]
    if trial.causal is not None:
        gains.append({name: each[DR] for name, each in trial.causal.gain.items()})
    rules = trial.simple_rules
    return [
        name
        for each in gains
        for name in below({rule: gain for rule, gain in each.items() if rule in rules})
    ]


def _best_first(trial: GateTrial, verdict: Judgement) -> list[str]:
    """Return the rules by what tells most of hours: randomised sends, order, log loss."""
    rules = trial.simple_rules
    worth: Mapping[str, float] = {
        name: -quality.log_loss for name, quality in verdict.quality.items()
    }
    if verdict.order_gain:
        worth = {name: -gain.estimate for name, gain in verdict.order_gain.items()}
    values = {} if trial.causal is None else trial.causal.value
    randomised = {
        name: value.estimates[DR].estimate
        for name, value in values.items()
        if isinstance(value, Value)
    }
    if all(name in randomised for name in rules):
        worth = randomised
    return sorted(rules, key=lambda name: worth[name], reverse=True)
