"""Rows as a reader hands them on: columns of the Event contract that nobody has judged yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from sendopt.errors import InvalidInput

#: Columns of the contract that are text, ids included.
TEXT_COLUMNS = (
    "event_id",
    "user_id",
    "event_type",
    "send_id",
    "campaign_id",
    "variant_id",
    "message_type",
    "channel",
    "platform",
    "timezone",
)
CONTRACT_COLUMNS = (*TEXT_COLUMNS, "occurred_at", "propensity", "attributes")
REQUIRED_COLUMNS = ("event_id", "user_id", "event_type", "occurred_at")
#: Whose lack is told once of the whole file: a send and what it causes need a send_id as well.
NEEDED_COLUMNS = (*REQUIRED_COLUMNS, "send_id")

FINDING_SCHEMA = pa.schema(
    [
        ("row", pa.int64()),  # 0 = the whole file
        ("column", pa.string()),
        ("code", pa.string()),
        ("reason", pa.string()),
        ("expected", pa.string()),
        ("hint", pa.string()),
    ]
)

#: Where something is wrong, and what: the number of a row, the error with its `field`.
Finding = tuple[int, InvalidInput]


@dataclass(frozen=True)
class Options:
    """How whoever imports a file wants it to be read.

    Attributes:
        delimiter: of CSV; None = by the file's name, or as its first line `sep=` says.
        nulls: texts that stand for a missing value, beside the empty text.
        ignored: further columns to leave out.
    """

    delimiter: str | None = None
    nulls: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()


DEFAULTS = Options()


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file or a request: those that could be read, and those that could not.

    Attributes:
        rows: those columns of the contract that there are. Text, or in Parquet an instant or a
            number; `attributes` is a canonical JSON object.
        numbers: of the rows, from 1.
        unreadable: rows that are none.
        faults: by column, what is wrong at which position in `rows`; the value there is null.
        dropped: further columns that could not be kept.
        names: the columns, or keys, that were seen.
        called: what the file calls a column of the contract, where it has another name there.
        looked_for: the vendor's columns that a mapping names.
        vendor_names: those columns of the vendor's that were seen.
        near_misses: of rows that have keys of their own, those which may be meant for a column of
            the contract that the row lacks, and for which.
    """

    rows: pa.Table
    numbers: pa.Array
    unreadable: tuple[Finding, ...] = ()
    faults: Mapping[str, Mapping[int, InvalidInput]] = field(default_factory=dict)
    dropped: tuple[Finding, ...] = ()
    names: frozenset[str] = frozenset()
    called: Mapping[str, str] = field(default_factory=dict)
    looked_for: frozenset[str] = frozenset()
    vendor_names: frozenset[str] = frozenset()
    near_misses: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many rows of the file this is."""
        return len(self.rows) + len(self.unreadable)


def finding_table(found: Iterable[Finding]) -> pa.Table:
    """Return findings as a table with FINDING_SCHEMA."""
    rows = [
        (row, error.field or "", error.code, error.message, error.expected, error.hint)
        for row, error in found
    ]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(FINDING_SCHEMA)
    return pa.table(
        [pa.array(column, kind.type) for column, kind in zip(columns, FINDING_SCHEMA, strict=True)],
        schema=FINDING_SCHEMA,
    )
