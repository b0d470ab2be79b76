"""What the champion thinks of one user's week, out of the stored scores: no model is asked."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from sendopt.app.stored_scores import StoredScores
from sendopt.clock import Clock
from sendopt.errors import ModelNotServable, StoreFailure
from sendopt.learn import Registry
from sendopt.learn.registry import serving
from sendopt.records import FallbackReason, TenantId, UserId
from sendopt.schedule.one_send import WeekForecast
from sendopt.score import ScoreStore

#: A champion that was replaced is noticed within so long.
SCORES_SECONDS = 4.0
_NO_ZONE = "UTC"  # in which weeks are told of users whose zone nobody named


@dataclass(frozen=True)
class StoredWeek:
    """One user's week as the champion sees it, or why nothing is known of it."""

    forecast: WeekForecast
    zone: str | None  # that the log named when it was scored; None = none, or UTC


@dataclass(frozen=True)
class _Known:
    """Which scores were the champion's a moment ago, or why there were none."""

    store: ScoreStore | None
    reason: FallbackReason | None
    asked_at: float


class StoredWeeks:
    """Weeks of users, for any number of threads.

    Args:
        registry: says who the champion is.
        stored_scores: of all models.
        limits: what a model must keep to be believed.
        clock: what time it is.
    """

    def __init__(
        self, registry: Registry, stored_scores: StoredScores, limits: serving.Limits, clock: Clock
    ) -> None:
        self._registry, self._stored_scores = registry, stored_scores
        self._limits, self._clock = limits, clock
        self._known: dict[TenantId, _Known] = {}
        self._asking = threading.Lock()

    def of(self, tenant_id: TenantId, user_id: UserId) -> StoredWeek:
        """Return a user's week."""
        known = self._current(tenant_id)
        store, row, reason = known.store, None, known.reason
        if store is not None:
            try:
                row = store.find(user_id)
            except StoreFailure:  # it was cut short
                reason = FallbackReason.NO_STORED_SCORES
            else:
                reason = FallbackReason.NOT_SCORED
        if store is None or row is None:
            return StoredWeek(WeekForecast(None, _NO_ZONE, None, None, reason), None)
        zone, about = store.zone(row), store.about
        logits = store.logits(np.array([row]))[0]
        return StoredWeek(
            WeekForecast(logits, zone, about.model_version, about.log_snapshot, None),
            None if zone == _NO_ZONE else zone,
        )

    def _current(self, tenant_id: TenantId) -> _Known:
        """Return the scores of the champion; one asks anew, and the others go on meanwhile."""
        known = self._known.get(tenant_id)
        if known is not None and self._age(known) <= SCORES_SECONDS:
            return known
        if known is not None and not self._asking.acquire(blocking=False):
            return known
        if known is None:
            self._asking.acquire()
        try:
            known = self._known.get(tenant_id)
            if known is None or self._age(known) > SCORES_SECONDS:
                known = self._known[tenant_id] = self._ask(tenant_id)
            return known
        finally:
            self._asking.release()

    def _age(self, known: _Known) -> float:
        return self._clock.monotonic() - known.asked_at

    def _ask(self, tenant_id: TenantId) -> _Known:
        asked_at = self._clock.monotonic()
        try:
            champion = self._registry.champion(tenant_id)
            serving.require_fresh(champion, limits=self._limits, now=self._clock.now())
            store = self._stored_scores.of(tenant_id, champion.version)
        except ModelNotServable as refusal:
            return _Known(None, FallbackReason.of(refusal.code), asked_at)
        except StoreFailure:
            return _Known(None, FallbackReason.NO_STORED_SCORES, asked_at)
        return _Known(store, None, asked_at)
