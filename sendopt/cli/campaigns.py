"""`sendopt plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sendopt import strict_json
from sendopt.cli.options import AsJson, Home, Tenant, open_home, read_input
from sendopt.cli.output import print_json, print_table, progress, stdout
from sendopt.records import TenantId
from sendopt.schedule import Preview
from sendopt.schedule.variants import TOO_LITTLE_DATA


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    commands.command()(plan)


def plan(
    campaign: Annotated[
        Path,
        typer.Argument(
            metavar="CAMPAIGN.json", help="The campaign as JSON; docs/campaigns.md shows one."
        ),
    ],
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
    app = open_home(home)
    definition = strict_json.loads(read_input(campaign, field="CAMPAIGN.json"))
    with progress("planning"):
        if commit:
            report = app.put_campaign(TenantId(tenant), definition, commit=True)
            preview, counts = report.preview, report.counts
        else:
            preview, counts = app.preview_campaign(TenantId(tenant), definition), {}
    if as_json:
        print_json({"committed": commit, "preview": preview, "counts": counts})
        return
    if preview is not None:
        _show(preview)
    if commit:
        print_table("Committed", ["state", "sends"], sorted(counts.items()))
    else:
        stdout.print("A preview: nothing was stored. Add --commit to let the sends go out.")


def _show(preview: Preview) -> None:
    stdout.print(
        f"{preview.planned_count:,} of {preview.people_count:,} people get a time; "
        f"{preview.expected_open_count:,.0f} opens expected ({preview.expected_open_basis}); "
        f"{preview.fallback_share:.0%} on the fallback time"
    )
    print_table(
        "By hour on the user's clock", ["hour", "sends"], list(preview.by_local_hour.items())
    )
    if preview.explored_count:
        stdout.print(f"{preview.explored_count:,} get another time than their best, to learn")
    if preview.abstained_count:
        stdout.print(f"{preview.abstained_count:,} stay at the configured time: no gain was proven")
    if preview.variant_evidence == TOO_LITTLE_DATA:
        stdout.print("Too little data to prefer one wording")
    for title, what, counts in (
        ("Arms", "arm", preview.by_arm),
        ("Wordings", "variant", preview.by_variant if preview.variant_evidence else {}),
        ("Times by the word of", "step", preview.served_by),
        ("Not planned", "reason", preview.suppressed),
        ("Kept from their likeliest time by", "reason", preview.bound_by),
        ("Not by the champion's word because", "reason", preview.fallback_reasons),
    ):
        if counts:
            print_table(title, [what, "people"], list(counts.items()))
