"""`sendopt lift`."""

from __future__ import annotations

from typing import Annotated

import typer

from sendopt.app.defaults import ANSWER_WINDOW, EFFECT
from sendopt.cli import answers
from sendopt.cli.options import (
    AsJson,
    Home,
    Tenant,
    open_known_work,
    parse_outcome,
)
from sendopt.cli.output import print_json
from sendopt.clock import parse_duration, parse_instant
from sendopt.records import CampaignId

_HOURS = ANSWER_WINDOW.total_seconds() // 3600


def register(commands: typer.Typer) -> None:
    """Add this command."""
    commands.command()(lift)


def lift(
    campaign: Annotated[
        list[str] | None,
        typer.Option(
            "--campaign",
            metavar="ID",
            help="Only this campaign; may be given several times. [default: all with arms]",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="INSTANT",
            help="Only sends planned from then on, such as 2026-10-01T00:00:00Z. [default: all]",
            show_default=False,
        ),
    ] = None,
    effect: Annotated[
        float,
        typer.Option(
            "--effect",
            metavar="SHARE",
            help="Difference of answered shares that would matter: how many more sends tell it?",
        ),
    ] = EFFECT,
    window: Annotated[
        str,
        typer.Option("--window", metavar="TIME", help="An answer counts within this time."),
    ] = f"{_HOURS:.0f}h",
    outcome: Annotated[
        str,
        typer.Option(
            "--outcome",
            metavar="KIND",
            help="What counts as an answer: open, click or response.",
        ),
    ] = "open",
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Compare arm with arm, in all and by week: better, worse, or not yet known.

    It may be looked at every day: the intervals hold however often one looks. Choose campaigns and
    the time to begin before you look, not after.
    """
    report = open_known_work(home, tenant).results.lift(
        campaign_ids=[CampaignId(each) for each in campaign or ()],
        since=None if since is None else parse_instant(since, field="--since"),
        outcome=parse_outcome(outcome),
        window=parse_duration(window, field="--window"),
        effect=effect,
    )
    if as_json:
        print_json(report)
    else:
        answers.lift.show(report)
