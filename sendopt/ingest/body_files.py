"""Imports files of devices and of users, whose rows are read as the bodies of requests.

Bad rows never stop an import and never vanish, and an import that was broken off, or done before,
may simply be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Generic

import pyarrow as pa

from sendopt.errors import InvalidInput
from sendopt.ingest.bodies import Row, bodies_of
from sendopt.ingest.raw import DEFAULTS, FINDING_SCHEMA, Finding, Options, finding_table
from sendopt.ingest.reading import Noun, Reading, unreadable
from sendopt.ingest.report import ImportReport

#: Rows stored in one transaction.
BATCH_ROWS = 5_000
#: Rows after which progress is told.
_TOLD_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class BodyKind(Generic[Noun]):
    """What the rows of a file are.

    Attributes:
        fields: the columns that a table may have.
        read: reads one body.
        store: stores what was read in one transaction, with all that users say in it, also beside
            what is refused; returns of each whether it is news, or why it is refused.
    """

    fields: frozenset[str]
    read: Callable[[Any], Reading[Noun]]
    store: Callable[[Sequence[Reading[Noun]]], Sequence[bool | InvalidInput]]


def import_bodies(
    path: Path,
    kind: BodyKind[Noun],
    *,
    progress: Callable[[int], None],
    options: Options = DEFAULTS,
) -> ImportReport:
    """Store the good rows of `path` and report on every row.

    Args:
        path: as `bodies_of`.
        kind: what the rows are.
        progress: told now and then how many rows are done.
        options: how to read the file.

    Raises:
        InvalidInput: as `bodies_of`; what was read before damage in mid-file is stored.
        StoreFailure: if the state fails; everything up to the last progress is stored.
    """
    accepted = repeated = done = told = 0
    refused, dropped = [FINDING_SCHEMA.empty_table()], [FINDING_SCHEMA.empty_table()]
    for rows in _batches(path, kind.fields, options):
        readings = [
            unreadable(body) if isinstance(body, InvalidInput) else kind.read(body)
            for _, body in rows
        ]
        verdicts = kind.store(readings)
        why: list[Finding] = []
        lost: list[Finding] = []
        for (row, _), reading, verdict in zip(rows, readings, verdicts, strict=True):
            if isinstance(verdict, InvalidInput):
                why.append((row, _in_columns(verdict)))
            lost += [(row, _in_columns(each)) for each in reading.dropped_fields]
            accepted += verdict is True
            repeated += verdict is False
        refused.append(finding_table(why))
        dropped.append(finding_table(lost))
        done += len(rows)
        if done - told >= _TOLD_ROWS:
            progress(done)
            told = done
    if done > told:
        progress(done)
    table = pa.concat_tables(refused)
    return ImportReport(
        source=path.name,
        accepted=accepted,
        repeated=repeated,
        conflicts=0,
        rejected=len(table),
        refused=table,
        dropped=pa.concat_tables(dropped),
    )


def _batches(path: Path, fields: frozenset[str], options: Options) -> Iterator[list[Row]]:
    """Yield rows as many as are stored at once; then the damage that ends a file, if any."""
    damage: list[InvalidInput] = []

    def rows() -> Iterator[Row]:
        try:
            for some in bodies_of(path, fields, options):
                yield from some
        except InvalidInput as error:
            damage.append(error)  # told once what stands before it is stored

    coming = rows()
    while batch := list(islice(coming, BATCH_ROWS)):
        yield batch
    if damage:
        raise damage[0]


def _in_columns(fault: InvalidInput) -> InvalidInput:
    """Return a fault by the column of a file, which a JSON Pointer in a body stands for."""
    column = (fault.field or "").strip("/").replace("/", ".")
    return fault.at(column)
