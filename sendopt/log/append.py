"""The one appender: each event is stored once, whole batches or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sendopt.errors import InvalidInput
from sendopt.log.connect import INLINED_ROWS
from sendopt.log.durable import DataFiles
from sendopt.log.erase import ErasedEvents, LogEraser
from sendopt.log.events import EVENT_SCHEMA, differing_members, event_table
from sendopt.log.lease import CheckHeld
from sendopt.log.location import LogLocation
from sendopt.log.sealing import (
    ROW_HASH,
    Seal,
    current_files,
    seal,
    seals,
    sum_of,
    write_seals,
)
from sendopt.log.statements import (
    afterwards,
    all_rows,
    failures,
    literal,
    roll_back,
    run,
    statement,
)
from sendopt.records import Event, TenantId

#: What the statement `verdicts` says of each row that must not be stored.
VERDICT_SCHEMA = pa.schema(
    {
        "row": pa.int64(),
        "event_id": pa.string(),
        "differs": pa.list_(pa.string()),
        "attributes": pa.string(),
        "first_attributes": pa.string(),
    }
)


@dataclass(frozen=True, slots=True)
class EventConflict:
    """A row whose event id is stored already with other content; the first stays."""

    row: int  # 0-based, in the table that was to be appended
    event_id: str
    columns: tuple[str, ...]  # that differ; of attributes those members, as "attributes.name"


@dataclass(frozen=True, slots=True)
class AppendReport:
    """What became of each row of an append; the four add up to its rows."""

    accepted: int
    repeated: int
    conflicts: list[EventConflict]
    erased: tuple[int, ...] = ()  # rows of users who were erased; the log itself does not know them


@dataclass(frozen=True, slots=True)
class OutboxReport:
    """What became of each row of a batch from the outbox; the counts add up to its rows."""

    accepted: int
    repeated: int  # stored already: below the mark, or under the same id with the same content
    conflicts: list[int]  # positions whose event id is stored with other content
    high_water_mark: int


class Appender:
    """Appends to the log. There is one at a time; not for use by two threads at once."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        lake: str,
        location: LogLocation,
        check_held: CheckHeld,
    ) -> None:
        self._connection = connection
        self._lake = lake
        self._location = location
        self._data = DataFiles(location, connection)
        self._check_held = check_held

    def append(
        self,
        tenant_id: TenantId,
        events: pa.Table,
        *,
        committing: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> AppendReport:
        """Store those of `events` whose ids are new; all of them in one transaction.

        Durable when it returns. Appending again is harmless: everything is a repeat then.

        Args:
            tenant_id: whose events they are.
            events: with the columns of EVENT_SCHEMA.
            committing: entered for the commit alone; what it raises before is raised here, and
                nothing is stored.

        Raises:
            InvalidInput: if columns are missing or of other types.
            StoreFailure: if it could not be stored; then nothing of it was.
        """
        tenants = pa.repeat(pa.scalar(str(tenant_id), pa.string()), len(events))
        with self._transaction(committing, writes_files=len(events) > INLINED_ROWS):
            return self._store(_as_schema(events), tenants)

    def high_water_mark(self) -> int:
        """Return the highest position of the outbox that is in the log; 0 at first."""
        return int(self._one_row("high_water_mark")[0])

    def append_outbox(
        self,
        rows: Sequence[tuple[int, TenantId, Event]],
        *,
        note_conflicts: Callable[[Sequence[int]], None] | None = None,
    ) -> OutboxReport:
        """Store events of any tenants and move the high-water mark, in one transaction.

        Args:
            rows: position in the outbox, tenant, event. Positions at or below the mark are known
                to be stored and left out, so a batch may be handed over again after a crash.
            note_conflicts: told the positions whose event id is stored with other content, before
                the mark moves past them: after a crash in between they are told again.

        Raises:
            InvalidInput: `event_damaged`, if one of them does not fit the Event contract.
            StoreFailure: if it could not be stored; then nothing of it was, and the mark stands.
        """
        mark = self.high_water_mark()
        fresh = [row for row in rows if row[0] > mark]
        if not fresh:
            return OutboxReport(0, len(rows), [], mark)
        positions, tenants, events = zip(*fresh, strict=True)
        table = _table(events)
        with self._transaction(writes_files=len(events) > INLINED_ROWS):
            report = self._store(table, pa.array(tenants, pa.string()))
            conflicts = [positions[conflict.row] for conflict in report.conflicts]
            if conflicts and note_conflicts is not None:
                note_conflicts(conflicts)
            run(self._connection, "advance_mark", params={"position": max(positions)})
        return OutboxReport(
            accepted=report.accepted,
            repeated=report.repeated + len(rows) - len(fresh),
            conflicts=conflicts,
            high_water_mark=max(positions),
        )

    def compact(self) -> None:
        """Merge small files into larger ones; every snapshot reads as before.

        Files that no snapshot needs any more are deleted after a day, when no reader that
        planned its query before can still want them.
        """
        for table in ("event", "batch", "batch_checksum", "outbox_mark"):
            with self._transaction(writes_files=True):
                self._maintain("flush_inlined", table=literal(table))
        merged = list[Seal]()
        with self._transaction(writes_files=True, seal_later=merged):
            self._maintain("merge_files")
        if merged:
            with self._transaction():
                write_seals(self._connection, merged)
        with self._transaction():
            self._maintain("delete_merged_files")

    def erase_users(self, tenant_id: TenantId, *, erased: pa.Table, kept: pa.Table) -> ErasedEvents:
        """Take users out of every snapshot, and out of every file; to repeat it changes nothing.

        Queries that were planned before may miss a file, and have to be repeated.

        Args:
            tenant_id: whose users.
            erased: who, with the column `user_id`.
            kept: with the columns of KEPT_SCHEMA: which of their events stay, and as what.
        """
        with self._transaction(writes_files=True):
            self._maintain("flush_inlined", table=literal("event"))
        eraser = LogEraser(
            self._connection, self._lake, self._location, tenant_id, erased=erased, kept=kept
        )
        self._data.expect()
        files = list(eraser.rewrite())
        if files:
            with failures("seal"):
                written = [self._seal_of(file) for file in self._data.sync_new()]
            # Before the files are named and after it: the second lets readers know of a change.
            with self._transaction():
                write_seals(self._connection, written)
            eraser.replace(files, self._check_held)
            with self._transaction():
                write_seals(self._connection, written)
        eraser.delete_superseded()
        eraser.rewrite_unnamed()
        gone = sum(rows for file in files for _, rows, _ in file.changes)
        return ErasedEvents(gone, sum(file.kept for file in files), len(files))

    def seal_unsealed(self) -> list[str]:
        """Seal the files that have no seal, such as those of earlier releases; return their names.

        For a log whose rows have just been found as they were appended.
        """
        known = seals(self._connection, self._lake)
        found = [self._seal_of(file) for file in current_files(self._connection, self._lake)]
        fresh = [each for each in found if each.path not in known]
        with self._transaction():
            write_seals(self._connection, fresh)
        return [each.path for each in fresh]

    def _maintain(self, name: str, **names: str) -> None:
        sql = statement(name).format(lake=literal(self._lake), **names)
        all_rows(self._connection, name, sql)

    def _seal_of(self, file: str) -> Seal:
        return seal(self._connection, self._location, file)

    def _store(self, events: pa.Table, tenants: pa.Array) -> AppendReport:
        incoming = events.append_column("tenant_id", tenants).append_column(
            "row", pa.array(np.arange(len(events)))
        )
        with self._inputs(incoming=incoming):
            hashed = self._fetch("hashed", statement("hashed").format(row_hash=ROW_HASH))
            verdicts = self._verdicts(hashed)
            with self._inputs(verdict=verdicts):
                run(self._connection, "insert_events")
                with self._inputs(total=self._totals(hashed)):
                    run(self._connection, "insert_batch")
                    run(self._connection, "insert_checksum")
        conflicts = verdicts.filter(pc.greater(pc.list_value_length(verdicts["differs"]), 0))
        return AppendReport(
            accepted=len(events) - len(verdicts),
            repeated=len(verdicts) - len(conflicts),
            conflicts=[_conflict(row) for row in conflicts.to_pylist()],
        )

    def _verdicts(self, hashed: pa.Table) -> pa.Table:
        """Return the rows of `incoming` that must not be stored, and what differs in each."""
        with self._inputs(meeting=_meeting(hashed)):
            suspects = self._fetch("suspects")
        if not len(suspects):
            return VERDICT_SCHEMA.empty_table()
        with self._inputs(suspect=suspects):
            # Ids alone are scanned above; whole events only where one is there already.
            stored = self._fetch("stored")
            with self._inputs(stored=stored):
                return self._fetch("verdicts")

    def _totals(self, hashed: pa.Table) -> pa.Table:
        """Return what is stored of each tenant: how many events, and what they sum up to."""
        with self._inputs(hashed=hashed):
            return self._fetch("totals", statement("totals").format(checksum=sum_of("row_hash")))

    def _fetch(self, name: str, sql: str | None = None) -> pa.Table:
        with failures(name):
            return run(self._connection, name, sql).to_arrow_table()

    @contextmanager
    def _inputs(self, **tables: pa.Table) -> Iterator[None]:
        with ExitStack() as registered:
            for name, table in tables.items():
                with failures("register"):
                    self._connection.register(name, table)
                unregister = partial(self._connection.unregister, name)
                registered.enter_context(afterwards(unregister, "unregister"))
            yield

    @contextmanager
    def _transaction(
        self,
        committing: Callable[[], AbstractContextManager[None]] = nullcontext,
        *,
        writes_files: bool = False,
        seal_later: list[Seal] | None = None,
    ) -> Iterator[None]:
        """Commit what the block does, together with the seals of the files that it wrote.

        Args:
            committing: entered for the commit alone.
            writes_files: more may be written than the catalog takes in.
            seal_later: takes the seals where the transaction may hold nothing else.
        """
        if writes_files:
            self._data.expect()
        run(self._connection, "begin", "begin")
        try:
            yield
            with failures("seal"):
                written = [self._seal_of(file) for file in self._data.sync_new()]
            if seal_later is None:
                write_seals(self._connection, written)
            else:
                seal_later += written
            self._check_held()
            with committing():
                run(self._connection, "commit", "commit")
        except BaseException:
            roll_back(self._connection)
            raise

    def _one_row(self, name: str) -> tuple[Any, ...]:
        return all_rows(self._connection, name)[0]


def _meeting(hashed: pa.Table) -> pa.Table:
    """Return the rows that share the hash of their id with another one."""
    hashes = np.sort(hashed["id_hash"].to_numpy())
    shared = pa.array(hashes[1:][hashes[1:] == hashes[:-1]])
    return hashed.filter(pc.is_in(hashed["id_hash"], value_set=shared)).select(["row"])


def _conflict(verdict: dict[str, Any]) -> EventConflict:
    columns = [name for name in verdict["differs"] if name != "attributes"]
    first, other = (json.loads(verdict[n] or "{}") for n in ("first_attributes", "attributes"))
    columns += [f"attributes.{name}" for name in differing_members(first, other)]
    return EventConflict(verdict["row"], verdict["event_id"], tuple(columns))


def _table(events: Sequence[Event]) -> pa.Table:
    try:
        return event_table(events)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise InvalidInput(
            "an event does not fit the Event contract", code="event_damaged"
        ) from error


def _as_schema(events: pa.Table) -> pa.Table:
    missing = [name for name in EVENT_SCHEMA.names if name not in events.column_names]
    if missing:
        raise InvalidInput(
            "the table lacks a column of the Event contract",
            code="missing_field",
            field=missing[0],
        )
    try:
        return events.select(EVENT_SCHEMA.names).cast(EVENT_SCHEMA)
    except (ValueError, NotImplementedError) as error:
        raise InvalidInput(
            f"the table does not fit the Event contract: {error}", code="wrong_type"
        ) from error
