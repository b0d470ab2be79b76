"""Trains, judges, registers, and promotes only what is better than what there was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sendopt.clock import as_utc
from sendopt.errors import InvalidInput, ModelNotServable
from sendopt.features import MOMENT_FEATURES, USER_FEATURES, LabelledMoments, Target, observe
from sendopt.learn.card import model_card
from sendopt.learn.fit import Fitted, Progress, describe_labelled, fit
from sendopt.learn.judge import CHAMPION, OURS, POPULATION_BEST, Verdict, judge
from sendopt.learn.model import ServableModel
from sendopt.learn.policies import predictors, rankings
from sendopt.learn.registry import Registry, as_params
from sendopt.learn.trees import OffsetTrees
from sendopt.log import Reader
from sendopt.records import EventType, TenantId


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
    seed: int,
    threads: int,
    progress: Progress,
) -> TrainingReport:
    """Learn from what was known before `as_of` and register the model with its judgement.

    It becomes champion if it is at least as good as the population's best hour on days that it
    has not seen, and better than the present champion on the same days.

    Raises:
        InvalidInput: `too_little_history`, if there is nothing to learn from or to judge by.
    """
    target = Target(open_window=open_window, outcome=outcome)
    fitted = fit(
        reader,
        target,
        until=as_utc(as_of),
        judged=True,
        seed=seed,
        threads=threads,
        progress=progress,
    )
    past, rows = fitted.moments, fitted.rows
    unseen = fitted.split.judge(past)
    if not unseen.any() or not fitted.split.learn(past).any():
        raise InvalidInput(
            "there is too little history to learn from and to judge by",
            code="too_little_history",
            expected="answered sends or sessions on at least three days",
            hint="ingest more events, or wait for them",
        )
    later = past.rows(unseen)
    probabilities = {name: p[unseen] for name, p in predictors(fitted.model, rows).items()}
    orders = {name: order[unseen] for name, order in rankings(fitted.model, rows).items()}
    champion = _champion(registry, tenant_id, target)
    if champion is not None:
        progress("judging the present champion on the same days")
        rival = _as_of_now(reader, champion, later)
        probabilities[CHAMPION] = orders[CHAMPION] = rival
    verdict = judge(later, probabilities, orders, seed=seed)
    promoted, reason = compare(verdict)
    card = model_card(fitted, verdict, rows_judged=unseen, promoted=promoted, reason=reason)
    recorded = registry.record(
        tenant_id,
        fitted.model,
        params=as_params(_params(fitted.model)),
        tags=_tags(fitted, promoted=promoted, reason=reason),
    )
    model, number = recorded.model, recorded.number
    registry.set_card(recorded, card)
    registry.finish(
        tenant_id, recorded, metrics=_metrics(verdict), tags={}, gate="passed" if promoted else "?"
    )
    if promoted:
        registry.promote(tenant_id, number, by="training", reason=reason, now=now)
    progress(f"model {model.version}: {reason}")
    return TrainingReport(
        model_version=model.version,
        registered_as=number,
        promoted=promoted,
        reason=reason,
        label_source=fitted.model.provenance.label_source,
        moments=len(past),
        verdict=verdict,
        log_snapshot=reader.snapshot,
        card=card,
    )


def compare(verdict: Verdict) -> tuple[bool, str]:
    """Return whether the judged model may serve, and why.

    Against each rival its probabilities must be better (log loss) and its choices of time not
    worse beyond chance. A draw suffices against the population's best hour, not against a champion.
    """
    for rival in (POPULATION_BEST, CHAMPION):
        if rival not in verdict.log_loss_gain:
            continue
        name = rival.replace("_", " ")
        gain = verdict.log_loss_gain[rival]
        if gain.estimate < 0 or (rival == CHAMPION and gain.estimate == 0):
            return False, f"its probabilities are no better than the {name}'s: log loss gain {gain}"
        choice = verdict.gain.get(rival)
        if choice is not None and choice.high < 0:
            return False, f"it chooses worse times than the {name}: {choice}"
    rival = CHAMPION if CHAMPION in verdict.log_loss_gain else POPULATION_BEST
    gain = verdict.log_loss_gain[rival]
    return True, f"better than the {rival.replace('_', ' ')} on unseen days: log loss gain {gain}"


def _champion(registry: Registry, tenant_id: TenantId, target: Target) -> ServableModel | None:
    """Return the champion if it can be compared: servable, and of the same target."""
    try:
        champion = registry.champion(tenant_id)
    except ModelNotServable:
        return None
    return champion if champion.target == target else None


def _as_of_now(
    reader: Reader, champion: ServableModel, later: LabelledMoments
) -> NDArray[np.float64]:
    rows = describe_labelled(
        reader,
        observe(reader, champion.target),
        later,
        target=champion.target,
        shape=champion.shape,
        reach=champion.reach,
    )
    return champion.predict(rows)


def _params(model: ServableModel) -> Mapping[str, Any]:
    return {
        "outcome": model.target.outcome.value,
        "open_window_seconds": model.target.open_window.total_seconds(),
        "reach_seconds": model.reach.total_seconds(),
        "shape": asdict(model.shape),
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


def _tags(fitted: Fitted, *, promoted: bool, reason: str) -> dict[str, str]:
    provenance = fitted.model.provenance
    return {
        "log_snapshot": str(provenance.log_snapshot),
        "code_version": provenance.code_version,
        "trained_until": provenance.trained_until.isoformat(),
        "label_source": provenance.label_source,
        "features": ",".join(USER_FEATURES + MOMENT_FEATURES),
        "promoted": str(promoted).lower(),
        "reason": reason,
    }
