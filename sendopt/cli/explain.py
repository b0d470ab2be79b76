"""`sendopt explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sendopt.app.defaults import CONFIGURED_HOUR
from sendopt.cli import answers
from sendopt.cli.options import (
    AsJson,
    Home,
    Tenant,
    open_known_work,
    out_file,
)
from sendopt.cli.output import as_json as as_json_object
from sendopt.cli.output import print_json, progress, stdout
from sendopt.errors import InvalidInput
from sendopt.records import CampaignId, UserId

_PICTURES = (".pdf", ".png", ".svg")


def register(commands: typer.Typer) -> None:
    """Add this command."""
    commands.command()(explain)


def explain(
    user: Annotated[str, typer.Argument(metavar="USER", help="The user's id.")],
    configured_hour: Annotated[
        int,
        typer.Option(
            "--configured-hour",
            metavar="HOUR",
            min=0,
            max=23,
            help="Local hour that the best one is held against.",
        ),
    ] = CONFIGURED_HOUR,
    out: Annotated[
        Path | None,
        out_file("Picture: .png, .svg or .pdf."),
    ] = None,
    campaign: Annotated[
        str | None,
        typer.Option(
            "--campaign",
            metavar="ID",
            help="Say instead whether and when this campaign reaches the user, or why not.",
        ),
    ] = None,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Say why a user's best time is what it is.

    What it rests on, how much of it is the user's own, and whether the gain is proven. With --json
    every figure, and the whole week.
    """
    if out is not None and out.suffix not in _PICTURES:
        raise InvalidInput(
            f"{out.name} names no kind of picture",
            code="picture_unknown",
            field="--out",
            expected=", ".join(_PICTURES),
        )
    work = open_known_work(home, tenant)
    if campaign is not None:
        reach = work.campaigns.reach(CampaignId(campaign), UserId(user))
        if as_json:
            print_json(reach)
        else:
            stdout.print("\n".join(reach.text))
        return
    with progress("explaining"):
        told = work.explanations.user(UserId(user), configured_hour=configured_hour)
        if out is not None:
            answers.picture.write(told, out)
    if as_json:
        print_json({**as_json_object(told), "out": None if out is None else str(out)})
        return
    for sentence in told.text:
        stdout.print(sentence)
    if out is not None:
        stdout.print(f"Picture in {out}")
