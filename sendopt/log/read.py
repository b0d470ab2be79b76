"""Reads one tenant's events at one snapshot."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from sendopt.clock import as_utc, zone_names
from sendopt.errors import InvalidInput, NotFound, StoreFailure
from sendopt.log.connect import LAKE_PREFIX, connected
from sendopt.log.integrity import FileWatch, refusal
from sendopt.log.sealing import sum_of
from sendopt.log.statements import (
    all_rows,
    database_failure,
    failures,
    literal,
    run,
    statement,
)
from sendopt.records import TenantId, UserId

_VIEWS = {"event", "send", "repeated_send"}
#: What is made for a reader only once a query names it, and the statements that make it.
_MADE_WHEN_ASKED = {
    r"(?i)\b(send|repeated_send|answer_of_send|send_answer)\b": (
        "repeated_send",
        "send_view",
        "answer_of_send_macro",
        "send_answer_macro",
    ),
    r"(?i)\bstage_of_answer\b": ("stage_of_answer_macro",),
    r"(?i)\b(zone_name|user_zone)\b": ("zone_name_table",),
    r"(?i)\buser_zone\b": ("user_zone_macro",),
}
_BATCH_ROWS = 122_880  # of a row group of a file
_FEW_EVENTS = 500_000  # some 100 MB in memory


@dataclass(frozen=True)
class _Scope:
    """Which of a tenant's events a reader sees."""

    since: datetime | None = None  # inclusive
    before: datetime | None = None  # exclusive
    users: pa.Array | None = None  # whose; None = everybody's
    in_memory: bool = False  # they are read from the files once, and kept

    def within(self, since: datetime | None, before: datetime | None) -> _Scope:
        """Return the part of it in [since, before); None = without an end."""
        begins = [as_utc(at) for at in (since, self.since) if at is not None]
        ends = [as_utc(at) for at in (before, self.before) if at is not None]
        return replace(self, since=max(begins, default=None), before=min(ends, default=None))

    def of(self, users: pa.Array) -> _Scope:
        """Return the part of it that is of `users`."""
        users = users.cast(pa.string())
        if self.users is not None:
            users = users.filter(pc.is_in(users, self.users))
        return replace(self, users=users, in_memory=True)


_EVERYTHING = _Scope()


@dataclass(frozen=True, slots=True)
class Rows:
    """How many events, and what their hashes sum up to in whatever order."""

    count: int
    checksum: int | None  # None = nobody summed them up: of a snapshot of an earlier release


class Reader:
    """One tenant's events, frozen at `snapshot`; not for use by two threads at once.

    SQL sees `event` with the columns of EVENT_SCHEMA and no tenant in it: other tenants'
    rows cannot be left in by a forgotten condition. The lake underneath has a name that SQL may
    not mention, and is attached read-only. Built on it are the view `send`, each send once, the
    table `repeated_send`, and the table macros `answer_of_send`, which joins events to the sends
    they tell of, `send_answer`, which says what an answer is, and `user_zone`, which says where a
    user lives; and the table `zone_name` of the zones that there are.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        lake: str,
        tenant_id: TenantId,
        snapshot: int,
        scope: _Scope = _EVERYTHING,
    ) -> None:
        self._connection = connection
        self._lake, self._tenant_id, self._scope = lake, tenant_id, scope
        since, before = scope.since, scope.before
        begins = "" if since is None else f"and occurred_at >= {literal(since.isoformat())} "
        ends = "" if before is None else f"and occurred_at < {literal(before.isoformat())}"
        self._names = {
            "lake": lake,
            "snapshot": snapshot,
            "tenant_id": literal(tenant_id),
            "and_within": begins + ends,
            "view": "every_event" if scope.in_memory else "event",
        }
        self.snapshot = snapshot
        run(connection, "event_view", statement("event_view").format(**self._names))
        if scope.in_memory:
            self._copy_events()
        self._made = set[str]()

    def _copy_events(self) -> None:
        users = self._scope.users
        which, asked = "true", None
        if users is not None and len(users) == 1:  # a condition that files can be skipped by
            which = f"user_id = {literal(users[0].as_py())}"
        elif users is not None:
            which, asked = "user_id in (select user_id from asked)", pa.table({"user_id": users})
        sql = statement("event_table").format(which=which)
        with failures("event_table"):
            if asked is not None:
                self._connection.register("asked", asked)
            run(self._connection, "event_table", sql)
            if asked is not None:
                self._connection.unregister("asked")

    def appended(self) -> Rows:
        """Return what the tenant's appends say they stored; `event` must hold it."""
        ((count,),) = self._one_statement("appended_count")
        if not self._one_statement("has_checksums"):
            return Rows(int(count), None)
        ((checksum,),) = self._one_statement("appended_checksum")
        return Rows(int(count), int(checksum))

    def held(self) -> Rows:
        """Read all of the tenant's events and return what they sum up to."""
        ((count, checksum),) = self._one_statement("held", checksum=sum_of())
        return Rows(int(count), int(checksum))

    def require_whole(self) -> None:
        """Read all of the tenant's events: they must be those that were appended.

        Raises:
            StoreFailure: `log_damaged`.
        """
        appended, held = self.appended(), self.held()
        if held.count != appended.count or appended.checksum not in {held.checksum, None}:
            raise refusal([])

    def _one_statement(self, name: str, **names: str) -> list[tuple[Any, ...]]:
        sql = statement(name).format(**self._names, **names)
        return all_rows(self._connection, name, sql)

    def before(self, instant: datetime) -> AbstractContextManager[Reader]:
        """Open a reader of the same snapshot to which nothing has happened at or after `instant`.

        What is known as of then must come out the same from both.
        """
        return self.within(None, instant)

    def within(self, since: datetime | None, before: datetime) -> AbstractContextManager[Reader]:
        """Open a reader of the same snapshot that sees what happened in [since, before) alone.

        It sees nothing that this one does not see; None = from the first event on.
        """
        return self._part(self._scope.within(since, before))

    def of_user(self, user_id: UserId) -> AbstractContextManager[Reader]:
        """Open a reader of the same snapshot that sees one user's events alone, read here, once.

        It sees nothing that this one does not see.
        """
        return self.of_users(pa.array([user_id]))

    def of_users(self, user_ids: pa.Array) -> AbstractContextManager[Reader]:
        """As `of_user`, of several users."""
        return self._part(self._scope.of(user_ids))

    def for_many_queries(self) -> AbstractContextManager[Reader]:
        """Open a reader that sees what this one sees; if that is little, all of it read here, once.

        Which files a query has to read is looked up in the catalog each time, which takes longer
        than reading a few rows.
        """
        if self._scope.in_memory:
            return nullcontext(self)
        params = {"most": _FEW_EVENTS + 1}
        (events,) = all_rows(self._connection, "count_up_to", params=params)[0]
        if events > _FEW_EVENTS:
            return nullcontext(self)
        return self._part(replace(self._scope, in_memory=True))

    @contextmanager
    def _part(self, scope: _Scope) -> Iterator[Reader]:
        with connected(self._connection) as connection:
            yield Reader(connection, self._lake, self._tenant_id, self.snapshot, scope)

    def users_appended_after(self, snapshot: int) -> pa.Array:
        """Return the users of whom any event is new since `snapshot`, whenever it happened.

        Raises:
            StoreFailure: if the log never had that snapshot.
        """
        if snapshot >= self.snapshot:
            return pa.array([], pa.string())
        sql = statement("users_appended").format(**self._names, first=snapshot + 1)
        with failures("users_appended"):
            found = run(self._connection, "users_appended", sql).to_arrow_table()
        return found["user_id"].combine_chunks()

    def query(
        self,
        name: str,
        sql: str,
        params: Mapping[str, Any] | None = None,
        inputs: Mapping[str, pa.Table] | None = None,
    ) -> pa.Table:
        """Run `sql` with its `$named` params and return the rows.

        Args:
            name: what failures call the statement.
            sql: one SELECT.
            params: a value for every `$name` in `sql`, and no others.
            inputs: tables that `sql` sees under these names, for this query only.

        Raises:
            InvalidInput: `query_invalid`, if `sql` is no single SELECT or names another's table.
            StoreFailure: if DuckDB refuses it, naming the statement.
        """
        self._prepare(name, sql)
        inputs = inputs or {}
        if hidden := _VIEWS & inputs.keys():
            raise InvalidInput(
                f"an input may not hide the view `{min(hidden)}`", code="query_invalid"
            )
        with failures(name):
            try:
                for table, rows in inputs.items():
                    self._connection.register(table, rows)
                return run(self._connection, name, sql, params).to_arrow_table()
            finally:
                for table in inputs:
                    self._connection.unregister(table)

    def batches(
        self, name: str, sql: str, params: Mapping[str, Any] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """As `query`, a part of the rows at a time: they are never all in memory.

        The next query ends it, taken to its end or not.
        """
        self._prepare(name, sql)
        with failures(name):
            rows = run(self._connection, name, sql, params).to_arrow_reader(_BATCH_ROWS)
        while True:
            try:
                batch = rows.read_next_batch()
            except StopIteration:
                return
            except (pa.ArrowException, OSError) as error:  # what becomes of DuckDB's on the way
                raise database_failure(error, name) from error
            yield batch

    def _prepare(self, name: str, sql: str) -> None:
        """Refuse what a reader may not do; make what is asked before it is first asked."""
        self._check(name, sql)
        for asked, made in _MADE_WHEN_ASKED.items():
            if asked not in self._made and re.search(asked, sql):
                for each in made:
                    run(self._connection, each, params=_made_of(each))
                self._made.add(asked)

    def _check(self, name: str, sql: str) -> None:
        with failures(name):
            kinds = [each.type for each in self._connection.extract_statements(sql)]
        if kinds != [duckdb.StatementType.SELECT]:
            raise InvalidInput(f"{name} is not one SELECT", code="query_invalid")
        if LAKE_PREFIX in sql:
            raise InvalidInput(f"{name} reaches around the view `event`", code="query_invalid")


def _made_of(name: str) -> dict[str, Any] | None:
    """Return the params of a statement that makes something."""
    return {"names": sorted(zone_names())} if name == "zone_name_table" else None


@contextmanager
def reader(
    instance: duckdb.DuckDBPyConnection,
    lake: str,
    tenant_id: TenantId,
    *,
    snapshot: int | None,
    watch: FileWatch | None = None,
) -> Iterator[Reader]:
    """Open a reader of `tenant_id` in the attached `lake`, at `snapshot` or at the newest one.

    Raises:
        NotFound: if there is no such snapshot.
        StoreFailure: `log_damaged`, by `watch`.
    """
    with connected(instance) as connection:
        newest = current_snapshot(connection, lake)
        if snapshot is not None and not 0 <= snapshot <= newest:
            raise NotFound(f"the log has no snapshot {snapshot}; the newest is {newest}")
        pinned = newest if snapshot is None else snapshot
        if watch is not None:
            try:
                watch.check(connection, lake, tenant_id, newest=newest)
            except StoreFailure:
                since = current_snapshot(connection, lake)
                if since == newest:
                    raise
                watch.check(connection, lake, tenant_id, newest=since)  # its files are others now
        yield Reader(connection, lake, tenant_id, pinned)


def current_snapshot(connection: duckdb.DuckDBPyConnection, lake: str) -> int:
    """Return the newest snapshot of the attached `lake`."""
    sql = statement("current_snapshot").format(lake=lake)
    (snapshot,) = all_rows(connection, "current_snapshot", sql)[0]
    return int(snapshot)
