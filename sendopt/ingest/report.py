"""What became of each row of a file."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from sendopt.ingest.raw import FINDING_SCHEMA
from sendopt.records import DroppedField, Rejection


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
        refused: a row per conflict and rejection, with FINDING_SCHEMA.
        dropped: a row per field that could not be read and without which its event counts.
        missing: required columns that the file does not have at all.
        near_misses: further columns that may be meant for one of the contract, and for which.
        with_zone: how many events name a time zone.
        unseen: columns that the mapping names and no row has, each with one that may be meant.
    """

    source: str
    accepted: int
    repeated: int
    conflicts: int
    rejected: int
    refused: pa.Table
    dropped: pa.Table = field(default_factory=FINDING_SCHEMA.empty_table)
    missing: tuple[str, ...] = ()
    near_misses: dict[str, str] = field(default_factory=dict)
    with_zone: int = 0
    unseen: dict[str, str | None] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows the file has."""
        return self.accepted + self.repeated + self.conflicts + self.rejected

    def rejections(self, limit: int | None = None) -> list[Rejection]:
        """Return conflicts and rejections in the order of the file, the first `limit` or all.

        Rows that lack a column that the whole file lacks are one rejection, of row 0.
        """
        refused, lacking = self.refused, []
        for name in self.missing:
            of_column = pc.and_(
                pc.equal(refused["column"], name), pc.equal(refused["code"], "missing_field")
            )
            count = pc.sum(of_column).as_py() or 0
            refused = refused.filter(pc.invert(of_column))
            if count:
                lacking.append(
                    Rejection(
                        source=self.source,
                        row=0,
                        column=name,
                        code="missing_field",
                        reason=f"the file has no such column: {count:,} rows are rejected for it",
                        expected="a value in every row",
                    )
                )
        rows = refused.sort_by("row").slice(0, limit).to_pylist()
        return [*lacking, *(Rejection(source=self.source, **row) for row in rows)][:limit]

    def dropped_fields(self, limit: int | None = None) -> list[DroppedField]:
        """Return the fields that events do without, in the order of the file."""
        rows = self.dropped.sort_by("row").slice(0, limit).to_pylist()
        return [DroppedField(source=self.source, **row) for row in rows]
