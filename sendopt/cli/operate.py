"""`sendopt verify`, `settings`, `tenant`, `key` and `demo`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

import sendopt.app
import sendopt.demo
from sendopt.cli import answers
from sendopt.cli.options import (
    AsJson,
    Home,
    Tenant,
    open_known_home,
    open_known_tenancy,
    open_tenancy,
)
from sendopt.cli.output import print_json, print_table, progress, stdout
from sendopt.records import TenantId


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    commands.command()(verify)
    commands.command()(demo)
    commands.command()(settings)
    tenant = typer.Typer(help="Whose data is whose.", no_args_is_help=True)
    tenant.command("create")(create_tenant)
    commands.add_typer(tenant, name="tenant")
    key = typer.Typer(help="Keys of the REST API.", no_args_is_help=True)
    key.command("issue")(issue_key)
    key.command("list")(list_keys)
    key.command("revoke")(revoke_key)
    commands.add_typer(key, name="key")


def verify(home: Home = None, as_json: AsJson = False) -> None:
    """Check every promise, over every store.

    Exit status 1 if anything is broken; every finding names the store, the rule and the row.
    """
    app = open_known_home(home)
    with progress("verifying") as show:
        report = app.verify(progress=show)
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


def create_tenant(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The tenant's id.")],
    timezone: Annotated[
        str,
        typer.Option(
            "--timezone", metavar="ZONE", help="IANA zone of users whose own zone is unknown."
        ),
    ] = "UTC",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Create a tenant."""
    created = open_tenancy(home).create_tenant(TenantId(name), timezone=timezone)
    if as_json:
        print_json({"tenant_id": name, "created": created})
    else:
        stdout.print(f"{name}: {'created' if created else 'was there already'}")


def issue_key(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What the key is for; shown in lists.")
    ],
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Make an API key. It is shown this once; only its hash is kept."""
    key = open_tenancy(home).issue_key(TenantId(tenant), name)
    if as_json:
        print_json({"tenant_id": tenant, "key": key})
    else:
        stdout.print(key)


def list_keys(home: Home = None, tenant: Tenant = "default", as_json: AsJson = False) -> None:
    """Show the tenant's keys, the oldest first; never their secrets."""
    keys = open_known_tenancy(home).keys(TenantId(tenant))
    if as_json:
        print_json({"tenant_id": tenant, "keys": keys})
        return
    print_table(
        f"Keys of {tenant}",
        ["key id", "name", "created", "revoked"],
        [(key.key_id, key.name, _minute(key.created_at), _minute(key.revoked_at)) for key in keys],
    )


def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID", help="The middle part of the key.")],
    home: Home = None,
    tenant: Tenant = "default",
) -> None:
    """Make a key useless from now on."""
    open_known_tenancy(home).revoke_key(TenantId(tenant), key_id)
    stdout.print(f"{key_id}: revoked")


def _minute(instant: datetime | None) -> str | None:
    return None if instant is None else f"{instant:%Y-%m-%d %H:%M} UTC"
