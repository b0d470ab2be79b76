"""The doors through which events come in: files of each kind, and requests."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sendopt import strict_json
from sendopt.ingest import AcceptedEvent, ImportReport, Options, accept_events, import_file
from sendopt.log import Appender, Log, events_of
from sendopt.records import Consent, Event, Finding, TenantId

NOW = datetime.fromisoformat("2026-10-01T09:30:00+00:00")
FILES = ("events.csv", "events.tsv", "events.jsonl", "events.parquet")

Rows = Sequence[Mapping[str, Any]]


@dataclass
class Verdicts:
    """What a door said of each row, from 1, and the events that it took, by their ids."""

    events: dict[str, Event] = field(default_factory=dict)
    rejected: dict[int, Finding] = field(default_factory=dict)
    dropped: defaultdict[int, list[Finding]] = field(default_factory=lambda: defaultdict(list))
    said: list[Consent] = field(default_factory=list)


def write(path: Path, rows: Rows) -> Path:
    """Write rows in the format that the name of `path` asks for."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if path.suffix == ".parquet":
        # As text: types have rules of their own.
        columns = {name: [_as_cell(row.get(name)) for row in rows] for name in names}
        pq.write_table(pa.table({n: pa.array(c, pa.string()) for n, c in columns.items()}), path)
    elif path.suffix in {".csv", ".tsv"}:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writerow(names)
            writer.writerows([_as_cell(row.get(name)) for name in names] for row in rows)
    else:
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        path.write_text("\n".join(lines), encoding="utf-8", newline="")
    return path


def take(
    path: Path,
    appender: Appender,
    tenant_id: TenantId,
    *,
    now: datetime = NOW,
    options: Options | None = None,
    said: list[Consent] | None = None,
) -> ImportReport:
    """Import a file, and check that the counts of its report add up."""
    progress: list[int] = []
    report = import_file(
        path,
        appender,
        tenant_id,
        now=now,
        note_consents=([] if said is None else said).extend,
        progress=progress.append,
        options=options or Options(),
    )
    assert progress == sorted(progress)
    assert (progress or [0])[-1] == report.rows
    assert len(report.refused) == report.conflicts + report.rejected
    return report


def faults(report: ImportReport) -> list[tuple[int, str, str]]:
    return [(each.row, each.column, each.code) for each in report.rejections()]


def stored(log: Log, tenant_id: TenantId) -> dict[str, Event]:
    """Return the tenant's events by their ids."""
    with log.reader(tenant_id) as reader:
        return {e.event_id: e for e in events_of(reader.query("all", "select * from event"))}


def by_file(path: Path, rows: Rows, log: Log, appender: Appender, tenant_id: TenantId) -> Verdicts:
    """Import `rows` as the file `path`."""
    told = Verdicts()
    report = take(write(path, rows), appender, tenant_id, said=told.said)
    told.rejected = {each.row: each for each in report.rejections()}
    for each in report.dropped_fields():
        told.dropped[each.row].append(each)
    told.events = stored(log, tenant_id)
    return told


def by_request(rows: Rows) -> Verdicts:
    """Send `rows` as the bodies of requests."""
    told = Verdicts()
    for row, item in enumerate(rows, start=1):
        body = json.dumps([item], ensure_ascii=False).encode()
        (verdict,) = accept_events(strict_json.loads(body, limits=strict_json.BY_FIELD), now=NOW)
        if isinstance(verdict, AcceptedEvent):
            told.events[verdict.event.event_id] = verdict.event
            told.dropped[row] += verdict.dropped
        else:
            told.rejected[row] = verdict
    return told


def _as_cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, dict) else str(value)
