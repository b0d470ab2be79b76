"""`sendopt log`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from sendopt.cli.options import AsJson, Home, open_known_home
from sendopt.cli.output import print_json, progress, stdout

if TYPE_CHECKING:
    from sendopt.app.scrub import ScrubReport


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    log = typer.Typer(help="What the log holds.", no_args_is_help=True)
    log.command("scrub")(scrub)
    commands.add_typer(log, name="log")


def scrub(home: Home = None, as_json: AsJson = False) -> None:
    """Read the whole log, and compare it with what was written down when it was appended.

    Every data file has a hash in the catalog, and every append a checksum of its events. Exit
    status 1 if anything is not what was written; docs/runbooks/corrupt-file.md says what to do.
    """
    app = open_known_home(home)
    with progress("scrubbing the log") as show:
        report = app.operator.scrub_log(progress=show)
    if as_json:
        print_json(report)
    else:
        _show(report)
    if not report.is_whole:
        raise typer.Exit(1)


def _show(report: ScrubReport) -> None:
    for file in report.damaged_files:
        whose = "every tenant" if file.tenant_id is None else file.tenant_id
        stdout.print(f"{file.path} {file.what}; it holds events of {whose}")
    for rows in report.changed_rows:
        stdout.print(f"{rows.tenant_id}: {rows.what}")
    if report.sealed_now:
        stdout.print(f"{len(report.sealed_now)} files had no hash yet; they have one now")
    if report.not_sealed:
        stdout.print(f"{len(report.not_sealed)} files have no hash; they get one once all is whole")
    damaged = len(report.damaged_files)
    stdout.print(
        f"{damaged} of {report.file_count:,} files damaged, {report.byte_count:,} bytes read; "
        f"events of {len(report.changed_rows)} of {report.tenant_count:,} tenants changed"
    )
    if not report.is_whole:
        stdout.print("what to do: docs/runbooks/corrupt-file.md")
