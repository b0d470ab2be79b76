"""`sendopt ingest`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sendopt.cli.options import AsJson, Home, Tenant, open_home
from sendopt.cli.output import print_json, print_table, progress, stderr
from sendopt.records import TenantId

if TYPE_CHECKING:
    from sendopt.ingest import ImportReport

SHOWN_REJECTIONS = 20


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    commands.command()(ingest)


def ingest(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Parquet, CSV or JSONL files of events, in the event contract."
        ),
    ],
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Bring events into the log.

    The same event twice counts once. A bad row never stops the import and never vanishes: it
    comes back as a rejection with its file, row, column and reason.
    """
    app = open_home(home)
    with progress("importing") as show:
        reports = app.import_files(
            TenantId(tenant),
            files,
            progress=lambda path, rows: show(f"{path.name}, {rows:,} rows"),
        )
    if as_json:
        print_json({"files": [as_json_object(report) for report in reports]})
        return
    print_table(
        "Imported",
        ["file", "accepted", "repeated", "conflicting", "rejected"],
        [
            (report.source, report.accepted, report.repeated, report.conflicts, report.rejected)
            for report in reports
        ],
    )
    for report in reports:
        show_refused(report, limit=SHOWN_REJECTIONS)


def as_json_object(report: ImportReport) -> dict[str, Any]:
    """Return what became of a file's rows, each refused one with its reason."""
    return {
        "file": report.source,
        "rows": report.rows,
        "accepted": report.accepted,
        "repeated": report.repeated,
        "conflicting": report.conflicts,
        "rejected": report.rejected,
        "rejections": report.rejections(),
    }


def show_refused(report: ImportReport, *, limit: int) -> None:
    """Explain on stderr the first `limit` rows of a file that were refused, and count them all."""
    refused = report.conflicts + report.rejected
    for rejection in report.rejections(limit):
        stderr.print(
            f"{rejection.source}, row {rejection.row}, {rejection.column}: {rejection.reason} "
            f"[{rejection.code}]"
        )
    if refused > limit:
        stderr.print(f"{report.source}: {refused:,} refused in all; --json lists every one")
