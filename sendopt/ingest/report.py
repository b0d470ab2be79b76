"""What became of each row of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from sendopt.ingest.headers import did_you_mean
from sendopt.ingest.raw import FINDING_SCHEMA
from sendopt.records import DroppedField, Finding, Rejection
from sendopt.text import quoted

_EXPECTED = {"send_id": "an id in every send and in all that it causes"}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why rows were refused, or lost a field: how many, and the first of them."""

    count: int
    first: Finding  # of row 0, if the whole file is at fault


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
        missing: needed columns that the file does not have at all, each with those of its columns
            that may stand for it.
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
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
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
        lacking, others = self._lacking()
        of_file = [
            replace(told, reason=f"{told.reason}: {count:,} rows are rejected")
            for count, told in lacking
        ]
        rows = others.sort_by("row").slice(0, limit).to_pylist()
        return [*of_file, *(Rejection(source=self.source, **row) for row in rows)][:limit]

    @property
    def is_mostly_refused(self) -> bool:
        """Tell whether more than half of the rows were refused: then the file is in question."""
        return 2 * (self.conflicts + self.rejected) > self.rows

    def refused_for(self) -> list[Reason]:
        """Count conflicts and rejections by their reason, the most frequent first."""
        lacking, others = self._lacking()
        of_file = [Reason(count, told) for count, told in lacking]
        return _by_count([*of_file, *self._reasons(others)])

    def dropped_for(self) -> list[Reason]:
        """Count lost fields by the reason, the most frequent first."""
        return _by_count(self._reasons(self.dropped))

    def dropped_fields(self, limit: int | None = None) -> list[DroppedField]:
        """Return the fields that events do without, in the order of the file."""
        rows = self.dropped.sort_by("row").slice(0, limit).to_pylist()
        return [DroppedField(source=self.source, **row) for row in rows]

    def _lacking(self) -> tuple[list[tuple[int, Rejection]], pa.Table]:
        """Return for the lack of which columns how many rows were refused, and the other rows."""
        lacking, others = [], self.refused
        for name, instead in self.missing.items():
            of_column = pc.and_(
                pc.equal(others["column"], name), pc.equal(others["code"], "missing_field")
            )
            count = pc.sum(of_column).as_py() or 0
            others = others.filter(pc.invert(of_column))
            if count:
                lacking.append((count, self._lacks(name, instead)))
        return lacking, others

    def _lacks(self, name: str, instead: Sequence[str]) -> Rejection:
        columns = ", ".join(quoted(each) for each in instead)
        return Rejection(
            source=self.source,
            row=0,
            column=name,
            code="missing_field",
            reason=f"the file has no column {name}" + (f"; it has {columns}" if columns else ""),
            expected=_EXPECTED.get(name, "a value in every row"),
            hint=f"{columns}: {did_you_mean(name)}" if columns else None,
        )

    def _reasons(self, findings: pa.Table) -> list[Reason]:
        first = [(name, "first") for name in ("row", "reason", "hint")]
        grouped = (
            findings.sort_by("row")
            .group_by(["column", "code", "expected"], use_threads=False)
            .aggregate([("row", "count"), *first])
        )
        return [
            Reason(
                count=each["row_count"],
                first=Finding(
                    source=self.source,
                    row=each["row_first"],
                    column=each["column"],
                    code=each["code"],
                    reason=each["reason_first"],
                    expected=each["expected"],
                    hint=each["hint_first"],
                ),
            )
            for each in grouped.to_pylist()
        ]


def _by_count(reasons: list[Reason]) -> list[Reason]:
    return sorted(reasons, key=lambda each: (-each.count, each.first.row))
