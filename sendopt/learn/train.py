"""Trains, judges, registers, and promotes only what holds against what there was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from functools import partial

from sendopt.clock import CLOCK_TOLERANCE, as_utc
from sendopt.errors import Conflict, ModelNotServable
from sendopt.features import AsOfView, Target, body_of, events_by_kind, recognised
from sendopt.learn.candidates import Candidates, JudgedCandidate, StandIn
from sendopt.learn.families import RIVALS
from sendopt.learn.families.definition import Definition, shipped
from sendopt.learn.fitting.fit import fit_each
from sendopt.learn.gate import GateReport, Incumbent
from sendopt.learn.judging.judge import Judgement
from sendopt.learn.past.notes import too_little_history
from sendopt.learn.past.outcomes import require_both_outcomes, require_outcome
from sendopt.learn.past.past import Past, Progress, gather
from sendopt.learn.registry.registry import Registry
from sendopt.log import Reader
from sendopt.records import EventType, TenantId


class MayServe(Enum):
    """May a model that passes the gate take the champion's place?"""

    NO = "no"  # it is registered and judged, and the champion stays
    FOR_THE_SAME_OUTCOME = (
        "for the same outcome"  # as the champion predicts, or where nobody serves
    )
    FOR_ANY_OUTCOME = "for any outcome"


@dataclass(frozen=True)
class Recipe:
    """All that decides what a log teaches: learned again by it, a model is the same to the bit."""

    definition: Definition
    as_of: datetime  # only events before it are learned from
    open_window: timedelta  # within which an answer counts
    outcome: (
        EventType | None
    )  # counts as an answer; None = what the champion predicts, else an open
    seed: int  # of everything random
    threads: int  # of LightGBM
    clock_tolerance: timedelta = CLOCK_TOLERANCE  # an answer so long before its send came at once


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
    verdict: Judgement
    gate: GateReport
    log_snapshot: int
    card: str  # Markdown
    notes: tuple[str, ...]  # of the log that it was learned from


def train(
    reader: Reader,
    registry: Registry,
    tenant_id: TenantId,
    recipe: Recipe,
    *,
    now: datetime,
    longest_age: timedelta,
    may_serve: MayServe = MayServe.FOR_THE_SAME_OUTCOME,
    progress: Progress,
) -> TrainingReport:
    """Learn what `recipe` says and register the model with its judgement.

    It becomes champion if it passes every check of the gate: honest, sound, not worse than any
    simple rule on days that it has not seen, worse than the present champion for nobody, and better
    than it unless it is the same model brought up to date. Where it is worse than a simple rule
    beyond noise, the best rule is registered as well, put on the same trial, and serves if it
    passes.

    Args:
        reader: the tenant's log.
        registry: where the model goes.
        tenant_id: whose model it is.
        recipe: what is learned, and from what.
        now: when the champion changes, if it does.
        longest_age: beyond which a champion may not serve, so that nothing is held to it.
        may_serve: whether it takes the champion's place if it passes.
        progress: told what is going on.

    Raises:
        Conflict: `outcome_differs`; `champion_changed`, if another model serves by now than the one
            that this one was held to: it stays registered.
        InvalidInput: `outcome_absent`, if the log does not hold the outcome; `too_little_history`,
            if there is nothing to learn from or to judge by; `one_outcome`, if all of it, or
            nothing, was answered.
        ModelNotServable: `registry_unavailable`; `model_output_invalid`, if it says no
            probabilities.
    """
    until = as_utc(recipe.as_of)
    with body_of(reader, until=until) as (inside, body):
        predecessor = registry.serving_version(tenant_id)
        of_champion = registry.champions_outcome(tenant_id)
        outcome = recipe.outcome or of_champion or EventType.OPEN
        target = Target(recipe.open_window, outcome, recipe.clock_tolerance)
        require_outcome(events_by_kind(inside, until=until), target)
        if may_serve is MayServe.FOR_THE_SAME_OUTCOME:
            _require_outcome_of_champion(outcome, of_champion)
        gather_again = partial(
            gather,
            AsOfView(inside, recognised(inside, target, until=until)),
            until=until,
            body=body,
            judged=True,
            seed=recipe.seed,
            threads=recipe.threads,
            progress=progress,
        )
        past = gather_again()
        _require_enough(past)
        progress(f"learning from {len(past.labelled)} moments of {past.label_source}")
        asked_for = recipe.definition
        definitions = {each.family.NAME: each for each in (*map(shipped, RIVALS), asked_for)}
        fitted = dict(zip(definitions, fit_each(past, definitions.values()), strict=True))
        serves = may_serve is not MayServe.NO
        candidates = Candidates(
            registry=registry,
            tenant_id=tenant_id,
            definitions=definitions,
            fitted=fitted,
            incumbent=_incumbent(registry, tenant_id, past.target, trained_since=now - longest_age),
            predecessor=predecessor,
            gather_again=gather_again,
            now=now,
            may_serve=serves,
            progress=progress,
        )
        judged = candidates.judge(asked_for.family.NAME)
        refused = serves and not judged.gate.passed
        stand_in = candidates.judge_stand_ins(of=judged) if refused else None
    return _report(past, judged, stand_in, may_serve=serves)


def _report(
    past: Past, judged: JudgedCandidate, stand_in: StandIn | None, *, may_serve: bool
) -> TrainingReport:
    return TrainingReport(
        model_version=judged.trial.model.version,
        registered_as=judged.registration.number,
        promoted=judged.gate.passed and may_serve,
        reason=judged.gate.reason,
        stand_in=stand_in,
        label_source=past.label_source,
        moments=len(past.labelled),
        verdict=judged.verdict,
        gate=judged.gate,
        log_snapshot=judged.trial.model.provenance.log_snapshot,
        card=judged.card,
        notes=past.notes,
    )


def _require_outcome_of_champion(outcome: EventType, of_champion: EventType | None) -> None:
    """Return if a model of `outcome` may take the place of the champion; None = nobody serves.

    Another outcome orders everybody's times by something else, and no figure says which is better.
    So that is a person's decision, and no training's.

    Raises:
        Conflict: `outcome_differs`.
    """
    if of_champion in (None, outcome):
        return
    raise Conflict(
        f"the champion predicts `{of_champion}`, and this model would predict `{outcome}`",
        code="outcome_differs",
        field="outcome",
        expected=f"`--outcome {of_champion}`, or none: that is what the champion predicts",
        hint="`--challenger` registers and judges it beside the champion; `--change-outcome` lets "
        "it serve if the gate lets it through",
    )


def _require_enough(past: Past) -> None:
    """Return if the past can teach and judge.

    Raises:
        InvalidInput: `too_little_history`; `one_outcome`.
    """
    unseen = past.split.judge(past.labelled)
    if not unseen.any() or not past.learn.any():
        raise too_little_history(past.body, past.target, until=past.until, notes=past.notes)
    for does, rows in (("teach", past.learn), ("judge", unseen)):
        require_both_outcomes(past.labelled.label[rows], does=does, notes=past.notes)


def _incumbent(
    registry: Registry, tenant_id: TenantId, target: Target, *, trained_since: datetime
) -> Incumbent:
    """Return the champion if it can be compared: it may serve, and predicts the same.

    Raises:
        ModelNotServable: `registry_unavailable`; else nobody would be held to a champion.
    """
    try:
        champion = registry.champion(tenant_id)
    except ModelNotServable as refusal:
        if refusal.code == "registry_unavailable":
            raise
        return Incumbent(None, "" if refusal.code == "no_champion" else refusal.message)
    made = champion.provenance
    if made.trained_until < trained_since:
        until = f"{made.trained_until:%Y-%m-%d}"
        return Incumbent(None, f"it was trained until {until}, too long ago to serve")
    if champion.target != target:
        return Incumbent(None, f"it predicts {champion.target}, this model {target}")
    return Incumbent(champion)
