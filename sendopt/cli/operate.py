"""`sendopt verify`, `settings` and `demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import sendopt.app
import sendopt.demo
from sendopt.cli import answers
from sendopt.cli.options import AsJson, Home, open_known_home
from sendopt.cli.output import print_json, print_table, progress, stdout


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    commands.command()(verify)
    commands.command()(demo)
    commands.command()(settings)


def verify(home: Home = None, as_json: AsJson = False) -> None:
    """Check every promise, over every store.

    Exit status 1 if anything is broken; every finding names the store, the rule and the row.
    """
    app = open_known_home(home)
    with progress("verifying") as show:
        report = app.operator.verify(progress=show)
    if as_json:
        print_json(report)
    else:
        for finding in report.findings:
            stdout.print(
                f"{finding.store}  {finding.rule}  {finding.tenant_id}  {finding.subject}: "
                f"{finding.explanation}",
            )
        for file in report.unnamed_files:
            stdout.print(
                f"Not in the log: {file.missing:,} events of {file.tenant_id} in {file.path}: an "
                "import was broken off and not repeated, or the catalog is older than its data; "
                "docs/runbooks/corrupt-file.md says what to do",
            )
        stdout.print(
            f"{len(report.findings)} broken; looked at {report.tenant_count} tenants, "
            f"{report.send_count:,} sends, {report.event_count:,} events"
        )
    if report.findings:
        raise typer.Exit(1)


def demo(
    home: Annotated[
        Path,
        typer.Option("--home", help="Folder for the demo; made anew at every run."),
    ] = Path("sendopt-demo"),
    as_json: AsJson = False,
) -> None:
    """Run the whole line on shipped real logs.

    Learn, plan, send, track, bill, on a virtual clock, with each person's real answers.
    """
    with progress("demo") as show:
        result = sendopt.demo.run_demo(home, progress=show)
    if as_json:
        print_json(result)
    else:
        answers.demo.show(result)


def settings(home: Home = None, as_json: AsJson = False) -> None:
    """Show the settings in force; secrets are masked."""
    effective = sendopt.app.load_settings(home).effective()
    if as_json:
        print_json(effective)
        return
    rows = []
    for section, value in effective.items():
        inner = value.items() if isinstance(value, dict) else [(None, value)]
        for name, setting in inner:
            variable = "SENDOPT_" + "__".join(part for part in (section, name) if part).upper()
            rows.append((variable, str(setting)))
    print_table("In force", ["variable", "value"], rows)
