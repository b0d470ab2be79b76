"""Rewrites the files of a log that hold events of users who are to be erased.

Every snapshot stays, and reads as before without them: a file is written anew beside the old one,
and takes its place in the catalog under the same number, with what the catalog knows of it. In the
same transaction the old one is put down for deletion, and what appends once stored is brought down
by what is gone, snapshot by snapshot. So a process that dies leaves the old log or the new one.

DuckLake's own way, to delete rows and to expire all snapshots before, would have taken the snapshot
of every model, and what a renewal of scores tells by who has news.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from sendopt.errors import StoreFailure
from sendopt.log.durable import found_files
from sendopt.log.events import EVENT_SCHEMA
from sendopt.log.inventory import data_files
from sendopt.log.lease import CheckHeld
from sendopt.log.location import LogLocation
from sendopt.log.sealing import ROW_HASH, relative, tenant_of
from sendopt.log.statements import all_rows, literal, roll_back, run, statement
from sendopt.records import TenantId

#: What stays of the erased: an event as it is stored, and all of it as it is to be.
KEPT_SCHEMA = pa.schema(
    [
        pa.field("user_id_before", pa.string(), nullable=False),
        pa.field("event_id_before", pa.string(), nullable=False),
        *EVENT_SCHEMA,
    ]
)

#: What checksums are summed up by.
_MODULUS = 2**63 - 1
_SNAPSHOT_OF_ROW = "_ducklake_internal_snapshot_id"


@dataclass(frozen=True, slots=True)
class ErasedEvents:
    """What erasing users did to a log."""

    removed: int = 0  # events that are gone
    kept: int = 0  # events that are somebody's no more
    files: int = 0  # that were written anew

    def __add__(self, other: ErasedEvents) -> ErasedEvents:
        return ErasedEvents(
            self.removed + other.removed, self.kept + other.kept, self.files + other.files
        )


@dataclass(frozen=True, slots=True)
class _EventFile:
    """A data file of events, as the catalog names it."""

    number: int
    folder: str  # of its table, below the data, with a slash at its end
    path: str  # below that
    begin_snapshot: int
    rows: int
    size: int

    def at(self, location: LogLocation, path: str | None = None) -> str:
        """Return the full name of it, or of another file of the same table."""
        return f"{location.data.rstrip('/')}/{self.folder}{path or self.path}"

    def successor(self) -> str:
        """Return a new path beside its own."""
        folder, _, _ = self.path.rpartition("/")
        return f"{folder}/ducklake-{uuid.uuid4()}.parquet".removeprefix("/")


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A file that was written and that the catalog does not name yet."""

    before: _EventFile
    path: str
    rows: int
    size: int
    footer_size: int
    changes: tuple[tuple[int, int, int], ...]  # snapshot, rows gone, change of the sum of hashes
    kept: int


class LogEraser:
    """Erases users of one tenant, for whoever holds the right to append.

    Args:
        connection: of the appender.
        lake: what is attached there.
        location: of the log.
        tenant_id: whose users.
        erased: who, a table with `user_id`.
        kept: with the columns of KEPT_SCHEMA: what takes the place of which of their events. All
            others go.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        lake: str,
        location: LogLocation,
        tenant_id: TenantId,
        *,
        erased: pa.Table,
        kept: pa.Table,
    ) -> None:
        self._connection = connection
        self._metadata = f"__ducklake_metadata_{lake}"
        self._lake, self._location, self._tenant_id = lake, location, tenant_id
        tenants = pa.repeat(pa.scalar(str(tenant_id), pa.string()), len(kept))
        self._inputs = {"erased": erased, "kept": kept.append_column("tenant_id", tenants)}
        self._numbers = dict(self._tell("table_numbers"))

    def rewrite(self) -> Iterator[Rewritten]:
        """Write each file that holds their events anew, beside itself.

        What the catalog holds itself has been flushed to files before.
        """
        for file in self._files():
            if self._holds(file.at(self._location)):
                yield self._rewritten(file)

    def replace(self, files: Sequence[Rewritten], check_held: CheckHeld) -> None:
        """Let the catalog name what was written, in one transaction."""
        run(self._connection, "begin", "begin")
        try:
            for each in files:
                self._replace(each)
            self._lower_totals(files)
            self._narrow_statistics()
            check_held()
            run(self._connection, "commit", "commit")
        except BaseException:
            roll_back(self._connection)
            raise

    def delete_superseded(self) -> None:
        """Delete what the catalog names no more, also what was merged a moment ago."""
        sql = statement("delete_superseded").format(lake=literal(self._lake))
        all_rows(self._connection, "delete_superseded", sql)

    def rewrite_unnamed(self) -> int:
        """Take them out of the files that killed processes left; return how many there were.

        One that cannot be read was broken off before any of it was stored. In an object store they
        are left to its own rules of expiry.
        """
        if self._location.on_s3:
            return 0
        named, found = set(data_files(self._connection, self._lake)), 0
        for name in sorted(found_files(self._location, self._connection)):
            path = relative(self._location, name)
            if path in named or tenant_of(path) != self._tenant_id:
                continue
            try:
                if not self._holds(name):
                    continue
                draft = f"{name}.{uuid.uuid4()}"
                self._copy(name, draft)
                Path(draft).replace(name)
            except StoreFailure as failure:
                if not isinstance(failure.__cause__, duckdb.InvalidInputException):
                    raise
                Path(name).unlink()
            found += 1
        return found

    def _files(self) -> Iterable[_EventFile]:
        files = [_EventFile(*row) for row in self._tell("event_files")]
        mine = {self._tenant_id, None}
        return [each for each in files if tenant_of(each.path) in mine]

    def _holds(self, file: str) -> bool:
        return bool(self._with_inputs("has_erased_user", params={"file": file}))

    def _rewritten(self, file: _EventFile) -> Rewritten:
        name, path = file.at(self._location), file.successor()
        target = file.at(self._location, path)
        columns = self._columns(name)
        snapshot = _SNAPSHOT_OF_ROW if _SNAPSHOT_OF_ROW in columns else str(file.begin_snapshot)
        sql = statement("erased_rows").format(
            snapshot=snapshot, file=literal(name), row_hash=ROW_HASH
        )
        found = self._with_inputs("erased_rows", sql)
        self._copy(name, target)
        ((rows, size, footer_size),) = all_rows(
            self._connection, "file_facts", params={"file": target}
        )
        return Rewritten(
            file,
            path,
            rows=int(rows),
            size=int(size),
            footer_size=int(footer_size),
            changes=tuple((int(at), int(gone), int(change)) for at, gone, _, change in found),
            kept=sum(int(kept) for _, _, kept, _ in found),
        )

    def _copy(self, file: str, target: str) -> None:
        ids = self._columns(file)
        told = set(EVENT_SCHEMA.names)
        columns = ", ".join(
            f"case when k.event_id_before is null then e.{name} else k.{name} end as {name}"
            if name in told
            else f"e.{name}"
            for name in ids
        )
        sql = statement("rewrite_file").format(
            columns=columns,
            file=literal(file),
            target=literal(target),
            field_ids="{" + ", ".join(f"{name}: {number}" for name, number in ids.items()) + "}",
        )
        self._with_inputs("rewrite_file", sql)

    def _columns(self, file: str) -> dict[str, int]:
        """Return the columns of a file with the number by which DuckLake knows each."""
        return dict(all_rows(self._connection, "file_schema", params={"file": file}))

    def _replace(self, new: Rewritten) -> None:
        old, table = new.before, self._numbers["event"]
        number = {"number": old.number}
        self._tell("schedule_deletion", number | {"path": f"{old.folder}{old.path}"})
        if new.rows == 0:
            for of_file in ("data_file", "file_column_stats", "file_partition_value"):
                self._tell("forget_file", number, table=of_file)
        else:
            told = {"path": new.path, "rows": new.rows, "size": new.size}
            self._tell("rename_file", number | told | {"footer_size": new.footer_size})
            self._describe(old, new)
        smaller = old.size - (new.size if new.rows else 0)
        lower = {"gone": old.rows - new.rows, "smaller": smaller, "table": table}
        self._tell("lower_table", lower)

    def _describe(self, old: _EventFile, new: Rewritten) -> None:
        """Note what stands in each column of a new file, by which queries pass over files."""
        file = {"file": old.at(self._location, new.path)}
        names = ("name", "size", "values", "nulls", "least", "most")
        for row in all_rows(self._connection, "file_columns", params=file):
            told = dict(zip(names, row, strict=True))
            whose = {"number": old.number, "table": self._numbers["event"]}
            self._tell("describe_column", told | whose)

    def _lower_totals(self, files: Sequence[Rewritten]) -> None:
        """Bring down what appends stored, as of the snapshots that stored it."""
        gone: dict[int, list[int]] = {}
        for snapshot, rows, change in (each for file in files for each in file.changes):
            total = gone.setdefault(snapshot, [0, 0])
            total[0] -= rows
            total[1] = (total[1] + change) % _MODULUS
        for name, place in (("batch", 0), ("batch_checksum", 1)):
            table = {"table": self._numbers[name]}
            ((held_in,),) = self._tell("inlined_table", table)
            ((next_row,),) = self._tell("next_row", table)
            for row, (snapshot, totals) in enumerate(sorted(gone.items()), start=int(next_row)):
                self._tell(
                    "insert_total",
                    {
                        "row": row,
                        "snapshot": snapshot,
                        "tenant": self._tenant_id,
                        "total": totals[place],
                    },
                    table=held_in,
                )
            self._tell("count_totals", table | {"more": len(gone)})
            self._widen(table, [totals[place] for totals in gone.values()])

    def _widen(self, table: dict[str, int], values: Sequence[int]) -> None:
        """Let what the catalog says of the totals cover these too."""
        for column, least, most in self._tell("bounds_of_totals", table):
            bounds = [int(each) for each in (least, most) if each is not None] + list(values)
            told = {"least": str(min(bounds)), "most": str(max(bounds)), "column": column}
            self._tell("set_bounds", table | told)

    def _narrow_statistics(self) -> None:
        """Take their names and times out of what the catalog says of all events together."""
        table = {"table": self._numbers["event"]}
        for column, unknown, *bounds in self._tell("event_bounds", table):
            least, most = (None, None) if unknown else bounds
            told = {"least": least, "most": most, "column": column}
            self._tell("set_bounds", table | told)

    def _tell(
        self, name: str, params: Mapping[str, Any] | None = None, **names: str
    ) -> list[tuple[Any, ...]]:
        """Run a statement about the tables of the catalog itself."""
        sql = statement(name).format(metadata=self._metadata, **names)
        return all_rows(self._connection, name, sql, params)

    def _with_inputs(
        self, name: str, sql: str | None = None, params: dict[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        for table, rows in self._inputs.items():
            self._connection.register(table, rows)
        try:
            return all_rows(self._connection, name, sql, params)
        finally:
            for table in self._inputs:
                self._connection.unregister(table)
