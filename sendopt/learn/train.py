"""Trains, judges, registers, and promotes only what is better than what there was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from math import isfinite
from typing import Any

from sendopt.clock import CLOCK_TOLERANCE, as_utc
from sendopt.errors import InvalidInput, ModelNotServable
from sendopt.features import MOMENT_FEATURES, USER_FEATURES, AsOfView, Target
from sendopt.learn.boosting.trees import OffsetTrees
from sendopt.learn.card import model_card, with_gate
from sendopt.learn.fitting.fit import Fitted, Progress, fit
from sendopt.learn.gate import GateReport, Trial, are_probabilities, examine, rows_at
from sendopt.learn.judging.judge import CHAMPION, OURS, Verdict, judge
from sendopt.learn.judging.policies import predictors, rankings
from sendopt.learn.model.model import ServableModel
from sendopt.learn.registry.mlflow_store import as_params
from sendopt.learn.registry.registry import Registry
from sendopt.log import Reader
from sendopt.records import EventType, TenantId

_MOST_EVENTS_TRAINED_TWICE = 100_000  # beyond, the gate repeats less of a training, and says so


@dataclass(frozen=True)
class TrainingReport:
    """What training came to."""

    model_version: str
    registered_as: str  # MLflow's number of the version
    promoted: bool
    reason: str
    label_source: str  # "sends", or "activity" standing in for answers
    moments: int  # learned from and judged on
    verdict: Verdict
    gate: GateReport
    log_snapshot: int
    card: str  # Markdown


def train(
    reader: Reader,
    registry: Registry,
    tenant_id: TenantId,
    *,
    as_of: datetime,
    now: datetime,
    open_window: timedelta,
    outcome: EventType,
    clock_tolerance: timedelta = CLOCK_TOLERANCE,
    longest_age: timedelta,
    seed: int,
    threads: int,
    progress: Progress,
) -> TrainingReport:
    """Learn from what was known before `as_of` and register the model with its judgement.

    It becomes champion if it passes every check of the gate: honest, sound, at least as good as the
    population's best hour on days that it has not seen, worse than the present champion for nobody,
    and better than it unless it is the same model brought up to date.

    Args:
        reader: the tenant's log.
        registry: where the model goes.
        tenant_id: whose model it is.
        as_of: only events before it are learned from.
        now: when the champion changes, if it does.
        open_window: within which an answer counts.
        outcome: what counts as an answer.
        clock_tolerance: an answer stamped so long before its send, at most, came at once.
        longest_age: beyond which a champion may not serve, so that nothing is held to it.
        seed: of everything random.
        threads: of LightGBM; part of what makes a training repeatable.
        progress: told what is going on.

    Raises:
        InvalidInput: `too_little_history`, if there is nothing to learn from or to judge by.
        ModelNotServable: `registry_unavailable`; `model_output_invalid`, if it says no
            probabilities.
    """
    target = Target(open_window, outcome, clock_tolerance)
    fit_again = partial(
        fit,
        AsOfView(reader, target),
        until=as_utc(as_of),
        judged=True,
        seed=seed,
        threads=threads,
        progress=progress,
    )
    fitted = fit_again()
    past = fitted.moments
    unseen = fitted.split.judge(past)
    if not unseen.any() or not fitted.split.learn(past).any():
        raise InvalidInput(
            "there is too little history to learn from and to judge by",
            code="too_little_history",
            expected="answered sends or sessions on at least three days",
            hint="ingest more events, or wait for them",
        )
    champion = _champion(registry, tenant_id, target, trained_since=now - longest_age)
    recorded = registry.record(
        tenant_id, fitted.model, params=as_params(_params(fitted.model)), tags=_tags(fitted)
    )
    model = recorded.model
    progress("judging it on the last days")
    trial = put_on_trial(
        fitted,
        model,
        target,
        champion=champion,
        read_back=partial(registry.read_back, recorded),
        retrain=(lambda: fit_again().model)
        if fitted.summary.events <= _MOST_EVENTS_TRAINED_TWICE
        else None,
        seed=seed,
    )
    verdict = trial.verdict
    if verdict is None:
        raise ModelNotServable(
            f"model {model.version} came out saying no probabilities", code="model_output_invalid"
        )
    card = model_card(fitted, verdict, version=model.version, rows_judged=unseen)
    registry.set_card(recorded, card)
    progress("asking the gate")
    gate = examine(replace(trial, card=registry.card_of(recorded)))
    card = with_gate(card, gate)
    registry.set_card(recorded, card)
    registry.finish(
        tenant_id,
        recorded,
        metrics=_finite({**_metrics(verdict), **gate.figures}),
        tags=_judged_tags(gate),
        gate=gate.summary,
    )
    if gate.passed:
        registry.promote(tenant_id, recorded.number, by="training", reason=gate.reason, now=now)
    progress(f"model {model.version}: {gate.reason}")
    return TrainingReport(
        model_version=model.version,
        registered_as=recorded.number,
        promoted=gate.passed,
        reason=gate.reason,
        label_source=fitted.model.provenance.label_source,
        moments=len(past),
        verdict=verdict,
        gate=gate,
        log_snapshot=reader.snapshot,
        card=card,
    )


def put_on_trial(
    fitted: Fitted,
    model: ServableModel,
    target: Target,
    *,
    champion: ServableModel | None,
    read_back: Callable[[], ServableModel],
    retrain: Callable[[], ServableModel] | None,
    seed: int,
) -> Trial:
    """Judge `model` on the days of `fitted` that were kept unseen, beside its rivals.

    The card is still missing: it tells what is found here.
    """
    unseen = fitted.split.judge(fitted.moments)
    later, rows = fitted.moments.rows(unseen), rows_at(fitted.rows, unseen)
    probabilities, orders = predictors(model, rows), rankings(model, rows)
    if champion is not None:
        said = champion.predict(champion.labelled_inputs(fitted.view, later))
        probabilities[CHAMPION] = orders[CHAMPION] = said
    sound = all(are_probabilities(said) for said in probabilities.values())
    return Trial(
        model=model,
        read_back=read_back,
        retrain=retrain,
        card=None,
        target=target,
        view=fitted.view,
        judged=later,
        rows=rows,
        champion=champion,
        probabilities=probabilities,
        rankings=orders,
        verdict=judge(later, probabilities, orders) if sound else None,
        seed=seed,
    )


def _champion(
    registry: Registry, tenant_id: TenantId, target: Target, *, trained_since: datetime
) -> ServableModel | None:
    """Return the champion if it can be compared: it may serve, and predicts the same.

    Raises:
        ModelNotServable: `registry_unavailable`; else nobody would be held to a champion.
    """
    try:
        champion = registry.champion(tenant_id)
    except ModelNotServable as refusal:
        if refusal.code == "registry_unavailable":
            raise
        return None
    fresh = champion.provenance.trained_until >= trained_since
    return champion if fresh and champion.target == target else None


def _params(model: ServableModel) -> Mapping[str, Any]:
    return {
        "outcome": model.target.outcome.value,
        "open_window_seconds": model.target.open_window.total_seconds(),
        "reach_seconds": model.level_shape.reach.total_seconds(),
        "shape": asdict(model.level_shape.shape),
        "weights": asdict(model.weights),
        "trees": asdict(OffsetTrees()),
        "tree_rounds": 0 if model.booster is None else model.booster.best_iteration,
        "trees_rank": model.trees_rank,
        "seed": model.provenance.seed,
    }


def _metrics(verdict: Verdict) -> dict[str, float]:
    found = {
        "moments": float(verdict.moments),
        "users": float(verdict.users),
        "choices": float(verdict.choices),
    }
    for name, quality in verdict.quality.items():
        for metric, value in asdict(quality).items():
            if value is not None:
                found[f"{name}.{metric}"] = value
    for name, reward in verdict.reward.items():
        found[f"{name}.reward"] = reward.estimate
    for name, gain in verdict.gain.items():
        found[f"{OURS}_minus_{name}.reward"] = gain.estimate
        found[f"{OURS}_minus_{name}.reward_low"] = gain.low
        found[f"{OURS}_minus_{name}.reward_high"] = gain.high
    return found


def _finite(found: Mapping[str, float]) -> dict[str, float]:
    """Leave out the limits of intervals that nothing bounds: a metric is a number."""
    return {name: value for name, value in found.items() if isfinite(value)}


def _tags(fitted: Fitted) -> dict[str, str]:
    provenance = fitted.model.provenance
    return {
        "log_snapshot": str(provenance.log_snapshot),
        "code_version": provenance.code_version,
        "trained_until": provenance.trained_until.isoformat(),
        "learned_until": provenance.learned_until.isoformat(),
        "definition": provenance.definition,
        "label_source": provenance.label_source,
        "features": ",".join(USER_FEATURES + MOMENT_FEATURES),
    }


def _judged_tags(gate: GateReport) -> dict[str, str]:
    said = {
        f"gate.{check.name}": f"{'passed' if check.passed else 'failed'}: {check.said}"
        for check in gate.checks
    }
    return {"promoted": str(gate.passed).lower(), "reason": gate.reason, **said}
