"""`sendopt limits`: within what a tenant sends, over all its campaigns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import sendopt.app
from sendopt.cli.options import AsJson, Home, Tenant, open_known_work
from sendopt.cli.output import minute, print_json, print_table, stderr, stdout

if TYPE_CHECKING:
    from sendopt.app.limits import LimitsStatus

_EPILOG = """\
A file looks like this:

\b
{
  "caps": [
    {"at_most": 2, "within": "24h"},
    {"at_most": 1, "within": "7d", "message_type": "promotion"}
  ],
  "least_gap": "4h",
  "weekly_budget": 4,
  "capacities": [{"per_minute": 600, "channel": "webhook"}],
  "message_cost": 0.01,
  "no_send_share": 0.02,
  "legal_hours": true
}

What is left out is no limit; the last two must be said. docs/limits.md describes them.
"""


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    limits = typer.Typer(
        help="Within what is sent over all campaigns: caps, gaps, budgets, capacity.",
        no_args_is_help=True,
    )
    limits.command("show")(show_limits)
    limits.command("set", epilog=_EPILOG)(set_limits)
    commands.add_typer(limits, name="limits")


def show_limits(
    version: Annotated[
        int | None,
        typer.Option(
            "--version",
            metavar="N",
            min=1,
            help="Those that held as this version. [default: those that hold]",
            show_default=False,
        ),
    ] = None,
    document: Annotated[
        bool,
        typer.Option("--document", help="Print them as they can be edited and set again."),
    ] = False,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Show the limits over all campaigns."""
    status = open_known_work(home, tenant).limits.get(version=version)
    if document:
        print_json(status.limits)
    else:
        _show(status, as_json=as_json)


def set_limits(
    file: Annotated[
        Path, typer.Argument(metavar="LIMITS.json", help="All limits over campaigns, as JSON.")
    ],
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Set the limits over all campaigns, in place of all that held before.

    They hold for whatever is planned from then on.
    """
    document = sendopt.app.read_json(file, field="LIMITS.json")
    _show(open_known_work(home, tenant).limits.put(document), as_json=as_json)


def _show(status: LimitsStatus, *, as_json: bool) -> None:
    if as_json:
        print_json(status)
        return
    for each in status.redundant:
        stderr.print(f"{each.field}: {each.message}")
    for law in status.past_review:
        stderr.print(
            f"to be looked at again since {law.review_by}: {law.what} ({law.source}); a newer "
            "release may know more"
        )
    if status.since is None:
        stdout.print("no limits were ever said; `sendopt limits set LIMITS.json` does")
        return
    print_table(
        f"Limits, version {status.version}, since {minute(status.since)}",
        ["limit", "is"],
        [(name, _cell(value)) for name, value in status.limits.items()],
    )


def _cell(value: object) -> str | None:
    """Return a field of the document as a table shows it; None = it is no limit."""
    if isinstance(value, list):
        return (
            "; ".join(
                ", ".join(f"{name} {said}" for name, said in each.items() if said is not None)
                for each in value
            )
            or None
        )
    return None if value is None else json.dumps(value).strip('"')
