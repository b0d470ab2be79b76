"""`sendopt export`: whole lists and reports as files for spreadsheets and notebooks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sendopt.cli.options import AsJson, Home, Tenant, open_known_work, out_file
from sendopt.cli.output import print_json, progress, stdout
from sendopt.clock import parse_instant
from sendopt.errors import InvalidInput
from sendopt.records import CampaignId, SendState, UserId

if TYPE_CHECKING:
    from sendopt.app.table_files import Table

Out = Annotated[Path, out_file("Where to: .csv or .parquet.")]


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    export = typer.Typer(help="Lists and reports as CSV or Parquet.", no_args_is_help=True)
    export.command("sends")(sends)
    export.command("users")(users)
    export.command("devices")(devices)
    export.command("results")(results)
    export.command("statement")(statement)
    commands.add_typer(export, name="export")


def sends(
    out: Out,
    campaign: Annotated[
        str | None, typer.Option("--campaign", metavar="ID", help="Only this campaign's.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="Only this user's.")] = (
        None
    ),
    state: Annotated[
        list[SendState] | None, typer.Option("--state", metavar="STATE", help="Only these.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="REASON", help="Only with this reason.")
    ] = None,
    due_from: Annotated[
        str | None, typer.Option("--due-from", metavar="TIME", help="Only due then or later.")
    ] = None,
    due_until: Annotated[
        str | None, typer.Option("--due-until", metavar="TIME", help="Only due before.")
    ] = None,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Write the sends, by campaign and user."""
    from sendopt.app import exports  # noqa: PLC0415 - no other command waits for pyarrow
    from sendopt.state.send_list import SendFilter  # noqa: PLC0415

    chosen = SendFilter(
        campaign_id=None if campaign is None else CampaignId(campaign),
        user_id=None if user is None else UserId(user),
        states=frozenset(state or ()),
        reason=reason,
        due_from=None if due_from is None else parse_instant(due_from, field="--due-from"),
        due_until=None if due_until is None else parse_instant(due_until, field="--due-until"),
    )
    work = open_known_work(home, tenant)
    _write(lambda: exports.sends(work, chosen), out, as_json=as_json)


def users(out: Out, home: Home = None, tenant: Tenant = "default", as_json: AsJson = False) -> None:
    """Write the users by id; those that only events have named are not among them."""
    from sendopt.app import exports  # noqa: PLC0415

    work = open_known_work(home, tenant)
    _write(lambda: exports.users(work), out, as_json=as_json)


def devices(
    out: Out, home: Home = None, tenant: Tenant = "default", as_json: AsJson = False
) -> None:
    """Write the devices by id, without their addresses."""
    from sendopt.app import exports  # noqa: PLC0415

    work = open_known_work(home, tenant)
    _write(lambda: exports.devices(work), out, as_json=as_json)


def results(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's id.")],
    out: Out,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Write what came of a campaign: in total, and by variant, arm, local hour and channel."""
    from sendopt.app import exports  # noqa: PLC0415

    work = open_known_work(home, tenant)
    _write(lambda: exports.results(work, CampaignId(campaign)), out, as_json=as_json)


def statement(
    out: Out,
    period: Annotated[str, typer.Option("--period", metavar="YYYY-MM", help="A month in UTC.")],
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Write the lines of a month's statement."""
    from sendopt.app import exports  # noqa: PLC0415

    work = open_known_work(home, tenant)
    _write(lambda: exports.lines(work, period), out, as_json=as_json)


def _write(table: Callable[[], Table], out: Path, *, as_json: bool) -> None:
    from sendopt.app.table_files import Form, write  # noqa: PLC0415

    kinds = {f".{form}": form for form in Form}
    if out.suffix not in kinds:
        raise InvalidInput(
            f"{out.name} names no kind of table",
            code="table_unknown",
            field="--out",
            expected=", ".join(kinds),
        )
    with progress("exporting"):
        rows = write(table(), kinds[out.suffix], out)
    if as_json:
        print_json({"out": str(out), "rows": rows})
    else:
        stdout.print(f"{rows:,} rows in {out}")
