"""Models: trained on the log, judged, looked back on, rolled back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from sendopt import learn
from sendopt.app.subject import Subject, needs
from sendopt.errors import InvalidInput
from sendopt.ingest.fields import Text
from sendopt.learn.backtest import backtest
from sendopt.learn.compare import compare
from sendopt.learn.families import DEFAULT, FAMILIES
from sendopt.learn.families.definition import Definition, read_file, shipped
from sendopt.learn.judging.drift import DriftReport, drift
from sendopt.learn.registry.promotions import RegisteredModel
from sendopt.learn.train import MayServe, Recipe, train
from sendopt.records import EventType, Permission, TenantId
from sendopt.state import drift as kept_drift
from sendopt.state.drift import KeptAlarm
from sendopt.state.pages import Page
from sendopt.strict_json import StrictModel, validate
from sendopt.text import did_you_mean, quoted


class RollbackBody(StrictModel):
    """A roll-back as JSON."""

    to: Text | None = None  # number or version of a model that served; null = the last good one
    reason: Text  # why, for whoever reads the record later


class Models(Subject):
    """What is learned from the log, and which model speaks."""

    @needs(Permission.MODELS_WRITE)
    def train(
        self,
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
        recipe = Recipe(
            _definition(family, definition),
            as_of=as_of or self._now(),
            open_window=self._stores.settings.open_window,
            outcome=outcome,
            seed=self._stores.settings.learn.seed,
            threads=self._stores.settings.learn.threads,
            clock_tolerance=self._stores.settings.clock_tolerance,
        )
        seen = None if snapshot is None else self._stores.log.named_snapshot(snapshot)
        with self._stores.log.checked_reader(self._tenant_id, snapshot=seen) as reader:
            report = train(
                reader,
                self._stores.registry,
                self._tenant_id,
                recipe,
                now=self._now(),
                longest_age=self._stores.model_limits.longest_age,
                may_serve=may_serve,
                progress=progress,
            )
        for trained in (report, report.stand_in):
            if trained is not None:
                named = f"model {trained.model_version}"
                self._stores.log.name_snapshot(named, report.log_snapshot)
        # The registry is no part of the state, and keeps every move of its own.
        with self._write() as tx:
            after = {"promoted": report.promoted}
            self._audit(tx, "model:train", f"model {report.model_version}", after=after)
        return report

    @needs(Permission.MODELS_READ)
    def everyone(self) -> tuple[RegisteredModel, ...]:
        """Return every version of the tenant's model, newest first, and what became of each.

        Raises:
            ModelNotServable: `registry_unavailable`.
        """
        return self._stores.registry.models(self._tenant_id)

    @needs(Permission.MODELS_READ)
    def page(self, *, behind: int | None = None, limit: int) -> Page[RegisteredModel]:
        """Return up to `limit` versions with a lower number than `behind`, the newest first.

        Raises:
            ModelNotServable: `registry_unavailable`.
        """
        older = [each for each in self.everyone() if behind is None or int(each.number) < behind]
        ends = len(older) <= limit
        return Page(tuple(older[:limit]), (), None if ends else (int(older[limit - 1].number),))

    @needs(Permission.MODELS_READ)
    def card(self, version: str | None = None) -> str:
        """Return the card (Markdown) of a model; None = the champion's.

        Args:
            version: a number, a version or its beginning, or an alias.

        Raises:
            NotFound: `model_unknown`.
            InvalidInput: `model_ambiguous`.
            ModelNotServable: `no_champion`, `model_damaged`, `registry_unavailable`.
        """
        return self._stores.registry.card(self._tenant_id, version)

    @needs(Permission.MODELS_READ)
    def compare(self, a: str, b: str) -> learn.Comparison:
        """Judge two models on the same moments, which neither learned from.

        Args:
            a: a number, a version or its beginning, or an alias.
            b: likewise; differences are B minus A.

        Raises:
            InvalidInput: `model_ambiguous`, `same_model`, `targets_differ`, `nothing_to_compare`.
            NotFound: `model_unknown`.
            ModelNotServable: `model_damaged`, `registry_unavailable`.
        """
        first, second = (
            self._stores.registry.model_named(self._tenant_id, each) for each in (a, b)
        )
        with self._stores.log.checked_reader(self._tenant_id) as reader:
            return compare(
                reader, first, second, until=self._now(), seed=self._stores.settings.learn.seed
            )

    @needs(Permission.MODELS_WRITE)
    def roll_back(self, body: Any) -> RegisteredModel:
        """Let a former champion serve again, from the next request on; return it.

        Raises:
            InvalidInput: `missing_field`, `unknown_field`, `wrong_type`, `text_invalid`.
            NotFound: `model_unknown`.
            Conflict: `no_champion`, `no_last_good`, `already_champion`, `never_champion`.
            ModelNotServable: `model_damaged`, `registry_unavailable`.
        """
        asked = validate(RollbackBody, body)
        found = self._stores.registry.roll_back(
            self._tenant_id,
            to=asked.to,
            by=self._principal.actor,
            reason=asked.reason,
            now=self._now(),
        )
        with self._write() as tx:
            after = {"reason": asked.reason}
            self._audit(tx, "model:roll_back", f"model {found.version}", after=after)
        return found

    @needs(Permission.MODELS_WRITE)
    def drift(self) -> DriftReport:
        """Hold the last week to the days that judged the champion, and to what it says.

        What was found is kept until the next look, for `drift_alarms`.

        Raises:
            ModelNotServable: `no_champion`, or a champion that does not load.
        """
        model = self._stores.registry.champion(self._tenant_id)
        with self._stores.log.checked_reader(self._tenant_id) as reader:
            report = drift(reader, model, now=self._now(), seed=self._stores.settings.learn.seed)
        with self._write() as tx:
            kept_drift.keep(tx, _kept(self._tenant_id, report))
        return report

    @needs(Permission.MODELS_READ)
    def backtest(
        self,
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
        with self._stores.log.checked_reader(self._tenant_id) as reader:
            return backtest(
                reader,
                decisions,
                open_window=open_window,
                outcome=outcome,
                clock_tolerance=self._stores.settings.clock_tolerance,
                seed=self._stores.settings.learn.seed,
                threads=self._stores.settings.learn.threads,
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
