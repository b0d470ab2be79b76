"""`sendopt devices`: where messages can reach users."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sendopt.cli.importing import (
    Delimiter,
    Ignored,
    Nulls,
    Rejections,
    import_bodies,
    read_options,
)
from sendopt.cli.options import AsJson, Home, Tenant, open_known_work, open_work
from sendopt.cli.output import print_json, print_rest, print_table, shown
from sendopt.records import UserId

_FIELDS = """\
A file looks like this:

\b
user_id,channel,timezone,platform
ann,simulator,Europe/Vienna,ios
\b
Fields:   user_id, channel, device_id, platform, timezone, address,
          consent; of the address also address.endpoint,
          address.keys.p256dh, address.keys.auth, address.url,
          address.secret; of consent consent.given, consent.source,
          consent.at, consent.channel, consent.message_type.
\b
A line of JSON is a body of POST /v1/devices. docs/devices.md describes
every field; it stands in the folder docs of the project.
"""


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    devices = typer.Typer(help="Where messages can reach users.", no_args_is_help=True)
    devices.command("import", epilog=_FIELDS)(import_devices)
    devices.command("list")(list_devices)
    commands.add_typer(devices, name="devices")


def import_devices(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Parquet, CSV or JSON Lines files of devices, or folders."
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
    """Register devices, as one by one over REST; again it changes nothing.

    A bad row never stops the import and never vanishes; an opt-out in it counts all the same. Exit
    status: 0, or 2 if more than half of a file's rows were refused; the others are stored.
    """
    options = read_options(delimiter, null, ignore_column)
    import_bodies(
        open_work(home, tenant).devices.import_files,
        files,
        options=options,
        rejections=rejections,
        as_json=as_json,
        without="the device is registered without it",
    )


def list_devices(
    user: Annotated[
        str | None, typer.Option("--user", metavar="ID", help="Only this user's.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=10_000, help="At most so many.")
    ] = 100,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Show devices by id, without their addresses."""
    user_id = None if user is None else UserId(user)
    page = open_known_work(home, tenant).devices.page(user_id=user_id, limit=limit)
    if as_json:
        print_json({"tenant_id": tenant, "devices": page.items, "damaged": page.damaged})
        return
    print_table(
        f"Devices of {tenant}",
        ["device", "user", "channel", "platform", "zone", "dead since"],
        [
            (
                each.device_id,
                each.user_id,
                each.channel,
                each.platform,
                each.timezone,
                None if each.dead_at is None else f"{each.dead_at:%Y-%m-%d}",
            )
            for each in page.items
        ],
        empty="none; `sendopt devices import FILE` registers them, or POST /v1/devices"
        if user is None
        else f"{shown(user)} has none; without --user all are listed",
    )
    print_rest(page.damaged, more_than=None if page.behind is None else limit)
