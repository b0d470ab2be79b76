"""Use cases of scoring: every user's week written to the score store, one user's read from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sendopt import score
from sendopt.app.answers import BestTimes, HourOfWeek
from sendopt.app.everybody import OneUser
from sendopt.app.standing import user_standing
from sendopt.app.stored_scores import StoredScores
from sendopt.errors import ModelNotServable, StoreFailure
from sendopt.features import AsOfView, known_users
from sendopt.learn import ServableModel
from sendopt.learn.registry import serving
from sendopt.records import TenantId, UserId
from sendopt.score import ScoreStore, Weeks
from sendopt.score.store import About, probability_of, slot_of, write_store
from sendopt.state import users

_NO_ZONE = "UTC"  # in which the model reads the hours of a user whose zone nobody named


@dataclass(frozen=True, slots=True)
class ScoringReport:
    """What scoring everybody came to."""

    users: int
    model_version: str
    log_snapshot: int
    as_of: datetime
    store: str  # the file

    @property
    def rows(self) -> int:
        """How many scores: each user has one an hour of the week."""
        return self.users * score.SLOTS_A_WEEK


class Scores(OneUser):
    """When each user is likely to answer, by hour of the local week."""

    @cached_property
    def stored_scores(self) -> StoredScores:
        return StoredScores(
            self.settings.scores_folder, max_age=self.settings.scores_max_age, clock=self.clock
        )

    def score(self, tenant_id: TenantId, *, out: Path | None = None) -> ScoringReport:
        """Score every user that the log knows, and let the API answer from the result.

        Memory is bounded by some thousands of users, however many there are.

        Args:
            tenant_id: whose users.
            out: a Parquet file that gets the same scores, as `score_slots` tells them.

        Raises:
            NotFound: `tenant_unknown`.
            ModelNotServable: `no_champion`, or a champion that does not load.
        """
        self.require_tenant(tenant_id)
        model = self.registry.champion(tenant_id)
        now = self.clock.now()
        path = self.stored_scores.path(tenant_id, model.version)
        with self.reader(tenant_id) as reader, _parquet(out) as copy:
            view = AsOfView(reader, model.target)
            user_ids = known_users(reader, until=now)
            zones = _zones(user_standing(reader, as_of=now), user_ids)
            about = About(tenant_id, model.version, reader.snapshot, as_of=now, created_at=now)
            threads = self.settings.learn.threads
            weeks = score.score_weeks(model, view, user_ids, as_of=now, threads=threads)
            write_store(path, about, user_ids, zones, map(copy, weeks))
        self.stored_scores.drop_superseded(tenant_id)
        return ScoringReport(len(user_ids), model.version, about.log_snapshot, now, str(path))

    def score_slots(
        self,
        tenant_id: TenantId,
        user_ids: list[str] | None = None,
        *,
        open_window: timedelta | None = None,
    ) -> pa.Table:
        """Return every user's open probability by hour of the local week.

        Args:
            tenant_id: whose users.
            user_ids: None = everybody that the log knows.
            open_window: of an answer within it; None = within the window that the model learned.

        Raises:
            NotFound: `tenant_unknown`.
            ModelNotServable: `no_champion`, or a champion that does not load.
            InvalidInput: `window_too_long`, beyond a day.
        """
        self.require_tenant(tenant_id)
        model = self.registry.champion(tenant_id)
        if open_window is not None:
            model = model.within(open_window)
        with self.reader(tenant_id) as reader:
            view = AsOfView(reader, model.target)
            return score.score_slots(model, view, as_of=self.clock.now(), user_ids=user_ids)

    def current_scores(self, tenant_id: TenantId) -> ScoreStore:
        """Return the stored scores of the tenant's champion.

        Raises:
            ModelNotServable: if no model speaks.
            StoreFailure: `scores_absent`, `scores_opening`, `scores_too_old`,
                `scores_unreadable`.
        """
        return self.stored_scores.of(tenant_id, self.registry.champion(tenant_id).version)

    def best_times(self, tenant_id: TenantId, user_id: UserId, *, top: int) -> BestTimes:
        """Return the user's best hours of the week, in the user's own zone.

        Raises:
            NotFound: `user_unknown`, if neither the log nor the state has heard of the user.
        """
        return self.best_times_and_source(tenant_id, user_id, top=top)[0]

    def best_times_and_source(
        self, tenant_id: TenantId, user_id: UserId, *, top: int
    ) -> tuple[BestTimes, str]:
        """Return the same, and where it comes from: `stored`, or `live` and why not stored.

        Raises:
            NotFound: `user_unknown`.
        """
        try:
            store = self.current_scores(tenant_id)
        except (ModelNotServable, StoreFailure) as refusal:
            return self._live(tenant_id, user_id, top=top), live_source(refusal.code)
        row = store.find(user_id)
        if row is None:
            return self._live(tenant_id, user_id, top=top), live_source("user_not_scored")
        slots = tuple(
            HourOfWeek(*divmod(slot_of(word), 24), probability_of(word))
            for word in store.best(row, top)
        )
        version = store.about.model_version
        return BestTimes(user_id, store.zone(row), slots, version, None), stored_source(store)

    def _live(self, tenant_id: TenantId, user_id: UserId, *, top: int) -> BestTimes:
        """Ask the champion, else the last good model, now; without either, say why none speaks."""
        now = self.clock.now()
        with self.reader(tenant_id) as reader:
            standing = user_standing(reader, as_of=now, user_id=user_id)
        if len(standing) == 0:
            with self.state.read() as tx:
                users.get(tx, tenant_id, user_id)
        zone = _zones(standing, pa.array([user_id]))[0].as_py()

        def week(model: ServableModel) -> pa.Table:
            with self.view_of_user(tenant_id, user_id, model, as_of=now) as view:
                return score.score_slots(model, view, as_of=now, user_ids=[user_id])

        answer = serving.ask(
            self.registry,
            tenant_id,
            week,
            rows=score.SLOTS_A_WEEK,
            limits=self.model_limits,
            now=now,
        )
        if answer.scores is None:
            return BestTimes(user_id, zone, (), None, answer.reason)
        scores = answer.scores.to_pylist()
        scores.sort(key=lambda row: (-row["open_probability"], row["day_of_week"], row["hour"]))
        slots = tuple(
            HourOfWeek(row["day_of_week"], row["hour"], row["open_probability"])
            for row in scores[:top]
        )
        return BestTimes(user_id, zone, slots, answer.model_version, answer.reason)


@contextmanager
def _parquet(out: Path | None) -> Iterator[Callable[[Weeks], Weeks]]:
    """Open a copy of the weeks as Parquet; what it is given it returns."""
    if out is None:
        yield lambda weeks: weeks
        return
    with pq.ParquetWriter(out, score.SLOT_SCHEMA, compression="zstd") as file:

        def copy(weeks: Weeks) -> Weeks:
            file.write_table(weeks.table())
            return weeks

        yield copy


def _zones(standing: pa.Table, user_ids: pa.Array) -> pa.Array:
    """Return the zones in which a model reads the users' hours: the log's last, else UTC."""
    rows = pc.index_in(user_ids, standing["user_id"].combine_chunks())
    zones = standing["timezone"].combine_chunks().take(rows)
    return pc.fill_null(zones.cast(pa.string()), _NO_ZONE)


def stored_source(store: ScoreStore) -> str:
    """Return what the answer's metadata says of a stored answer."""
    return f"stored; as_of={store.as_of_text}"


def live_source(reason: str) -> str:
    """Return what the answer's metadata says of an answer worked out now, and why."""
    return f"live; reason={reason}"
