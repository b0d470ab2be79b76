"""Trains, judges, registers, and promotes only what holds against what there was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from math import isfinite
from typing import Any

from sendopt.clock import CLOCK_TOLERANCE, as_utc
from sendopt.errors import ModelNotServable
from sendopt.features import MOMENT_FEATURES, USER_FEATURES, AsOfView, Target, body_of, recognised
from sendopt.learn.card import model_card, with_gate
from sendopt.learn.families import RIVALS
from sendopt.learn.families.definition import Definition, shipped
from sendopt.learn.fitting.fit import Fitted, fit_each, fit_to
from sendopt.learn.gate import (
    GateReport,
    Trial,
    are_probabilities,
    examine,
    fault_of,
    rows_at,
    stand_ins,
)
from sendopt.learn.judging.judge import CHAMPION, OURS, Verdict, judge
from sendopt.learn.judging.off_policy import evaluate_off_policy
from sendopt.learn.judging.predictions import predictions
from sendopt.learn.model.model import ServableModel
from sendopt.learn.past.notes import too_little_history
from sendopt.learn.past.outcomes import require_both_outcomes
from sendopt.learn.past.past import Past, Progress, gather
from sendopt.learn.past.split import SENDS
from sendopt.learn.registry.mlflow_store import as_params
from sendopt.learn.registry.registry import Recorded, Registry
from sendopt.log import Reader
from sendopt.records import EventType, TenantId

_MOST_EVENTS_TRAINED_TWICE = 100_000  # beyond, the gate repeats less of a training, and says so


@dataclass(frozen=True)
class StandIn:
    """A simple rule that was put on trial because a model may not serve."""

    family: str
    model_version: str
    registered_as: str
    promoted: bool
    reason: str


@dataclass(frozen=True)
class TrainingReport:
    """What training came to."""

    model_version: str
    registered_as: str  # MLflow's number of the version
    promoted: bool
    reason: str
    stand_in: StandIn | None  # the simple rule that was asked instead; None = none was
    label_source: str  # "sends", or "activity" standing in for answers
    moments: int  # learned from and judged on
    verdict: Verdict
    gate: GateReport
    log_snapshot: int
    card: str  # Markdown
    notes: tuple[str, ...]  # of the log that it was learned from


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
    definition: Definition,
    may_serve: bool = True,
) -> TrainingReport:
    """Learn from what was known before `as_of` and register the model with its judgement.

    It becomes champion if it passes every check of the gate: honest, sound, not worse than any
    simple rule on days that it has not seen, worse than the present champion for nobody, and better
    than it unless it is the same model brought up to date. Where it is worse than a simple rule
    beyond noise, the best rule is registered as well, put on the same trial, and serves if it
    passes.

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
        definition: of the model.
        may_serve: False = it is registered and judged, and the champion stays.

    Raises:
        InvalidInput: `too_little_history`, if there is nothing to learn from or to judge by;
            `one_outcome`, if all of it, or nothing, was answered.
        ModelNotServable: `registry_unavailable`; `model_output_invalid`, if it says no
            probabilities.
    """
    until = as_utc(as_of)
    with body_of(reader, until=until) as (inside, body):
        asked = Target(open_window, outcome, clock_tolerance)
        target = recognised(inside, asked, until=until)
        view = AsOfView(inside, target)
        gather_again = partial(
            gather,
            view,
            until=until,
            body=body,
            judged=True,
            seed=seed,
            threads=threads,
            progress=progress,
        )
        past = gather_again()
        if not past.split.judge(past.labelled).any() or not past.learn.any():
            raise too_little_history(body, target, until=until, notes=past.notes)
        for does, rows in (("teach", past.learn), ("judge", past.split.judge(past.labelled))):
            require_both_outcomes(past.labelled.label[rows], does=does, notes=past.notes)
        progress(f"learning from {len(past.labelled)} moments of {past.label_source}")
        definitions = {each.family.NAME: each for each in (*map(shipped, RIVALS), definition)}
        candidates = dict(zip(definitions, fit_each(past, definitions.values()), strict=True))
        champion = _champion(registry, tenant_id, view.target, trained_since=now - longest_age)
        court = _Court(
            registry,
            tenant_id,
            definitions,
            candidates,
            champion,
            gather_again,
            now,
            may_serve,
            progress,
        )
        tried = court.hear(definition.family.NAME)
        instead = None if tried.gate.passed or not may_serve else court.hear_instead(of=tried)
    return TrainingReport(
        model_version=tried.trial.model.version,
        registered_as=tried.recorded.number,
        promoted=tried.gate.passed and may_serve,
        reason=tried.gate.reason,
        stand_in=instead,
        label_source=past.label_source,
        moments=len(past.labelled),
        verdict=tried.verdict,
        gate=tried.gate,
        log_snapshot=reader.snapshot,
        card=tried.card,
        notes=past.notes,
    )


@dataclass(frozen=True)
class _Tried:
    recorded: Recorded
    trial: Trial
    verdict: Verdict
    gate: GateReport
    card: str


@dataclass(frozen=True)
class _Court:
    """Where candidates of one training are heard, each against all others."""

    registry: Registry
    tenant_id: TenantId
    definitions: Mapping[str, Definition]
    candidates: Mapping[str, Fitted]
    champion: ServableModel | None
    gather_again: Callable[[], Past]
    now: datetime
    may_serve: bool
    progress: Progress

    def hear(self, name: str, *, why: str = "") -> _Tried:
        """Register a candidate, judge it, and promote it if it passes; `why` it is heard."""
        fitted = self.candidates[name]
        rules = {rule.NAME: self.candidates[rule.NAME] for rule in RIVALS if name != rule.NAME}
        registry, tenant_id = self.registry, self.tenant_id
        recorded = registry.record(
            tenant_id, fitted.model, params=as_params(_params(fitted.model)), tags=_tags(fitted)
        )
        model = recorded.model
        self.progress(f"judging {name} on the last days")
        trial = put_on_trial(
            fitted,
            model,
            fitted.past.target,
            rules=rules,
            champion=self.champion,
            is_stand_in=bool(why),
            read_back=partial(registry.read_back, recorded),
            retrain=partial(self._retrain, name)
            if fitted.summary.events <= _MOST_EVENTS_TRAINED_TWICE
            else None,
        )
        verdict = trial.verdict
        if verdict is None:
            raise ModelNotServable(
                f"model {model.version} came out saying no probabilities",
                code="model_output_invalid",
            )
        card = model_card(fitted, verdict, trial.probabilities, version=model.version)
        registry.set_card(recorded, card)
        self.progress("asking the gate")
        gate = examine(replace(trial, card=registry.card_of(recorded)))
        serves = gate.passed and self.may_serve
        card = with_gate(card, gate, serves=serves, why=why)
        registry.set_card(recorded, card)
        registry.finish(
            tenant_id,
            recorded,
            metrics=_finite({**_metrics(verdict), **gate.figures}),
            tags=_judged_tags(gate, serves=serves),
            gate=gate.summary,
        )
        if serves:
            reason = f"{why} {gate.reason}".strip()
            registry.promote(tenant_id, recorded.number, by="training", reason=reason, now=self.now)
        self.progress(f"model {model.version}: {gate.reason}")
        return _Tried(recorded, trial, verdict, gate, card)

    def hear_instead(self, *, of: _Tried) -> StandIn | None:
        """Hear simple rules because another candidate was refused; return the last one heard."""
        heard = None
        for name in stand_ins(of.trial):
            why = (
                f"The simple rule {name} stands in for model {of.trial.model.version}, "
                f"which was {of.gate.reason}."
            )
            tried = self.hear(name, why=why)
            heard = StandIn(
                family=name,
                model_version=tried.trial.model.version,
                registered_as=tried.recorded.number,
                promoted=tried.gate.passed,
                reason=f"{why} {tried.gate.reason}",
            )
            if heard.promoted:
                break
        return heard

    def _retrain(self, name: str) -> ServableModel:
        return fit_to(self.gather_again(), self.definitions[name]).model


def put_on_trial(
    fitted: Fitted,
    model: ServableModel,
    target: Target,
    *,
    rules: Mapping[str, Fitted],
    champion: ServableModel | None,
    is_stand_in: bool = False,
    read_back: Callable[[], ServableModel],
    retrain: Callable[[], ServableModel] | None,
) -> Trial:
    """Judge `model` on the days of `fitted` that were kept unseen, beside its rivals.

    The card is still missing: it tells what is found here.

    Args:
        fitted: the past, and the inputs of the model.
        model: as it was registered.
        target: what was asked for.
        rules: the simple rules, fitted to the same past.
        champion: who serves; None = nobody who predicts the same.
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
    if champion is not None:
        others[CHAMPION] = champion
        said = predictions({CHAMPION: champion}, past.view, *later.seen_by(past.view))
        probabilities |= said
    judgeable = all(are_probabilities(said) for said in probabilities.values())
    causal = None
    if judgeable and past.label_source == SENDS and model.target == past.target:
        causal = evaluate_off_policy(
            past.view, {OURS: model} | others, since=past.split.judge_from, until=past.ends
        )
    return Trial(
        model=model,
        read_back=read_back,
        retrain=retrain,
        card=None,
        target=target,
        view=past.view,
        judged=later,
        rows=rows,
        champion=champion,
        probabilities=probabilities,
        rivals=tuple(name for name in others if name == CHAMPION or not is_stand_in),
        simple_rules={name: rule.model for name, rule in sound.items()},
        unsound=unsound,
        verdict=judge(later, probabilities) if judgeable else None,
        causal=causal,
        seed=past.seed,
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
        "family": model.family,
        "outcome": model.target.outcome.value,
        "open_window_seconds": model.target.open_window.total_seconds(),
        "seed": model.provenance.seed,
        "fingerprint": model.provenance.definition,
        "definition": model.provenance.defined,
        "learned": model.scorer.params(),
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
    for name, gain in verdict.auc_gain.items():
        found[f"{OURS}_minus_{name}.within_day_auc"] = gain.estimate
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
        "family": fitted.model.family,
        "label_source": provenance.label_source,
        "features": ",".join(USER_FEATURES + MOMENT_FEATURES),
    }


def _judged_tags(gate: GateReport, *, serves: bool) -> dict[str, str]:
    said = {
        f"gate.{check.name}": f"{'passed' if check.passed else 'failed'}: {check.said}"
        for check in gate.checks
    }
    return {"promoted": str(serves).lower(), "reason": gate.reason, **said}
