"""`sendopt bill`."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import sendopt.app
from sendopt.cli.options import (
    AsJson,
    Home,
    Tenant,
    open_known_work,
)
from sendopt.cli.output import print_json, print_table, stdout

if TYPE_CHECKING:
    from sendopt.bill import Statement

Period = Annotated[str, typer.Option("--period", help="A calendar month in UTC, such as 2026-10.")]

_EXAMPLE = """\
A rate card looks like this:

\b
{
  "currency": "EUR",
  "click_price_minor": "1.25",
  "response_price_minor": "2",
  "attribution_window_seconds": 86400,
  "effective_at": "2026-10-01T00:00:00Z"
}

Prices are text, in cents or the like; a click or response counts from its hand-over for as long as
the window. docs/how-we-count.md says what is counted.
"""


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    bill = typer.Typer(help="Rate cards, statements, and closing a period.", no_args_is_help=True)
    bill.command()(statement)
    bill.command()(close)
    bill.command("rate-card", epilog=_EXAMPLE)(rate_card)
    commands.add_typer(bill, name="bill")


def statement(
    period: Period, home: Home = None, tenant: Tenant = "default", as_json: AsJson = False
) -> None:
    """Show what a period costs.

    Gross, filtered by reason, net, charges.
    """
    work = open_known_work(home, tenant)
    issued = work.statements.get(period)
    _show(issued.statement, issued.closed_at, as_json=as_json)


def close(
    period: Period, home: Home = None, tenant: Tenant = "default", as_json: AsJson = False
) -> None:
    """Close a period for ever.

    What arrives later becomes a dated adjustment of an open one.
    """
    work = open_known_work(home, tenant)
    closing = work.statements.close(period)
    _show(closing.statement, closing.closed_at, as_json=as_json)


def rate_card(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The rate card as JSON.")],
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Set prices from a date on.

    Without a rate card nothing is ever charged.
    """
    work = open_known_work(home, tenant)
    card = work.statements.put_rate_card(sendopt.app.read_json(file, field="FILE"))
    if as_json:
        print_json(card)
    else:
        stdout.print(
            f"Rate card {card.version} is in force from {card.effective_at:%Y-%m-%d %H:%M} UTC"
        )


def _show(shown: Statement, closed_at: datetime | None, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "statement": json.loads(shown.document()),
                "closed_at": closed_at,
                "sha256": shown.sha256(),
            }
        )
        return
    print_table(
        f"{shown.tenant_id}, {shown.period}",
        ["what", "happened in", "gross", "filtered", "net", "price", "amount"],
        [
            (
                line.kind.value,
                line.occurred_in,
                line.gross,
                ", ".join(f"{count} {reason}" for reason, count in line.filtered.items()),
                line.net,
                line.note or line.unit_price_minor,
                line.amount_minor,
            )
            for line in shown.lines
        ],
        empty="no click or response was counted",
    )
    stdout.print(f"Total: {shown.total_minor:,} minor units of {shown.currency or 'no currency'}")
    if closed_at is None:
        stdout.print("Open: later clicks and responses are still added")
    else:
        stdout.print(f"Closed at {closed_at:%Y-%m-%d %H:%M} UTC; SHA-256 {shown.sha256()}")
