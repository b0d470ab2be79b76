"""`sendopt plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import sendopt.app
from sendopt.cli import answers
from sendopt.cli.options import (
    AsJson,
    Home,
    Tenant,
    open_known_work,
)
from sendopt.cli.output import print_json, print_table, progress, stderr, stdout
from sendopt.clock import SystemClock
from sendopt.errors import InvalidInput


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    commands.command()(plan)


def plan(
    campaign: Annotated[
        Path | None,
        typer.Argument(
            metavar="CAMPAIGN.json",
            help="The campaign as JSON; docs/campaigns.md tells of every field.",
            show_default=False,
        ),
    ] = None,
    example: Annotated[
        bool, typer.Option("--example", help="Print a small campaign to begin with, and no more.")
    ] = False,
    commit: Annotated[
        bool, typer.Option("--commit", help="Let the sends go out. Without it: a preview.")
    ] = False,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Choose every user's best allowed time.

    A preview unless --commit is given. Committing twice sends once.
    """
    if example:
        small = sendopt.app.small_example(SystemClock().now())
        print_json(small)
        stderr.print(
            f"Nobody can be reached without a device on the channel {small['channel']}: register "
            "devices first (docs/devices.md), then `sendopt plan campaign.json` says who gets "
            "which hour, and who nothing and why"
        )
        return
    if campaign is None:
        raise InvalidInput(
            "is missing",
            code="option_missing",
            field="CAMPAIGN.json",
            hint="`sendopt plan --example > campaign.json` writes one to begin with",
        )
    work = open_known_work(home, tenant)
    definition = sendopt.app.read_json(campaign, field="CAMPAIGN.json")
    with progress("planning"):
        if commit:
            report = work.campaigns.put(definition, commit=True)
            preview, counts = report.preview, report.counts
        else:
            preview, counts = work.campaigns.preview(definition), {}
    if as_json:
        print_json({"committed": commit, "preview": preview, "counts": counts})
        return
    if preview is not None:
        answers.preview.show(preview)
    if commit:
        print_table("Committed", ["state", "sends"], sorted(counts.items()))
    else:
        stdout.print("A preview: nothing was stored. Add --commit to let the sends go out.")
