"""The options that every command shares, and how their texts are read."""

from __future__ import annotations

import getpass
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import sendopt.app
from sendopt.app import outcomes
from sendopt.clock import parse_duration
from sendopt.errors import InvalidInput
from sendopt.records import COMMAND_LINE, EventType, TenantId

if TYPE_CHECKING:
    from sendopt.app import App
    from sendopt.app.operator import Operator
    from sendopt.app.work import Work

Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        help="Folder that holds everything: log, state, models, secrets. "
        "[default: $SENDOPT_HOME or ./sendopt-home]",
        show_default=False,
    ),
]
Tenant = Annotated[
    str, typer.Option("--tenant", metavar="NAME", help="Whose data: every row belongs to a tenant.")
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object on stdout; progress stays on stderr."),
]
UserArgument = Annotated[str, typer.Argument(metavar="USER", help="Your own id of the user.")]
CampaignName = Annotated[
    str, typer.Argument(metavar="CAMPAIGN_ID", help="As `sendopt campaign list` shows it.")
]


def open_home(home: Path | None) -> App:
    """Open the application over `home`, or over what the environment names."""
    sendopt.app.configure_logging()
    return sendopt.app.open_app(sendopt.app.load_settings(home))


def open_known_home(home: Path | None) -> App:
    """Open the application over a home that was begun before, for what only asks.

    Raises:
        NotFound: `home_unknown`.
    """
    sendopt.app.require_home(sendopt.app.load_settings(home))
    return open_home(home)


def open_home_to_serve(home: Path | None) -> App:
    """Open everything for a service, in a home that was begun before or in an empty folder.

    Raises:
        NotFound: `home_unknown`.
    """
    sendopt.app.require_home(sendopt.app.load_settings(home), fresh_will_do=True)
    sendopt.app.log_in_background()
    return open_home(home)


def open_work(home: Path | None, tenant: str) -> Work:
    """Open what the tenant's owner can do, over a home that is begun if it was not there.

    Raises:
        NotFound: `tenant_unknown`.
    """
    return open_home(home).as_owner_of(TenantId(tenant), actor=who_asks())


def open_known_work(home: Path | None, tenant: str) -> Work:
    """Open what the tenant's owner can do, over a home that was begun before.

    Raises:
        NotFound: `home_unknown`, `tenant_unknown`.
    """
    return open_known_home(home).as_owner_of(TenantId(tenant), actor=who_asks())


def open_operator(home: Path | None) -> Operator:
    """Open what is over tenants, over a home that was begun before.

    Raises:
        NotFound: `home_unknown`.
    """
    return open_known_home(home).as_operator(actor=who_asks())


def who_asks() -> str:
    """Return whom the machine knows at the command line."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container the user often has no name
        return COMMAND_LINE


def parse_outcome(text: str) -> EventType:
    """Read `--outcome`.

    Raises:
        InvalidInput: `outcome_unknown`.
    """
    return outcomes.parse_outcome(text, field="--outcome")


def out_file(help_text: str) -> Any:
    """Return the option `--out`; what could not be written is refused before any work is done."""
    return typer.Option("--out", metavar="FILE", help=help_text, callback=_out)


def _out(path: Path | None) -> Path | None:
    return writable(path, field="--out")


def writable(path: Path | None, *, field: str) -> Path | None:
    """Return a file that can be written, or none.

    Raises:
        InvalidInput: `file_unwritable`.
    """
    if path is not None and (
        path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK)
    ):
        raise InvalidInput(
            f"{path} cannot be written",
            code="file_unwritable",
            field=field,
            expected="a file in a folder that is there and that you may write to",
        )
    return path


def parse_window(text: str) -> timedelta:
    """Read `--open-window`, within which an answer counts.

    Raises:
        InvalidInput: `duration_invalid`; `window_too_long`, beyond what models are asked about.
    """
    window = parse_duration(text, field="--open-window")
    sendopt.app.check_window(window, field="--open-window")
    return window
