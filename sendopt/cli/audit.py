"""`sendopt audit`: who changed what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from sendopt.cli.options import AsJson, Home, Tenant, open_known_work, open_operator
from sendopt.cli.output import print_json, print_rest, print_table
from sendopt.clock import parse_instant
from sendopt.records import AuditFilter, AuditRecord


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    audit = typer.Typer(help="Who changed what.", no_args_is_help=True)
    audit.command("list")(list_records)
    commands.add_typer(audit, name="audit")


def list_records(
    actor: Annotated[
        str | None, typer.Option("--actor", metavar="NAME", help="Only by this one.")
    ] = None,
    action: Annotated[
        str | None, typer.Option("--action", metavar="ACTION", help="Only this, as key:issue.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", metavar="ID", help="Only of what has this id.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Only then or later.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Only before.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="At most so many.")
    ] = 100,
    operators: Annotated[
        bool, typer.Option("--operators", help="What operators did, instead of a tenant's.")
    ] = False,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Show who changed what, the newest first."""
    wanted = AuditFilter(
        actor=actor,
        action=action,
        target=target,
        since=None if since is None else parse_instant(since, field="--since"),
        until=None if until is None else parse_instant(until, field="--until"),
    )
    if operators:
        page = open_operator(home).audit(wanted, limit=limit)
    else:
        page = open_known_work(home, tenant).audit.page(wanted, limit=limit)
    if as_json:
        whose = None if operators else tenant
        print_json({"tenant_id": whose, "records": page.items, "damaged": page.damaged})
        return
    print_table(
        "Changes by operators" if operators else f"Changes of {tenant}",
        ["when", "who", "from", "what", "of", "change"],
        [_line(each) for each in page.items],
        empty="none that was asked for; every change of keys, roles, campaigns, models, prices and "
        "statements is listed by `sendopt audit list`",
    )
    print_rest(page.damaged, more_than=None if page.behind is None else limit)


def _line(record: AuditRecord) -> tuple[str, ...]:
    return (
        f"{record.at:%Y-%m-%d %H:%M:%S}",
        record.actor,
        record.origin.place,
        record.action,
        record.target,
        " → ".join(_in_words(each) for each in (record.before, record.after) if each is not None),
    )


def _in_words(told: Mapping[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False)
