"""The candidates of one training: registered, judged against each other, promoted if they pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sendopt.errors import Conflict, ModelNotServable
from sendopt.learn.card import model_card, with_gate
from sendopt.learn.families import RIVALS
from sendopt.learn.families.definition import Definition
from sendopt.learn.fitting.fit import Fitted, fit_to
from sendopt.learn.gate import GateReport, GateTrial, Incumbent, examine, put_on_trial, stand_ins
from sendopt.learn.judging.judge import Judgement
from sendopt.learn.model.model import ServableModel
from sendopt.learn.past.past import Past, Progress
from sendopt.learn.registry.mlflow_store import as_params
from sendopt.learn.registry.registration import Registration, ServingVersion
from sendopt.learn.registry.registry import Registry
from sendopt.learn.run_record import gate_tags, metrics_of, params_of, tags_of
from sendopt.records import TenantId

_MOST_EVENTS_TRAINED_TWICE = 100_000  # beyond, the gate repeats less of a training, and says so


@dataclass(frozen=True)
class JudgedCandidate:
    """A candidate that the gate has spoken of."""

    registration: Registration
    trial: GateTrial
    verdict: Judgement
    gate: GateReport
    card: str


@dataclass(frozen=True)
class StandIn:
    """A simple rule that was put on trial because a model may not serve."""

    family: str
    model_version: str
    registered_as: str
    promoted: bool
    reason: str


@dataclass(frozen=True)
class Candidates:
    """The model and the simple rules of one training, by the names of their families."""

    registry: Registry
    tenant_id: TenantId
    definitions: Mapping[str, Definition]
    fitted: Mapping[str, Fitted]
    incumbent: Incumbent  # whom all are held to
    predecessor: ServingVersion  # who served as it was decided whom all are held to
    gather_again: Callable[[], Past]
    now: datetime
    may_serve: bool
    progress: Progress

    def judge(self, name: str, *, why: str = "") -> JudgedCandidate:
        """Register a candidate, judge it, and promote it if it passes.

        Args:
            name: of its family.
            why: it is judged, where that is not plain: a simple rule that stands in.
        """
        fitted = self.fitted[name]
        registration = self.registry.record(
            self.tenant_id,
            fitted.model,
            params=as_params(params_of(fitted.model)),
            tags=tags_of(fitted),
        )
        self.progress(f"judging {name} on the last days")
        trial = self._trial(name, registration, is_stand_in=bool(why))
        if trial.verdict is None:
            raise ModelNotServable(
                f"model {registration.model.version} came out saying no probabilities",
                code="model_output_invalid",
            )
        judged = self._ask_gate(fitted, registration, trial, trial.verdict)
        return self._conclude(judged, why=why)

    def judge_stand_ins(self, *, of: JudgedCandidate) -> StandIn | None:
        """Judge simple rules because another candidate was refused; return the last one judged."""
        stand_in = None
        for name in stand_ins(of.trial):
            why = (
                f"The simple rule {name} stands in for model {of.trial.model.version}, "
                f"which was {of.gate.reason}."
            )
            judged = self.judge(name, why=why)
            stand_in = StandIn(
                family=name,
                model_version=judged.trial.model.version,
                registered_as=judged.registration.number,
                promoted=judged.gate.passed,
                reason=f"{why} {judged.gate.reason}",
            )
            if stand_in.promoted:
                break
        return stand_in

    def _trial(self, name: str, registration: Registration, *, is_stand_in: bool) -> GateTrial:
        fitted = self.fitted[name]
        small = fitted.summary.events <= _MOST_EVENTS_TRAINED_TWICE
        return put_on_trial(
            fitted,
            registration.model,
            fitted.past.target,
            rules={rule.NAME: self.fitted[rule.NAME] for rule in RIVALS if name != rule.NAME},
            incumbent=self.incumbent,
            is_stand_in=is_stand_in,
            read_back=partial(self.registry.read_back, registration),
            retrain=partial(self._retrain, name) if small else None,
        )

    def _ask_gate(
        self, fitted: Fitted, registration: Registration, trial: GateTrial, verdict: Judgement
    ) -> JudgedCandidate:
        """Write the card, and let the gate read it where it is kept."""
        card = model_card(fitted, trial, verdict, version=registration.model.version)
        self.registry.set_card(self.tenant_id, registration, card)
        self.progress("asking the gate")
        gate = examine(replace(trial, card=self.registry.card_of(registration)))
        return JudgedCandidate(registration, trial, verdict, gate, card)

    def _conclude(self, judged: JudgedCandidate, *, why: str) -> JudgedCandidate:
        """Write down what the gate said, and promote the candidate if it may serve."""
        gate, registration = judged.gate, judged.registration
        serves = gate.passed and self.may_serve
        card = self._write_down(judged, serves=serves, why=why)
        if serves:
            try:
                self.registry.promote(
                    self.tenant_id,
                    registration.number,
                    by="training",
                    reason=f"{why} {gate.reason}".strip(),
                    now=self.now,
                    predecessor=self.predecessor,
                )
            except Conflict:
                self._write_down(judged, serves=False, why=why)
                raise
        self.progress(f"model {registration.model.version}: {gate.reason}")
        return replace(judged, card=card)

    def _write_down(self, judged: JudgedCandidate, *, serves: bool, why: str) -> str:
        card = with_gate(judged.card, judged.gate, serves=serves, why=why)
        self.registry.set_card(self.tenant_id, judged.registration, card)
        self.registry.finish(
            self.tenant_id,
            judged.registration,
            metrics=metrics_of(judged.verdict, judged.gate),
            tags=gate_tags(judged.gate, serves=serves),
            gate=judged.gate.summary,
        )
        return card

    def _retrain(self, name: str) -> ServableModel:
        return fit_to(self.gather_again(), self.definitions[name]).model
