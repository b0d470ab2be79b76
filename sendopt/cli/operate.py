"""`sendopt verify`, `settings`, `tenant`, `key` and `demo`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sendopt.cli.model import show_training
from sendopt.cli.options import AsJson, Home, Tenant, open_home
from sendopt.cli.output import print_json, print_table, progress, stdout
from sendopt.records import TenantId
from sendopt.settings import load_settings

if TYPE_CHECKING:
    from sendopt.demo import Result


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
    app = open_home(home)
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
    from sendopt.demo import run_demo  # noqa: PLC0415 - drawing costs every command 0.4 s

    with progress("demo") as show:
        result = run_demo(home, progress=show)
    if as_json:
        print_json(result)
    else:
        _show_demo(result)


def settings(home: Home = None, as_json: AsJson = False) -> None:
    """Show the settings in force; secrets are masked."""
    effective = load_settings(home).effective()
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
    app = open_home(home)
    created = app.create_tenant(TenantId(name), timezone=timezone)
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
    key = open_home(home).issue_key(TenantId(tenant), name)
    if as_json:
        print_json({"tenant_id": tenant, "key": key})
    else:
        stdout.print(key)


def list_keys(home: Home = None, tenant: Tenant = "default", as_json: AsJson = False) -> None:
    """Show the tenant's keys, the oldest first; never their secrets."""
    keys = open_home(home).keys(TenantId(tenant))
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
    open_home(home).revoke_key(TenantId(tenant), key_id)
    stdout.print(f"{key_id}: revoked")


def _minute(instant: datetime | None) -> str | None:
    return None if instant is None else f"{instant:%Y-%m-%d %H:%M} UTC"


def _show_demo(result: Result) -> None:
    for tenant_id, tenant in result.tenants.items():
        stdout.print(f"\n{tenant_id}: {tenant.users} users, {tenant.events:,} events")
        show_training(tenant.training)
    print_table(
        f"\n{result.sends:,} sends, opened within half an hour ({result.evidence})",
        ["rule", "open rate", "sendopt minus this", "95 % interval"],
        [
            ("sendopt", result.open_rate, None, None),
            *(
                (name, rate, gain.mean, f"{gain.low:+.4f} to {gain.high:+.4f}")
                for name, rate, gain in (
                    (
                        "population-best hour",
                        result.open_rate_population_best,
                        result.minus_population_best,
                    ),
                    (
                        "most frequent hour",
                        result.open_rate_most_frequent,
                        result.minus_most_frequent,
                    ),
                    ("random time", result.open_rate_random, result.minus_random),
                )
            ),
        ],
    )
    ends = ("delivered", "failed", "expired", "suppressed", "cancelled")
    stdout.print(
        f"{result.sends:,} sends = "
        + " + ".join(f"{getattr(result, end):,} {end}" for end in ends)
        + f"; {result.answers:,} answered, {result.opens:,} of them within half an hour"
    )
    stdout.print(
        f"Bill: {result.billable:,} clicks and responses, "
        f"{result.statement_total_minor / 100:,.2f} {result.currency}; "
        f"sendopt verify found {len(result.findings) or 'nothing'} broken"
    )
    stdout.print(f"Picture: {result.picture}\nLook around: sendopt verify --home {result.home}")
