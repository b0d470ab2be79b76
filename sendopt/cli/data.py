"""`sendopt ingest`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import sendopt.app
from sendopt.cli.options import (
    AsJson,
    Home,
    Tenant,
    open_work,
)
from sendopt.cli.output import print_json, print_table, progress, stderr
from sendopt.errors import InvalidInput
from sendopt.records import Finding
from sendopt.text import quoted

if TYPE_CHECKING:
    from sendopt.ingest import ImportReport
    from sendopt.ingest.report import Reason

SHOWN_REASONS = 20

_NO_ZONES = (
    "no time zone of any user is known: hours will be taken in UTC, and mean other hours to each "
    "user; fill the column timezone, or set users' profiles"
)

#: Status of an import of a file more than half of which was refused; as of bad input.
MOSTLY_REFUSED = 2

_SAMPLE = """\
event_id,user_id,event_type,occurred_at,send_id,timezone
e1,ann,send,2026-09-01T16:00:00Z,s1,Europe/Vienna
e2,ann,open,2026-09-01T16:07:00Z,s1,Europe/Vienna
"""
_COLUMNS = f"""\
A file looks like this:

\b
{_SAMPLE}
\b
Required: event_id, user_id, event_type, occurred_at (with its zone).
send_id:  required of a send, and of all that it causes.
Optional: campaign_id, variant_id, message_type, channel, platform,
          timezone, propensity, attributes.
Further columns are kept in attributes.

docs/events.md describes every column, docs/importing.md the files of other senders; both stand in
the folder docs of the project.
"""


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    commands.command(epilog=_COLUMNS)(ingest)


def ingest(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Parquet, CSV or JSON Lines files of events, in the event contract, or folders "
            "of such files.",
        ),
    ],
    vendor: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="VENDOR",
            help="The files are exports of airship, braze, fcm, mautic or onesignal.",
        ),
    ] = None,
    mapping: Annotated[
        Path | None,
        typer.Option(
            "--mapping",
            metavar="MAPPING.toml",
            help="The files are another sender's, read as docs/importing.md describes.",
        ),
    ] = None,
    home: Home = None,
    tenant: Tenant = "default",
    delimiter: Annotated[
        str | None,
        typer.Option(
            "--delimiter",
            metavar="CHARACTER",
            help="What stands between the fields of CSV; also 'tab'. [default: a comma]",
        ),
    ] = None,
    null: Annotated[
        list[str] | None,
        typer.Option(
            "--null",
            metavar="TEXT",
            help="Text that stands for a missing value, such as NULL; may be repeated.",
        ),
    ] = None,
    ignore_column: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore-column",
            metavar="NAME",
            help="Column to leave out, such as an export's row numbers; may be repeated.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring events into the log.

    The same event twice counts once. A bad row never stops the import and never vanishes: it
    comes back as a rejection with its file, row, column and reason. An optional field that cannot
    be read costs the field, not the event, and is reported. Exit status: 0, or 2 if more than
    half of a file's rows were refused; what was accepted is stored all the same.
    """
    options = sendopt.app.ImportOptions(
        delimiter=_delimiter(delimiter),
        nulls=frozenset(null or ()),
        ignored=frozenset(ignore_column or ()),
    )
    work = open_work(home, tenant)
    with progress("importing") as show:
        reports = work.events.import_files(
            files,
            progress=lambda path, rows: show(f"{path.name}, {rows:,} rows"),
            options=options,
            vendor=vendor,
            mapping_file=mapping,
        )
    knows_zones = any(report.with_zone for report in reports) or work.events.knows_zones()
    if as_json:
        print_json(
            {
                "files": [as_json_object(report) for report in reports],
                "time_zones_known": knows_zones,
            }
        )
    else:
        _show(reports)
    if not knows_zones:
        stderr.print(_NO_ZONES)
    in_question = [report for report in reports if report.is_mostly_refused]
    for report in in_question:
        stderr.print(
            f"{report.source}: {report.conflicts + report.rejected:,} of {report.rows:,} rows were "
            f"refused, more than half, hence exit status {MOSTLY_REFUSED}; the others are stored"
        )
    if in_question:
        raise typer.Exit(MOSTLY_REFUSED)


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


def _show(reports: Sequence[ImportReport]) -> None:
    print_table(
        "Imported",
        ["file", "accepted", "repeated", "conflicting", "rejected"],
        [
            (report.source, report.accepted, report.repeated, report.conflicts, report.rejected)
            for report in reports
        ],
    )
    for report in reports:
        show_refused(report, limit=SHOWN_REASONS)


def as_json_object(report: ImportReport) -> dict[str, Any]:
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


def show_refused(report: ImportReport, *, limit: int) -> None:
    """Explain on stderr why rows of a file were refused: how many, with the first of each kind.

    Then the same of the fields that events do without, and the columns that may be misnamed. Of
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
    for reason in refused_for[:limit]:
        stderr.print(f"{_told(reason.first)}{_further(reason)}")
    refused, dropped = report.conflicts + report.rejected, len(report.dropped)
    if refused > len(refused_for):
        stderr.print(f"{report.source}: {refused:,} refused in all; --json lists every one")
    for reason in dropped_for[:limit]:
        stderr.print(f"{_told(reason.first)}{_further(reason)}; the event counts without it")
    if dropped > len(dropped_for):
        stderr.print(f"{report.source}: {dropped:,} fields dropped in all; --json lists every one")


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
