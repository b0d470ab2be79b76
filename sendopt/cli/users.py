"""`sendopt users`: what is known of users, and what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sendopt.cli import consent
from sendopt.cli.importing import (
    Delimiter,
    Ignored,
    Nulls,
    Rejections,
    import_bodies,
    read_options,
)
from sendopt.cli.options import (
    AsJson,
    Home,
    Tenant,
    UserArgument,
    open_known_home,
    open_known_work,
    open_work,
    who_asks,
)
from sendopt.cli.output import minute, print_json, print_table, progress, stdout
from sendopt.records import ErasureReceipt, TenantId, UserId

_FIELDS = """\
A file looks like this:

\b
user_id,timezone,consent.given,consent.source,consent.at
ann,Europe/Vienna,,,
bob,,false,letter,2026-09-01T16:00:00Z
\b
Fields:   user_id, timezone (empty = as it is), consent.given,
          consent.source, consent.at, consent.channel,
          consent.message_type.
\b
In JSON Lines null forgets a zone. docs/consent.md and docs/devices.md
describe every field; both stand in the folder docs of the project.
"""


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    users = typer.Typer(help="What is known of users, and what they say.", no_args_is_help=True)
    users.command("import", epilog=_FIELDS)(import_users)
    users.command("show")(show_user)
    users.command("export")(export_user)
    users.command("erase")(erase_user)
    users.command("erasure")(show_erasure)
    users.command("readmit")(readmit_user)
    consent.register(users)
    commands.add_typer(users, name="users")


def import_users(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Parquet, CSV or JSON Lines files of users, or folders."
        ),
    ],
    home: Home = None,
    tenant: Tenant = "default",
    delimiter: Delimiter = None,
    null: Nulls = None,
    ignore_column: Ignored = None,
    rejections: Rejections = None,
    as_json: AsJson = False,
) -> None:
    """Store zones and consent of users, as one by one over REST; again it changes nothing.

    A bad row never stops the import and never vanishes; an opt-out in it counts all the same. Exit
    status: 0, or 2 if more than half of a file's rows were refused; the others are stored.
    """
    options = read_options(delimiter, null, ignore_column)
    import_bodies(
        open_work(home, tenant).users.import_files,
        files,
        options=options,
        rejections=rejections,
        as_json=as_json,
        without="the row counts without it",
    )


def show_user(
    user: UserArgument,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Show a user's zone, consent, preferences and devices."""
    work = open_known_work(home, tenant)
    user_id = UserId(user)
    profile, history = work.users.get(user_id), work.users.consent(user_id)
    wanted = work.users.preferences(user_id)
    devices = work.devices.page(user_id=user_id, limit=100).items
    if as_json:
        print_json(
            {
                "user_id": user,
                "timezone": profile.timezone,
                "opted_out_at": profile.opted_out_at,
                "statements": history.statements,
                "preferences": consent.preferences_as_json(wanted),
                "devices": devices,
            }
        )
        return
    print_table(
        f"User {user}",
        ["what", "is"],
        [
            ("zone", profile.timezone),
            ("opted out", minute(profile.opted_out_at)),
            *consent.preference_rows(wanted),
            ("devices", ", ".join(each.device_id for each in devices) or None),
        ],
    )
    consent.print_statements(history.statements)


def export_user(user: UserArgument, home: Home = None, tenant: Tenant = "default") -> None:
    """Print everything that any store holds about a user, as JSON."""
    print_json(open_known_work(home, tenant).users.export(UserId(user)))


def erase_user(
    user: UserArgument,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Erase a user from every store, for good, and print the receipt.

    What counts for statements and results is kept under a pseudonym that nobody can lead back.
    Where a message is being handed over at this moment, the service finishes it.
    """
    app = open_known_home(home)
    users = app.as_owner_of(TenantId(tenant), actor=who_asks()).users
    begun = users.erase(UserId(user))
    with progress("erasing") as show:
        app.rounds.erase(progress=lambda: show("one more step is done"))
    receipt = users.erasure(begun.erasure_id)
    _show_receipt(receipt, as_json=as_json)


def show_erasure(
    erasure_id: Annotated[
        str,
        typer.Argument(
            metavar="ERASURE_ID", help="As `users erase`, or DELETE /v1/users/USER, has told it."
        ),
    ],
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Show how far an erasure is, and what it came to."""
    receipt = open_known_work(home, tenant).users.erasure(erasure_id)
    _show_receipt(receipt, as_json=as_json)


def readmit_user(user: UserArgument, home: Home = None, tenant: Tenant = "default") -> None:
    """Take a user again who was erased and wants to come back, as somebody unknown."""
    open_known_work(home, tenant).users.readmit(UserId(user))
    stdout.print("taken again from now on")


def _show_receipt(receipt: ErasureReceipt, *, as_json: bool) -> None:
    if as_json:
        print_json(receipt)
        return
    done = "under way" if receipt.done_at is None else f"done {receipt.done_at:%Y-%m-%d %H:%M} UTC"
    print_table(
        f"Erasure {receipt.erasure_id}, {done}",
        ["what", "how many"],
        [(name.replace("_", " "), f"{count:,}") for name, count in receipt.counts.items()],
    )
