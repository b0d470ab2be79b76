"""What every import of files shares: how they are read, and how what became of them is told."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import sendopt.app
from sendopt.cli.options import writable
from sendopt.cli.output import print_json, print_table, progress, stderr
from sendopt.errors import InvalidInput
from sendopt.records import Finding
from sendopt.text import quoted

if TYPE_CHECKING:
    from sendopt.ingest import ImportReport
    from sendopt.ingest.report import Reason

SHOWN_REASONS = 20

#: Status of an import of a file more than half of which was refused; as of bad input.
MOSTLY_REFUSED = 2

Delimiter = Annotated[
    str | None,
    typer.Option(
        "--delimiter",
        metavar="CHARACTER",
        help="What stands between the fields of CSV; also 'tab'. [default: a comma]",
    ),
]
Nulls = Annotated[
    list[str] | None,
    typer.Option(
        "--null",
        metavar="TEXT",
        help="Text that stands for a missing value, such as NULL; may be repeated.",
    ),
]
Ignored = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore-column",
        metavar="NAME",
        help="Column to leave out, such as an export's row numbers; may be repeated.",
    ),
]
Rejections = Annotated[
    Path | None,
    typer.Option(
        "--rejections",
        metavar="FILE.csv",
        help="Write every refused row there: its file, number, column, code and reason.",
        callback=lambda path: writable(path, field="--rejections"),
    ),
]

_REJECTION_COLUMNS = ("file", "row", "column", "code", "reason", "expected", "hint")


def import_bodies(
    import_files: Callable[..., list[ImportReport]],
    files: Sequence[Path],
    *,
    options: sendopt.app.ImportOptions,
    rejections: Path | None,
    as_json: bool,
    without: str,
) -> None:
    """Import files of bodies such as devices, and tell what became of them.

    Args:
        import_files: of the subject that they are about.
        files: to be read, in their order.
        options: how.
        rejections: gets every refused row, if somebody wants it.
        as_json: whether what became of them is told as JSON.
        without: what is made of a row one of whose fields cannot be read.

    Raises:
        Exit: as `end_by`.
    """
    with progress("importing") as show:
        reports = import_files(
            files,
            progress=lambda path, rows: show(f"{path.name}, {rows:,} rows"),
            options=options,
        )
    if as_json:
        print_json({"files": [report_as_json(report) for report in reports]})
    else:
        show_counts(reports, without=without)
    write_rejections(reports, rejections)
    end_by(reports)


def read_options(
    delimiter: str | None, null: Sequence[str] | None, ignore_column: Sequence[str] | None
) -> sendopt.app.ImportOptions:
    """Return how files are to be read.

    Raises:
        InvalidInput: `invalid`, if the delimiter is none.
    """
    return sendopt.app.ImportOptions(
        delimiter=_delimiter(delimiter),
        nulls=frozenset(null or ()),
        ignored=frozenset(ignore_column or ()),
    )


def _delimiter(text: str | None) -> str | None:
    if text is None:
        return None
    character = "\t" if text.lower() in {"tab", "\\t"} else text
    if len(character) != 1 or not character.isascii() or character in '"\r\n\0':
        raise InvalidInput(
            f"{quoted(text)} is no delimiter",
            code="invalid",
            field="--delimiter",
            expected="one character, such as ; or tab",
        )
    return character


def report_as_json(report: ImportReport) -> dict[str, Any]:
    """Return what became of a file's rows, each refused one and each lost field with its reason."""
    return {
        "file": report.source,
        "rows": report.rows,
        "accepted": report.accepted,
        "repeated": report.repeated,
        "conflicting": report.conflicts,
        "rejected": report.rejected,
        "rejections": report.rejections(),
        "rejected_for": report.refused_for(),
        "dropped_fields": report.dropped_fields(),
        "dropped_for": report.dropped_for(),
        "near_misses": report.near_misses,
        "unseen_columns": report.unseen,
        "events_with_timezone": report.with_zone,
    }


def show_counts(reports: Sequence[ImportReport], *, without: str) -> None:
    """Print what became of files, and why of what was refused.

    `without` says what is made of a row one of whose fields cannot be read.
    """
    told = ["file", "accepted", "repeated", "conflicting", "rejected"]
    counts = [
        (each.source, each.accepted, each.repeated, each.conflicts, each.rejected)
        for each in reports
    ]
    print_table("Imported", told, counts, empty="no file holds any row")
    for report in reports:
        show_refused(report, limit=SHOWN_REASONS, without=without)


def show_refused(
    report: ImportReport, *, limit: int, without: str = "the event counts without it"
) -> None:
    """Explain on stderr why rows of a file were refused: how many, with the first of each kind.

    Then the same of the fields that could not be read, and the columns that may be misnamed. Of
    each at most the `limit` most frequent reasons.
    """
    for name, meant in report.near_misses.items():
        stderr.print(
            f"{report.source}: the column {quoted(name)} is kept in attributes; did you mean "
            f"{meant}? Then call it so"
        )
    if report.unseen:
        told = ", ".join(
            f"{quoted(name)} (did you mean {quoted(near)}?)" if near else quoted(name)
            for name, near in report.unseen.items()
        )
        stderr.print(f"{report.source}: the mapping names columns that no row has: {told}")
    refused_for, dropped_for = report.refused_for(), report.dropped_for()
    refused, dropped = report.conflicts + report.rejected, len(report.dropped)
    if refused:
        stderr.print(
            f"{report.source}: {refused:,} of {report.rows:,} rows were refused; the first for "
            "each reason:"
        )
    for reason in refused_for[:limit]:
        stderr.print(f"{_told(reason.first)}{_further(reason)}")
    if refused > len(refused_for):
        stderr.print(f"{report.source}: {refused:,} refused in all; --json lists every one")
    for reason in dropped_for[:limit]:
        stderr.print(f"{_told(reason.first)}{_further(reason)}; {without}")
    if dropped > len(dropped_for):
        stderr.print(f"{report.source}: {dropped:,} fields dropped in all; --json lists every one")


def write_rejections(reports: Sequence[ImportReport], path: Path | None) -> None:
    """Write every refused row of `reports` as CSV, if somebody wants it."""
    refused = sum(report.conflicts + report.rejected for report in reports)
    if path is None:
        if refused:
            stderr.print("--rejections FILE.csv writes where each refused row stands, and why")
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_REJECTION_COLUMNS)
        for report in reports:
            for each in report.rejections():
                writer.writerow(
                    [
                        each.source,
                        each.row,
                        each.column,
                        each.code,
                        each.reason,
                        each.expected,
                        each.hint,
                    ]
                )
    stderr.print(f"{path}: {refused:,} refused rows, each with its file, number, column and reason")


def end_by(reports: Sequence[ImportReport]) -> None:
    """End with a status of its own if more than half of a file was refused.

    Raises:
        Exit: `MOSTLY_REFUSED`.
    """
    in_question = [report for report in reports if report.is_mostly_refused]
    for report in in_question:
        stderr.print(
            f"{report.source}: {report.conflicts + report.rejected:,} of {report.rows:,} rows were "
            f"refused, more than half, hence exit status {MOSTLY_REFUSED}; the others are stored"
        )
    if in_question:
        raise typer.Exit(MOSTLY_REFUSED)


def _further(reason: Reason) -> str:
    """Say for how many rows a reason holds, of which one stands there already."""
    if reason.first.row == 0:
        return f": {reason.count:,} rows"
    return f", and {reason.count - 1:,} more like it" if reason.count > 1 else ""


def _told(finding: Finding) -> str:
    row = f", row {finding.row}" if finding.row else ""
    column = f", {finding.column}" if finding.column else ""
    expected = f"; expected {finding.expected}" if finding.expected else ""
    hint = f"; {finding.hint}" if finding.hint else ""
    return f"{finding.source}{row}{column}: {finding.reason}{expected}{hint} [{finding.code}]"
