"""Use cases of scoring: every user's week written to the score store, one user's read from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from sendopt import score
from sendopt.app.best_times import BestTimes, HourOfWeek
from sendopt.app.subject import Subject, needs
from sendopt.app.user_status import user_status
from sendopt.errors import ModelNotServable, StoreFailure
from sendopt.features import AsOfView, known_users, load_kernels
from sendopt.learn import ServableModel
from sendopt.learn.registry import serving
from sendopt.log import Reader
from sendopt.records import Permission, TenantId, UserId, columns
from sendopt.score import ScoreStore, Weeks
from sendopt.score.renewal import are_most, have_news, renewal, why_in_full
from sendopt.score.replacement import disk_failed
from sendopt.score.store import probability_of, slot_of
from sendopt.score.store_file import About
from sendopt.score.store_writer import write_delta, write_store
from sendopt.state import erased, users

_NO_ZONE = "UTC"  # in which the model reads the hours of a user whose zone nobody named


@dataclass(frozen=True, slots=True)
class ScoringReport:
    """What scoring everybody came to."""

    users: int
    model_version: str
    log_snapshot: int
    as_of: datetime
    store: str  # the file
    computed: int  # of the users: those with news, or all of them
    in_full_because: str | None  # why all of them were computed; None = the others' scores stand

    @property
    def kept(self) -> int:
        """How many keep the scores that they had."""
        return self.users - self.computed

    @property
    def rows(self) -> int:
        """How many scores: each user has one an hour of the week."""
        return self.users * score.SLOTS_A_WEEK


@dataclass(frozen=True, slots=True)
class _Written:
    users: int
    computed: int


class Scores(Subject):
    """When each user is likely to answer, by hour of the local week."""

    @needs(Permission.SCORES_WRITE)
    def compute(self, *, out: Path | None = None, full: bool = False) -> ScoringReport:
        """Score every user that the log knows, and let the API answer from the result.

        Users of whom nothing became known since the last run keep their scores, for as long as
        `score.renewal` lets them. Memory is bounded by some thousands of users, however many there
        are, and by those who have news.

        Args:
            out: a Parquet file that gets the same scores, as `slots` tells them.
            full: score everybody anew.

        Raises:
            ModelNotServable: `no_champion`, or a champion that does not load.
            StoreFailure: `disk_full`, `disk_failed`, `log_damaged`; the scores from before stand.
        """
        model = self._stores.registry.champion(self._tenant_id)
        now = self._now()
        path = self._stores.stored_scores.path(self._tenant_id, model.version)
        with ThreadPoolExecutor(1) as beside:  # both take as long as to open the log and read it
            checked = beside.submit(_unharmed, path, self._tenant_id, model)
            beside.submit(load_kernels)
            with self._stores.reader(self._tenant_id) as reader:
                before, damage = checked.result()
                reason = "it was asked for" if full else damage
                reason = reason or why_in_full(before, snapshot=reader.snapshot, now=now)
                if before is not None and reason is None:
                    news = have_news(before, reader, model.target, now=now)
                    if are_most(news, before):
                        reason = "most users have news"
                if before is None or reason is not None:
                    written = self._score_all(path, model, reader, now=now, out=out)
                else:
                    with reader.of_users(news) as own:
                        written = self._score_again(model, own, before, now=now, out=out)
                snapshot = reader.snapshot
        self._drop_erased(path, model)
        self._stores.stored_scores.drop_superseded(self._tenant_id, model.version)
        return ScoringReport(
            users=written.users,
            model_version=model.version,
            log_snapshot=snapshot,
            as_of=now,
            store=str(path),
            computed=written.computed,
            in_full_because=reason,
        )

    def _score_all(
        self,
        path: Path,
        model: ServableModel,
        reader: Reader,
        *,
        now: datetime,
        out: Path | None,
    ) -> _Written:
        """Score every user; what is known of everybody is kept beside the scores."""
        reader.require_whole()
        user_ids = known_users(reader, until=now)
        zones = _zones(user_status(reader, as_of=now), user_ids)
        whole = AsOfView(reader, model.target)
        everybody = model.scorer.population(whole, as_of=now)
        view = whole.beside(everybody)
        about = About(
            self._tenant_id,
            model.version,
            reader.snapshot,
            now,
            created_at=now,
            everybody=everybody.document(),
        )
        threads = self._stores.settings.learn.threads
        weeks = score.score_weeks(model, view, user_ids, as_of=now, threads=threads)
        with _parquet(out) as copy:
            write_store(path, about, user_ids, zones, map(copy, weeks))
        return _Written(users=len(user_ids), computed=len(user_ids))

    def _score_again(
        self,
        model: ServableModel,
        own: Reader,
        before: ScoreStore,
        *,
        now: datetime,
        out: Path | None,
    ) -> _Written:
        """Score the users of `own`, who have news; all others keep what `before` holds."""

        def zone_of(users: pa.Array) -> pa.Array:
            return _zones(user_status(own, as_of=now), users)

        renewed = renewal(before, own, zone_of, now=now)
        view = AsOfView(own, model.target, renewed.everybody)
        threads = self._stores.settings.learn.threads
        weeks = score.score_weeks(model, view, renewed.news, as_of=now, threads=threads)
        write_delta(
            before, renewed.about, renewed.user_ids, renewed.zones, weeks, kept=renewed.kept
        )
        if out is not None:
            about = before.about
            stored = ScoreStore(
                before.path,
                tenant_id=about.tenant_id,
                model_version=about.model_version,
                known=before,
            )
            with _parquet(out) as copy:
                for some in stored.weeks():
                    copy(some)
        return _Written(users=renewed.users, computed=len(renewed.news))

    def _drop_erased(self, path: Path, model: ServableModel) -> None:
        """Drop whoever was erased while the log was read."""
        with self._read() as tx:
            if not erased.is_anybody(tx):
                return
            store = ScoreStore(path, tenant_id=self._tenant_id, model_version=model.version)
            gone = erased.among(tx, store.user_ids.to_pylist())
        if gone:
            users = pa.array(sorted(gone), pa.string())
            self._stores.stored_scores.drop_users(self._tenant_id, users)

    @needs(Permission.SCORES_READ)
    def slots(
        self,
        user_ids: list[str] | None = None,
        *,
        open_window: timedelta | None = None,
    ) -> pa.Table:
        """Return every user's open probability by hour of the local week.

        Args:
            user_ids: None = everybody that the log knows.
            open_window: of an answer within it; None = within the window that the model learned.

        Raises:
            ModelNotServable: `no_champion`, or a champion that does not load.
            InvalidInput: `window_too_long`, beyond a day.
        """
        model = self._stores.registry.champion(self._tenant_id)
        if open_window is not None:
            model = model.within(open_window)
        with self._stores.reader(self._tenant_id) as reader:
            view = AsOfView(reader, model.target)
            return score.score_slots(model, view, as_of=self._now(), user_ids=user_ids)

    @needs(Permission.SCORES_READ)
    def current(self) -> ScoreStore:
        """Return the stored scores of the tenant's champion.

        Raises:
            ModelNotServable: if the champion does not speak: what it said before is not its word.
            StoreFailure: `scores_absent`, `scores_opening`, `scores_too_old`,
                `scores_unreadable`.
        """
        champion = self._stores.registry.champion(self._tenant_id)
        serving.require_fresh(champion, limits=self._stores.model_limits, now=self._now())
        return self._stores.stored_scores.of(self._tenant_id, champion.version)

    @needs(Permission.SCORES_READ)
    def best_times(self, user_id: UserId, *, top: int) -> BestTimes:
        """Return the user's best hours of the week, in the user's own zone.

        Raises:
            NotFound: `user_unknown`, if neither the log nor the state has heard of the user.
        """
        return self.best_times_and_source(user_id, top=top)[0]

    @needs(Permission.SCORES_READ)
    def best_times_and_source(self, user_id: UserId, *, top: int) -> tuple[BestTimes, str]:
        """Return the same, and where it comes from: `stored`, or `live` and why not stored.

        Raises:
            NotFound: `user_unknown`.
        """
        try:
            store = self.current()
            row = store.find(user_id)
        except (ModelNotServable, StoreFailure) as refusal:
            return self._live(user_id, top=top), live_source(refusal.code)
        if row is None:
            return self._live(user_id, top=top), live_source("user_not_scored")
        slots = tuple(
            HourOfWeek(*divmod(slot_of(word), 24), probability_of(word))
            for word in store.best(row, top)
        )
        version = store.about.model_version
        return BestTimes(user_id, store.zone(row), slots, version, None), stored_source(store, row)

    def _live(self, user_id: UserId, *, top: int) -> BestTimes:
        """Ask the champion, else the last good model, now; without either, say why none speaks."""
        now, everybody = self._now(), self._stores.everybody
        with self._stores.reader(self._tenant_id) as reader:
            status = user_status(reader, as_of=now, user_id=user_id)
        with self._read() as tx:
            if len(status) == 0 or erased.among(tx, [user_id]):
                users.get(tx, user_id)
        zone = _zones(status, pa.array([user_id]))[0].as_py()

        def week(model: ServableModel) -> pa.Table:
            with (
                self._stores.reader(self._tenant_id) as reader,
                everybody.view_of_user(reader, self._tenant_id, user_id, model, as_of=now) as view,
            ):
                return score.score_slots(model, view, as_of=now, user_ids=[user_id])

        answer = serving.ask(
            self._stores.registry,
            self._tenant_id,
            week,
            rows=score.SLOTS_A_WEEK,
            limits=self._stores.model_limits,
            now=now,
        )
        if answer.scores is None:
            return BestTimes(user_id, zone, (), None, answer.reason)
        names = (columns.OPEN_PROBABILITY, columns.DAY_OF_WEEK, columns.HOUR)
        hours = zip(*(answer.scores[name].to_pylist() for name in names), strict=True)
        best = sorted(hours, key=lambda hour: (-hour[0], *hour[1:]))[:top]
        slots = tuple(HourOfWeek(day, hour, probability) for probability, day, hour in best)
        return BestTimes(user_id, zone, slots, answer.model_version, answer.reason)


@contextmanager
def _parquet(out: Path | None) -> Iterator[Callable[[Weeks], Weeks]]:
    """Open a copy of the weeks as Parquet; what it is given it returns."""
    if out is None:
        yield lambda weeks: weeks
        return
    import pyarrow.parquet as pq  # noqa: PLC0415 - few ask for a copy

    with pq.ParquetWriter(out, score.SLOT_SCHEMA, compression="zstd") as file:

        def copy(weeks: Weeks) -> Weeks:
            try:
                file.write_table(weeks.table())
            except OSError as error:
                raise disk_failed(out, error) from error
            return weeks

        yield copy


def _unharmed(
    path: Path, tenant_id: TenantId, model: ServableModel
) -> tuple[ScoreStore | None, str | None]:
    """Return the store at `path`, however old; else None, and what is wrong with the one there."""
    try:
        return ScoreStore(path, tenant_id=tenant_id, model_version=model.version), None
    except StoreFailure as failure:  # it is written anew
        return None, failure.message if path.exists() else None


def _zones(status: pa.Table, user_ids: pa.Array) -> pa.Array:
    """Return the zones in which a model reads the users' hours: the log's last, else UTC."""
    rows = pc.index_in(user_ids, status["user_id"].combine_chunks())
    zones = status["timezone"].combine_chunks().take(rows)
    return pc.fill_null(zones.cast(pa.string()), _NO_ZONE)


def stored_source(store: ScoreStore, row: int) -> str:
    """Return what the answer's metadata says of a stored answer."""
    return f"stored; as_of={store.as_of_text(row)}"


def live_source(reason: str) -> str:
    """Return what the answer's metadata says of an answer worked out now, and why."""
    return f"live; reason={reason}"
