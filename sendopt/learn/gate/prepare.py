"""Puts a model on trial: what it and its rivals say of the days that were kept unseen."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sendopt.features import Target
from sendopt.learn.fitting.fit import Fitted
from sendopt.learn.gate.rivals import fault_of
from sendopt.learn.gate.trial import GateTrial, Incumbent, are_probabilities
from sendopt.learn.judging.judge import CHAMPION
from sendopt.learn.judging.judge_models import judge_models
from sendopt.learn.judging.off_policy import OffPolicyEvaluation, evaluate_off_policy
from sendopt.learn.judging.predictions import OURS, predictions
from sendopt.learn.model.model import ServableModel
from sendopt.learn.model.scorer import rows_at
from sendopt.learn.past.split import SENDS


def put_on_trial(
    fitted: Fitted,
    model: ServableModel,
    target: Target,
    *,
    rules: Mapping[str, Fitted],
    incumbent: Incumbent,
    is_stand_in: bool = False,
    read_back: Callable[[], ServableModel],
    retrain: Callable[[], ServableModel] | None,
) -> GateTrial:
    """Judge `model` on the days of `fitted` that were kept unseen, beside its rivals.

    The card is still missing: it tells what is found here.

    Args:
        fitted: the past, and the inputs of the model.
        model: as it was registered.
        target: what was asked for.
        rules: the simple rules, fitted to the same past.
        incumbent: whose place it would take.
        is_stand_in: it is a simple rule, chosen as the best of them: only the champion is its
            rival. Two rules may each be worse than the other, by the chosen hour and by the order.
        read_back: reads the model from its files.
        retrain: trains it again; None = there is too much to do it twice.
    """
    past = fitted.past
    unseen = past.split.judge(past.labelled)
    later, rows = past.labelled.rows(unseen), rows_at(fitted.rows, unseen)
    unsound = {name: fault for name, rule in rules.items() if (fault := fault_of(rule))}
    sound = {name: rule for name, rule in rules.items() if name not in unsound}
    probabilities = {OURS: model.predict(rows)} | {
        name: rule.model.predict(rule.rows)[unseen] for name, rule in sound.items()
    }
    others = {name: rule.model for name, rule in sound.items()}
    champion = incumbent.model
    if champion is not None:
        others[CHAMPION] = champion
        probabilities |= predictions(
            {CHAMPION: champion}, past.view, *later.viewpoints_and_moments(past.view)
        )
    everybody = {OURS: model} | others
    judgeable = all(are_probabilities(probability) for probability in probabilities.values())
    return GateTrial(
        model=model,
        read_back=read_back,
        retrain=retrain,
        card=None,
        target=target,
        view=past.view,
        judged=later,
        rows=rows,
        champion=champion,
        no_champion=incumbent.why_none,
        probabilities=probabilities,
        rivals=tuple(name for name in others if name == CHAMPION or not is_stand_in),
        simple_rules={name: rule.model for name, rule in sound.items()},
        unsound=unsound,
        verdict=judge_models(later, past.view, everybody, probabilities) if judgeable else None,
        causal=_causal(fitted, everybody) if judgeable else None,
        seed=past.seed,
    )


def _causal(fitted: Fitted, models: Mapping[str, ServableModel]) -> OffPolicyEvaluation | None:
    """Evaluate every model's choice on judged randomised sends; None = no sends."""
    past = fitted.past
    if past.label_source != SENDS or models[OURS].target != past.target:
        return None
    return evaluate_off_policy(past.view, models, since=past.split.judge_from, until=past.ends)
