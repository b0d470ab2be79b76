"""Use cases of the data scientist: train, look back, score."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pyarrow as pa

from sendopt import learn, score
from sendopt.app import planning
from sendopt.app.answers import BestTimes
from sendopt.app.stores import Stores
from sendopt.records import EventType, TenantId, UserId


class Models(Stores):
    """When each user is likely to answer."""

    def train(
        self,
        tenant_id: TenantId,
        *,
        outcome: EventType = EventType.OPEN,
        snapshot: str | None = None,
        as_of: datetime | None = None,
        progress: Callable[[str], None],
    ) -> learn.TrainingReport:
        """Train a model, judge it, and let it serve if it is better.

        The snapshot of the log that it saw is named `model <version>` and kept for ever. Given
        that name and the same `as_of`, training comes to the same model, to the bit.

        Args:
            tenant_id: whose log it learns from.
            outcome: what counts as an answer.
            snapshot: the name of the snapshot to learn from; None = the log as it is now.
            as_of: only events before it are learned from; None = now.
            progress: told what is going on.

        Raises:
            InvalidInput: `too_little_history`.
            NotFound: if no snapshot has that name.
        """
        self.require_tenant(tenant_id)
        settings = self.settings.learn
        seen = None if snapshot is None else self.log.named_snapshot(snapshot)
        with self.reader(tenant_id, snapshot=seen) as reader:
            report = learn.train(
                reader,
                self.registry,
                tenant_id,
                as_of=as_of or self.clock.now(),
                now=self.clock.now(),
                open_window=self.settings.open_window,
                outcome=outcome,
                seed=settings.seed,
                threads=settings.threads,
                progress=progress,
            )
        self.log.name_snapshot(f"model {report.model_version}", report.log_snapshot)
        return report

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
        with self.reader(tenant_id) as reader:
            return learn.backtest(
                reader,
                decisions,
                open_window=open_window,
                outcome=outcome,
                seed=self.settings.learn.seed,
                threads=self.settings.learn.threads,
                progress=progress,
            )

    def score_slots(self, tenant_id: TenantId, user_ids: list[str] | None = None) -> pa.Table:
        """Return every user's open probability by hour of the local week.

        Raises:
            ModelNotServable: `no_champion`, or a champion that does not load.
        """
        model = self.registry.champion(tenant_id)
        with self.reader(tenant_id) as reader:
            return score.score_slots(model, reader, as_of=self.clock.now(), user_ids=user_ids)

    def best_times(self, tenant_id: TenantId, user_id: UserId, *, top: int) -> BestTimes:
        """Return the user's best hours of the week, in the user's own zone.

        Raises:
            NotFound: `user_unknown`.
        """
        return planning.best_times(
            tenant_id,
            user_id,
            top=top,
            log=self.log,
            state=self.state,
            registry=self.registry,
            now=self.clock.now(),
        )
