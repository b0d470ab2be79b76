"""Trains, judges, registers, and promotes only what holds against what there was."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from sendopt.clock import CLOCK_TOLERANCE, as_utc
from sendopt.errors import Conflict, ModelNotServable
from sendopt.features import AsOfView, Target, body_of, events_by_kind, recognised
from sendopt.learn.candidates import Candidates, Judged, StandIn
from sendopt.learn.families import RIVALS
from sendopt.learn.families.definition import Definition, shipped
from sendopt.learn.fitting.fit import fit_each
from sendopt.learn.gate import GateReport
from sendopt.learn.judging.judge import Verdict
from sendopt.learn.model.model import ServableModel
from sendopt.learn.past.notes import too_little_history
from sendopt.learn.past.outcomes import require_both_outcomes, require_outcome
from sendopt.learn.past.past import Past, Progress, gather
from sendopt.learn.registry.registry import Registry
from sendopt.log import Reader
from sendopt.records import EventType, TenantId


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
    outcome: EventType | None,
    clock_tolerance: timedelta = CLOCK_TOLERANCE,
    longest_age: timedelta,
    seed: int,
    threads: int,
    progress: Progress,
    definition: Definition,
    may_serve: bool = True,
    change_outcome: bool = False,
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
        outcome: what counts as an answer; None = what the champion predicts, else an open.
        clock_tolerance: an answer stamped so long before its send, at most, came at once.
        longest_age: beyond which a champion may not serve, so that nothing is held to it.
        seed: of everything random.
        threads: of LightGBM; part of what makes a training repeatable.
        progress: told what is going on.
        definition: of the model.
        may_serve: False = it is registered and judged, and the champion stays.
        change_outcome: it may serve although the champion predicts another outcome.

    Raises:
        Conflict: `outcome_differs`; `champion_changed`, if another model serves by now than the one
            that this one was held to: it stays registered.
        InvalidInput: `outcome_absent`, if the log does not hold the outcome; `too_little_history`,
            if there is nothing to learn from or to judge by; `one_outcome`, if all of it, or
            nothing, was answered.
        ModelNotServable: `registry_unavailable`; `model_output_invalid`, if it says no
            probabilities.
    """
    until = as_utc(as_of)
    with body_of(reader, until=until) as (inside, body):
        seen = registry.seen(tenant_id)
        of_champion = registry.champions_outcome(tenant_id)
        asked = Target(open_window, outcome or of_champion or EventType.OPEN, clock_tolerance)
        require_outcome(events_by_kind(inside, until=until), asked)
        if may_serve and not change_outcome:
            _require_outcome_of_champion(asked.outcome, of_champion)
        gather_again = partial(
            gather,
            AsOfView(inside, recognised(inside, asked, until=until)),
            until=until,
            body=body,
            judged=True,
            seed=seed,
            threads=threads,
            progress=progress,
        )
        past = gather_again()
        _require_enough(past)
        progress(f"learning from {len(past.labelled)} moments of {past.label_source}")
        definitions = {each.family.NAME: each for each in (*map(shipped, RIVALS), definition)}
        fitted = dict(zip(definitions, fit_each(past, definitions.values()), strict=True))
        champion = _champion(registry, tenant_id, past.target, trained_since=now - longest_age)
        candidates = Candidates(
            registry=registry,
            tenant_id=tenant_id,
            definitions=definitions,
            fitted=fitted,
            champion=champion.model,
            no_champion=champion.why_none,
            seen=seen,
            gather_again=gather_again,
            now=now,
            may_serve=may_serve,
            progress=progress,
        )
        judged = candidates.judge(definition.family.NAME)
        refused = may_serve and not judged.gate.passed
        stand_in = candidates.judge_stand_ins(of=judged) if refused else None
    return _report(past, judged, stand_in, may_serve=may_serve)


def _report(
    past: Past, judged: Judged, stand_in: StandIn | None, *, may_serve: bool
) -> TrainingReport:
    return TrainingReport(
        model_version=judged.trial.model.version,
        registered_as=judged.recorded.number,
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


def _require_outcome_of_champion(asked: EventType, of_champion: EventType | None) -> None:
    """Return if a model of `asked` may take the place of the champion; None = nobody serves.

    Another outcome orders everybody's times by something else, and no figure says which is better.
    So that is a person's decision, and no training's.

    Raises:
        Conflict: `outcome_differs`.
    """
    if of_champion in (None, asked):
        return
    raise Conflict(
        f"the champion predicts `{of_champion}`, and this model would predict `{asked}`",
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


class _Champion(NamedTuple):
    """Whom candidates are held to."""

    model: ServableModel | None
    why_none: str = ""  # although one serves; empty = none does


def _champion(
    registry: Registry, tenant_id: TenantId, target: Target, *, trained_since: datetime
) -> _Champion:
    """Return the champion if it can be compared: it may serve, and predicts the same.

    Raises:
        ModelNotServable: `registry_unavailable`; else nobody would be held to a champion.
    """
    try:
        champion = registry.champion(tenant_id)
    except ModelNotServable as refusal:
        if refusal.code == "registry_unavailable":
            raise
        return _Champion(None, "" if refusal.code == "no_champion" else refusal.message)
    made = champion.provenance
    if made.trained_until < trained_since:
        until = f"{made.trained_until:%Y-%m-%d}"
        return _Champion(None, f"it was trained until {until}, too long ago to serve")
    if champion.target != target:
        return _Champion(None, f"it predicts {champion.target}, this model {target}")
    return _Champion(champion)
