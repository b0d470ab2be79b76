"""Use cases of the data scientist: train, look back, roll back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from sendopt import learn
from sendopt.app.stores import Stores
from sendopt.errors import InvalidInput
from sendopt.ingest.fields import Text
from sendopt.learn.backtest import backtest
from sendopt.learn.compare import compare
from sendopt.learn.families import DEFAULT, FAMILIES
from sendopt.learn.families.definition import Definition, read_file, shipped
from sendopt.learn.judging.drift import DriftReport, drift
from sendopt.learn.registry import pages
from sendopt.learn.registry.promotions import RegisteredModel
from sendopt.learn.train import MayServe, Recipe, train
from sendopt.records import EventType, TenantId
from sendopt.state import drift as kept_drift
from sendopt.state.drift import KeptAlarm
from sendopt.strict_json import StrictModel, validate
from sendopt.text import did_you_mean, quoted


class RollbackBody(StrictModel):
    """A roll-back as JSON."""

    to: Text | None = None  # number or version of a model that served; null = the last good one
    reason: Text  # why, for whoever reads the record later


class Models(Stores):
    """What is learned from the log, and which model speaks."""

    def train(
        self,
        tenant_id: TenantId,
        *,
        outcome: EventType | None = None,
        snapshot: str | None = None,
        as_of: datetime | None = None,
        family: str | None = None,
        definition: Path | None = None,
        may_serve: MayServe = MayServe.FOR_THE_SAME_OUTCOME,
        progress: Callable[[str], None],
    ) -> learn.TrainingReport:
        """Train a model, judge it, and let it serve if it is better.

        The snapshot of the log that it saw is named `model <version>` and kept for ever. Given
        that name and the same `as_of`, training comes to the same model, to the bit.

        Args:
            tenant_id: whose log it learns from.
            outcome: what counts as an answer; None = what the champion predicts, else an open.
            snapshot: the name of the snapshot to learn from; None = the log as it is now.
            as_of: only events before it are learned from; None = now.
            family: of the model, one of FAMILIES, as its shipped definition says; None = the
                definition's, or the default one.
            definition: a file that says what is to be trained; None = the family's shipped one.
            may_serve: whether it takes the champion's place if it is better.
            progress: told what is going on.

        Raises:
            InvalidInput: `outcome_absent`; `too_little_history`; `family_unknown`;
                `option_conflict`, `file_missing` or `definition_invalid`, naming every fault.
            Conflict: `outcome_differs`, if the champion predicts another outcome;
                `champion_changed`, if another one serves by now.
            NotFound: if no snapshot has that name.
            StoreFailure: `log_damaged`, naming the file that is not what was appended.
        """
        self.require_tenant(tenant_id)
        recipe = Recipe(
            _definition(family, definition),
            as_of=as_of or self.clock.now(),
            open_window=self.settings.open_window,
            outcome=outcome,
            seed=self.settings.learn.seed,
            threads=self.settings.learn.threads,
            clock_tolerance=self.settings.clock_tolerance,
        )
        seen = None if snapshot is None else self.log.named_snapshot(snapshot)
        with self.log.checked_reader(tenant_id, snapshot=seen) as reader:
            report = train(
                reader,
                self.registry,
                tenant_id,
                recipe,
                now=self.clock.now(),
                longest_age=self.model_limits.longest_age,
                may_serve=may_serve,
                progress=progress,
            )
        self.log.name_snapshot(f"model {report.model_version}", report.log_snapshot)
        if report.stand_in is not None:
            self.log.name_snapshot(f"model {report.stand_in.model_version}", report.log_snapshot)
        return report

    def models(self, tenant_id: TenantId) -> tuple[RegisteredModel, ...]:
        """Return every version of the tenant's model, newest first, and what became of each.

        Raises:
            NotFound: `tenant_unknown`.
            ModelNotServable: `registry_unavailable`.
        """
        self.require_tenant(tenant_id)
        return self.registry.models(tenant_id)

    def model_card(self, tenant_id: TenantId, version: str | None = None) -> str:
        """Return the card (Markdown) of a model; None = the champion's.

        Args:
            tenant_id: whose model it is.
            version: a number, a version or its beginning, or an alias.

        Raises:
            NotFound: `tenant_unknown`, `model_unknown`.
            InvalidInput: `model_ambiguous`.
            ModelNotServable: `no_champion`, `model_damaged`, `registry_unavailable`.
        """
        self.require_tenant(tenant_id)
        return self.registry.card(tenant_id, version)

    def compare_models(self, tenant_id: TenantId, a: str, b: str) -> learn.Comparison:
        """Judge two models on the same moments, which neither learned from.

        Args:
            tenant_id: whose models and log.
            a: a number, a version or its beginning, or an alias.
            b: likewise; differences are B minus A.

        Raises:
            InvalidInput: `model_ambiguous`, `same_model`, `targets_differ`, `nothing_to_compare`.
            NotFound: `tenant_unknown`, `model_unknown`.
            ModelNotServable: `model_damaged`, `registry_unavailable`.
        """
        self.require_tenant(tenant_id)
        first, second = (self.registry.model_named(tenant_id, each) for each in (a, b))
        with self.log.checked_reader(tenant_id) as reader:
            return compare(
                reader, first, second, until=self.clock.now(), seed=self.settings.learn.seed
            )

    def serve_model_pages(
        self, *, port: int, stop: threading.Event, opened: Callable[[str], None]
    ) -> None:
        """Serve MLflow's own pages of all tenants' models to this machine until `stop` is set.

        Args:
            port: where, 1 to 65535.
            stop: ends it.
            opened: told the address, once it answers.

        Raises:
            InvalidInput: `port_taken`.
            SendoptError: `pages_missing`, `pages_failed`.
        """
        self.settings.registry_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        pages.serve(*self.registry_place, port=port, stop=stop, opened=opened)

    def roll_back_model(self, tenant_id: TenantId, body: Any, *, by: str) -> RegisteredModel:
        """Let a former champion serve again, from the next request on; return it.

        Raises:
            InvalidInput: `missing_field`, `unknown_field`, `wrong_type`, `text_invalid`.
            NotFound: `tenant_unknown`, `model_unknown`.
            Conflict: `no_champion`, `no_last_good`, `already_champion`, `never_champion`.
            ModelNotServable: `model_damaged`, `registry_unavailable`.
        """
        self.require_tenant(tenant_id)
        asked = validate(RollbackBody, body)
        return self.registry.roll_back(
            tenant_id, to=asked.to, by=by, reason=asked.reason, now=self.clock.now()
        )

    def drift(self, tenant_id: TenantId) -> DriftReport:
        """Hold the last week to the days that judged the champion, and to what it says.

        What was found is kept until the next look, for `drift_alarms`.

        Raises:
            NotFound: `tenant_unknown`.
            ModelNotServable: `no_champion`, or a champion that does not load.
        """
        self.require_tenant(tenant_id)
        model = self.registry.champion(tenant_id)
        with self.log.checked_reader(tenant_id) as reader:
            report = drift(reader, model, now=self.clock.now(), seed=self.settings.learn.seed)
        with self.state.write(tenant_id) as tx:
            kept_drift.keep(tx, _kept(tenant_id, report))
        return report

    def drift_alarms(self) -> list[KeptAlarm]:
        """Return what the last look for drift found for every tenant, for the operator.

        Raises:
            StoreFailure: if the state does not answer.
        """
        with self.state.read_fleet() as tx:
            return kept_drift.everyones(tx)

    def backtest(
        self,
        tenant_id: TenantId,
        *,
        decisions: pa.Table | None,
        open_window: timedelta,
        outcome: EventType,
        progress: Callable[[str], None],
    ) -> learn.Backtest:
        """Tell what the model would have said of the past, and what that was worth.

        Raises:
            InvalidInput: if `decisions` break their contract, or there is nothing to judge.
        """
        self.require_tenant(tenant_id)
        with self.log.checked_reader(tenant_id) as reader:
            return backtest(
                reader,
                decisions,
                open_window=open_window,
                outcome=outcome,
                clock_tolerance=self.settings.clock_tolerance,
                seed=self.settings.learn.seed,
                threads=self.settings.learn.threads,
                progress=progress,
            )


def _definition(family: str | None, file: Path | None) -> Definition:
    if file is not None:
        if family is not None:
            raise InvalidInput(
                "the definition says which family it is of",
                code="option_conflict",
                field="family",
                expected="a family or a definition",
            )
        return read_file(file)
    if family is not None and family not in FAMILIES:
        raise InvalidInput(
            f"no family of models is called {quoted(family)}",
            code="family_unknown",
            field="family",
            expected=", ".join(FAMILIES),
            hint=did_you_mean(family, FAMILIES)
            or "a family of another package is there once that package is installed where "
            "sendopt runs; docs/adding-a-model-family.md",
        )
    return shipped(DEFAULT if family is None else FAMILIES[family])


def _kept(tenant_id: TenantId, report: DriftReport) -> list[KeptAlarm]:
    return [
        KeptAlarm(tenant_id, alarm.name, alarm.value, alarm.threshold, alarm.raised, report.until)
        for alarm in report.alarms
    ]
