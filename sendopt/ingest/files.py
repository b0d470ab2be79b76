"""Imports files of events: Parquet, CSV, JSON Lines.

Bad rows never stop an import and never vanish: each comes back as a rejection. An import that
was broken off, or done before, may simply be done again: what is stored already is a repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sendopt.clock import CLOCK_TOLERANCE, as_utc, zone_names
from sendopt.errors import InvalidInput
from sendopt.ingest.csv import read_csv
from sendopt.ingest.jsonl import read_jsonl
from sendopt.ingest.parquet import read_parquet
from sendopt.ingest.raw import CONTRACT_COLUMNS, REJECTION_SCHEMA, Chunk
from sendopt.log import Appender
from sendopt.records import (
    CAUSED_BY_SEND,
    COUNTING_ATTRIBUTE,
    EventType,
    Rejection,
    TenantId,
    UserId,
)

#: Rows stored in one transaction: enough for large files in the log, few enough for memory.
_BATCH_ROWS = 1_000_000

_READERS: dict[str, Callable[[Path], Iterator[Chunk]]] = {
    ".parquet": read_parquet,
    ".csv": read_csv,
    ".csv.gz": read_csv,
    ".jsonl": read_jsonl,
    ".jsonl.gz": read_jsonl,
    ".ndjson": read_jsonl,
    ".ndjson.gz": read_jsonl,
}


@dataclass(frozen=True)
class ImportReport:
    """What became of each row of a file.

    `accepted + repeated + conflicts + rejected == rows`, always.

    Attributes:
        source: the file's name.
        accepted: stored now.
        repeated: stored before with the same content, or standing twice in the file.
        conflicts: stored before, or earlier in the file, under the same id with other content.
        rejected: rows that break a rule.
        refused: a row per conflict and rejection: row, column, code, reason.
    """

    source: str
    accepted: int
    repeated: int
    conflicts: int
    rejected: int
    refused: pa.Table

    @property
    def rows(self) -> int:
        """How many rows the file has."""
        return self.accepted + self.repeated + self.conflicts + self.rejected

    def rejections(self, limit: int | None = None) -> list[Rejection]:
        """Return conflicts and rejections in the order of the file, the first `limit` or all."""
        refused = self.refused.sort_by("row").slice(0, limit)
        return [Rejection(source=self.source, **row) for row in refused.to_pylist()]


def import_file(
    path: Path,
    appender: Appender,
    tenant_id: TenantId,
    *,
    now: datetime,
    note_opt_outs: Callable[[Sequence[UserId]], None],
    progress: Callable[[int], None],
) -> ImportReport:
    """Store the good rows of `path` and report on every row.

    Args:
        path: a .parquet, .csv, .jsonl or .ndjson file; the text formats also as .gz.
        appender: of the log that the events go to.
        tenant_id: whose events they are.
        now: events may lie at most 5 minutes after it.
        note_opt_outs: told who wants nothing more, before the rows that say so are stored: after a
            crash in between, or damage further on in the file, nobody gets what is planned already.
        progress: told now and then how many rows are done.

    Raises:
        InvalidInput: if the file is missing, of an unknown kind, lacks a required column, or
            cannot be read; names file and column. What was read before damage in mid-file is
            stored.
        StoreFailure: if the log fails; everything up to the last progress is stored.
    """
    read = _reader(path)
    accepted = repeated = conflicts = 0
    refused: list[pa.Table] = []
    done = 0
    for batch, unreadable, size in _batches(read(path), appender, now=as_utc(now)):
        refused.append(unreadable)
        faulty = pc.is_valid(batch["code"])
        refused.append(batch.filter(faulty).select(REJECTION_SCHEMA.names))
        events = batch.filter(pc.invert(faulty))
        note_opt_outs(_opted_out(events))
        report = appender.append(tenant_id, events)
        accepted += report.accepted
        repeated += report.repeated
        conflicts += len(report.conflicts)
        refused.append(_as_rejections(events, [conflict.row for conflict in report.conflicts]))
        done += size
        progress(done)
    table = pa.concat_tables([REJECTION_SCHEMA.empty_table(), *refused])
    return ImportReport(
        source=path.name,
        accepted=accepted,
        repeated=repeated,
        conflicts=conflicts,
        rejected=len(table) - conflicts,
        refused=table,
    )


def require_file(path: Path) -> None:
    """Refuse what no import could begin with.

    Raises:
        InvalidInput: `file_missing`, `file_kind_unknown`.
    """
    _reader(path)


def _reader(path: Path) -> Callable[[Path], Iterator[Chunk]]:
    if not path.is_file():
        raise InvalidInput(f"there is no file {path}", code="file_missing")
    suffix = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    if suffix.lower() not in _READERS:
        raise InvalidInput(
            f"{path.name} is of an unknown kind",
            code="file_kind_unknown",
            expected=f"a name that ends in {', '.join(_READERS)}",
        )
    return _READERS[suffix.lower()]


def _batches(
    chunks: Iterator[Chunk], appender: Appender, *, now: datetime
) -> Iterator[tuple[pa.Table, pa.Table, int]]:
    """Judge chunks and gather them into batches: judged rows, unreadable rows, size of both."""
    judged: list[pa.Table] = []
    unreadable: list[pa.Table] = []
    size = 0
    damage: InvalidInput | None = None
    try:
        for chunk in chunks:
            judged.append(_judge(chunk.rows, appender, now=now))
            unreadable.append(chunk.rejections)
            size += chunk.size
            if size >= _BATCH_ROWS:
                yield pa.concat_tables(judged), pa.concat_tables(unreadable), size
                judged, unreadable, size = [], [], 0
    except InvalidInput as error:
        damage = error  # told once what stands before it is stored
    if size:
        yield pa.concat_tables(judged), pa.concat_tables(unreadable), size
    if damage is not None:
        raise damage


def _opted_out(events: pa.Table) -> list[UserId]:
    rows = events.filter(pc.equal(events["event_type"], EventType.OPT_OUT.value))
    return [UserId(user_id) for user_id in rows["user_id"].unique().to_pylist()]


def _judge(rows: pa.Table, appender: Appender, *, now: datetime) -> pa.Table:
    """Return the rows with EVENT_SCHEMA's columns and `row`, `column`, `code`, `reason`."""
    if "line" in rows.column_names:
        params: dict[str, Any] = {"contract_columns": list(CONTRACT_COLUMNS)}
        rows = appender.compute("jsonl_columns", _sql("jsonl_columns"), params, {"raw": rows})
    for name in (*CONTRACT_COLUMNS, "extra", "fault_column", "fault_code", "fault_reason"):
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.nulls(len(rows), pa.string()))
    judged = appender.compute(
        "judge",
        _sql("judge"),
        {
            "latest": now + CLOCK_TOLERANCE,
            "event_types": [kind.value for kind in EventType],
            "caused_by_send": sorted(kind.value for kind in CAUSED_BY_SEND),
            "reserved": COUNTING_ATTRIBUTE,
        },
        {"raw": rows, "zone": _zones()},
    )
    # A repeat is told from a first by the order of the file, which the engine does not keep.
    return judged.sort_by("row")


def _as_rejections(events: pa.Table, indices: list[int]) -> pa.Table:
    rows = events["row"].take(pa.array(indices, pa.int64()))
    count = len(indices)
    return pa.table(
        [
            rows,
            pa.repeat("event_id", count),
            pa.repeat("event_conflict", count),
            pa.repeat("is stored already with other content; the first stays", count),
        ],
        schema=REJECTION_SCHEMA,
    )


@cache
def _sql(name: str) -> str:
    return files("sendopt.ingest").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


@cache
def _zones() -> pa.Table:
    return pa.table({"name": pa.array(sorted(zone_names()), pa.string())})
