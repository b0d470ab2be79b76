"""`sendopt effect hour` and `sendopt effect sending`."""

from __future__ import annotations

from typing import Annotated

import typer

from sendopt.app.defaults import ANSWER_WINDOW
from sendopt.cli import answers
from sendopt.cli.options import AsJson, Home, Tenant, open_known_work, parse_outcome
from sendopt.cli.output import print_json
from sendopt.clock import EARLIEST_AT, parse_duration, parse_instant

_HOURS = ANSWER_WINDOW.total_seconds() // 3600

effect = typer.Typer(
    no_args_is_help=True, help="What an hour does, and what sending does: by chance alone."
)

Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="INSTANT",
        help="Only from then on, such as 2026-10-01T00:00:00Z. [default: all]",
        show_default=False,
    ),
]


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    commands.add_typer(effect, name="effect")


@effect.command()
def hour(
    since: Since = None,
    window: Annotated[
        str | None,
        typer.Option(
            "--window",
            metavar="TIME",
            help="An answer counts within this time. [default: the open window of the settings]",
            show_default=False,
        ),
    ] = None,
    outcome: Annotated[
        str,
        typer.Option(
            "--outcome", metavar="KIND", help="What counts as an answer: open, click or response."
        ),
    ] = "open",
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Compare the local hours of sends whose times were drawn at random, with known chances.

    The intervals hold for all hours together, at this one look.
    """
    found = open_known_work(home, tenant).results.effect_of_hour(
        since=EARLIEST_AT if since is None else parse_instant(since, field="--since"),
        outcome=parse_outcome(outcome),
        window=None if window is None else parse_duration(window, field="--window"),
    )
    if as_json:
        print_json(found)
    else:
        answers.effect.show_hours(found)


@effect.command()
def sending(
    since: Since = None,
    window: Annotated[
        str,
        typer.Option("--window", metavar="TIME", help="From the time of the message on."),
    ] = f"{_HOURS:.0f}h",
    outcome: Annotated[
        str,
        typer.Option(
            "--outcome",
            metavar="KIND",
            help="What can happen without a message too: session or opt_out.",
        ),
    ] = "session",
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="Only events whose attribute `name` it is, such as purchase. [default: all]",
            show_default=False,
        ),
    ] = None,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Compare messages that were sent with those that were kept back by chance.

    The interval is of this one look.
    """
    from sendopt.app.effects import parse_outcome_of_sending  # noqa: PLC0415 - as in `start_up`

    found = open_known_work(home, tenant).results.effect_of_sending(
        since=None if since is None else parse_instant(since, field="--since"),
        outcome=parse_outcome_of_sending(outcome, field="--outcome"),
        name=name,
        window=parse_duration(window, field="--window"),
    )
    if as_json:
        print_json(found)
    else:
        answers.effect.show_sending(found)
