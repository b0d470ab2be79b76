"""`sendopt ingest`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sendopt.cli.importing import (
    Delimiter,
    Ignored,
    Nulls,
    Rejections,
    end_by,
    read_options,
    report_as_json,
    show_counts,
    write_rejections,
)
from sendopt.cli.options import (
    AsJson,
    Home,
    Tenant,
    open_work,
)
from sendopt.cli.output import print_json, progress, stderr

_NO_ZONES = (
    "no time zone of any user is known: hours will be taken in UTC, and mean other hours to each "
    "user; fill the column timezone, or set users' profiles"
)

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
    delimiter: Delimiter = None,
    null: Nulls = None,
    ignore_column: Ignored = None,
    rejections: Rejections = None,
    as_json: AsJson = False,
) -> None:
    """Bring events into the log.

    The same event twice counts once. A bad row never stops the import and never vanishes: it
    comes back as a rejection with its file, row, column and reason. An optional field that cannot
    be read costs the field, not the event, and is reported. Exit status: 0, or 2 if more than
    half of a file's rows were refused; what was accepted is stored all the same.
    """
    options = read_options(delimiter, null, ignore_column)
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
                "files": [report_as_json(report) for report in reports],
                "time_zones_known": knows_zones,
            }
        )
    else:
        show_counts(reports, without="the event counts without it")
    if not knows_zones:
        stderr.print(_NO_ZONES)
    write_rejections(reports, rejections)
    end_by(reports)
