"""Imports files of events: Parquet, CSV, JSON Lines.

Bad rows never stop an import and never vanish: each comes back as a rejection. An import that
was broken off, or done before, may simply be done again: what is stored already is a repeat.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from sendopt.clock import as_utc
from sendopt.errors import InvalidInput
from sendopt.ingest.headers import missing_columns, near_misses, stand_ins, unseen
from sendopt.ingest.judge import judge
from sendopt.ingest.mapping import Mapping, mapped_chunks
from sendopt.ingest.raw import (
    DEFAULTS,
    FINDING_SCHEMA,
    NEEDED_COLUMNS,
    REQUIRED_COLUMNS,
    Chunk,
    Finding,
    Options,
    finding_table,
)
from sendopt.ingest.report import ImportReport
from sendopt.ingest.sources import reader_of
from sendopt.log import EVENT_SCHEMA, AppendReport, EventConflict
from sendopt.records import Consent, EventType, TenantId, UserId
from sendopt.state.erased import one_of_an_erased_user
from sendopt.text import quoted

#: Rows stored in one transaction: enough for large files in the log, few enough for memory.
_BATCH_ROWS = 1_000_000

#: Told what users said on being sent to at all.
NoteConsents = Callable[[Sequence[Consent]], None]


class Appender(Protocol):
    """Takes events into the log, each once."""

    def append(self, tenant_id: TenantId, events: pa.Table) -> AppendReport:
        """Store those of `events` whose ids are new; all of them in one transaction."""
        ...


def import_file(
    path: Path,
    appender: Appender,
    tenant_id: TenantId,
    *,
    now: datetime,
    note_consents: NoteConsents,
    progress: Callable[[int], None],
    options: Options = DEFAULTS,
    mapping: Mapping | None = None,
) -> ImportReport:
    """Store the good rows of `path` and report on every row.

    Args:
        path: a file of one of `sources.READERS`; the text formats also as .gz.
        appender: of the log that the events go to.
        tenant_id: whose events they are.
        now: events may lie at most 5 minutes after it.
        note_consents: told who wants nothing more, before the rows that say so are stored: after a
            crash in between, or damage further on in the file, nobody gets what is planned already.
            Then told who wants to be sent to again, once that is stored.
        progress: told now and then how many rows are done.
        options: how to read the file.
        mapping: of another sender's file; None = it is in the Event contract.

    Raises:
        InvalidInput: if the file is missing, of an unknown kind, lacks a required column, or
            cannot be read; names file and column. What was read before damage in mid-file is
            stored.
        StoreFailure: if the log fails; everything up to the last progress is stored.
    """
    return import_chunks(
        reader_of(path)(path, options)
        if mapping is None
        else mapped_chunks(path, mapping, options),
        path.name,
        appender,
        tenant_id,
        now=now,
        note_consents=note_consents,
        progress=progress,
    )


def import_chunks(
    chunks: Iterable[Chunk],
    source: str,
    appender: Appender,
    tenant_id: TenantId,
    *,
    now: datetime,
    note_consents: NoteConsents,
    progress: Callable[[int], None],
) -> ImportReport:
    """Store the good rows of `chunks` and report on every row; else as `import_file`.

    `source` is what the report calls the file.
    """
    accepted = repeated = conflicts = with_zone = done = 0
    refused, dropped = [FINDING_SCHEMA.empty_table()], [FINDING_SCHEMA.empty_table()]
    names = _Names()
    for batch in _batches(chunks, names, now=as_utc(now)):
        events = pa.concat_tables(batch.events)
        note_consents(_consents(events, EventType.OPT_OUT))
        report = appender.append(tenant_id, events.select(EVENT_SCHEMA.names))
        contradicting, repeating = _told_apart(events, report.conflicts)
        note_consents(_consents(_without(events, contradicting), EventType.OPT_IN))
        accepted += report.accepted
        repeated += report.repeated + repeating
        conflicts += len(contradicting)
        with_zone += len(events) - events["timezone"].null_count
        erased = _erased(events, report.erased)
        refused.append(
            finding_table([*batch.refused, *erased, *_as_findings(events, contradicting)])
        )
        dropped.append(finding_table(batch.dropped))
        done += batch.size
        progress(done)
    table = pa.concat_tables(refused)
    missing = tuple(name for name in NEEDED_COLUMNS if name not in names.contract) if done else ()
    if accepted + repeated == 0 and any(name in REQUIRED_COLUMNS for name in missing):
        raise missing_columns(source, sorted(names.contract))
    return ImportReport(
        source=source,
        accepted=accepted,
        repeated=repeated,
        conflicts=conflicts,
        rejected=len(table) - conflicts,
        refused=table,
        dropped=pa.concat_tables(dropped),
        missing={name: tuple(stand_ins(name, names.contract)) for name in missing},
        near_misses={**near_misses(tuple(sorted(names.contract))), **names.near},
        with_zone=with_zone,
        unseen=unseen(names.looked_for, names.vendor) if done else {},
    )


@dataclass
class _Names:
    """The columns of a file: those of the contract and beside it, and those of a vendor."""

    contract: set[str] = field(default_factory=set)
    looked_for: set[str] = field(default_factory=set)
    vendor: set[str] = field(default_factory=set)
    near: dict[str, str] = field(default_factory=dict)  # misses of rows with keys of their own

    def add(self, chunk: Chunk) -> None:
        self.contract |= chunk.names
        self.looked_for |= chunk.looked_for
        self.vendor |= chunk.vendor_names
        self.near |= chunk.near_misses


@dataclass
class _Batch:
    """Judged rows that are stored in one transaction."""

    events: list[pa.Table] = field(default_factory=list)
    refused: list[Finding] = field(default_factory=list)
    dropped: list[Finding] = field(default_factory=list)
    size: int = 0

    def add(self, chunk: Chunk, *, now: datetime) -> None:
        judged = judge(chunk, now=now)
        self.events.append(judged.events)
        self.refused += [*chunk.unreadable, *_as_called(chunk, judged.refused)]
        self.dropped += _as_called(chunk, judged.dropped)
        self.size += chunk.size


def _as_called(chunk: Chunk, findings: Sequence[Finding]) -> list[Finding]:
    """Return findings by the names that the columns have in the file."""
    if not chunk.called:
        return list(findings)
    return [
        (row, error.at(chunk.called.get(error.field or "", error.field or "")))
        for row, error in findings
    ]


def _batches(chunks: Iterable[Chunk], names: _Names, *, now: datetime) -> Iterator[_Batch]:
    """Judge chunks and gather them into batches; `names` collects the columns that were seen."""
    batch = _Batch()
    damage: InvalidInput | None = None
    try:
        for chunk in chunks:
            names.add(chunk)
            batch.add(chunk, now=now)
            if batch.size >= _BATCH_ROWS:
                yield batch
                batch = _Batch()
    except InvalidInput as error:
        damage = error  # told once what stands before it is stored
    if batch.size:
        yield batch
    if damage is not None:
        raise damage


def _consents(events: pa.Table, event_type: EventType) -> list[Consent]:
    rows = events.filter(pc.equal(events["event_type"], event_type.value))
    told = [rows[name].to_pylist() for name in _OF_CONSENT]
    return [
        Consent(
            UserId(user_id),
            event_type is EventType.OPT_IN,
            at,
            channel=channel,
            message_type=message_type,
        )
        for user_id, at, channel, message_type in zip(*told, strict=True)
    ]


_OF_CONSENT = ("user_id", "occurred_at", "channel", "message_type")


def _told_apart(
    events: pa.Table, conflicts: Sequence[EventConflict]
) -> tuple[list[EventConflict], int]:
    """Return what contradicts the log, and how many only repeat an opt-out at a time of ours."""
    contradicting = [
        each
        for each in conflicts
        if not (events["time_is_ours"][each.row].as_py() and each.columns == ("occurred_at",))
    ]
    return contradicting, len(conflicts) - len(contradicting)


def _without(events: pa.Table, conflicts: Sequence[EventConflict]) -> pa.Table:
    if not conflicts:
        return events
    rows = pa.array([each.row for each in conflicts], pa.int64())
    position = pa.array(range(len(events)), pa.int64())
    return events.filter(pc.invert(pc.is_in(position, value_set=rows)))


def _as_findings(events: pa.Table, conflicts: Sequence[EventConflict]) -> list[Finding]:
    rows = events["row"].take(pa.array([each.row for each in conflicts], pa.int64()))
    errors = [conflict_of(each.event_id, each.columns) for each in conflicts]
    return list(zip(rows.to_pylist(), errors, strict=True))


def _erased(events: pa.Table, rows: Sequence[int]) -> list[Finding]:
    refusal = one_of_an_erased_user("user_id")
    return [(row, refusal) for row in events["row"].take(pa.array(rows, pa.int64())).to_pylist()]


def conflict_of(event_id: str, columns: Sequence[str]) -> InvalidInput:
    """Say of an event that is stored with other content in which columns."""
    further = [name for name in columns if name.startswith("attributes.")]
    hint = "give a corrected event a new event_id"
    if further and len(further) == len(columns):
        names = " ".join(
            f"--ignore-column {shlex.quote(name.removeprefix('attributes.'))}" for name in further
        )
        hint = f"if these tell of the export alone, import without them: {names}"
    return InvalidInput(
        f"{quoted(event_id)} is stored already with another {', '.join(columns)}; the first stays",
        code="event_conflict",
        field="event_id",
        hint=hint,
    )
