"""The options that every command shares, and how their texts are read."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from sendopt.app import App, open_app
from sendopt.errors import InvalidInput
from sendopt.records import EventType
from sendopt.settings import load_settings

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


#: What can count as an answer.
OUTCOMES = (EventType.OPEN, EventType.CLICK, EventType.RESPONSE)

_DURATION = re.compile(r"(\d+)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def open_home(home: Path | None) -> App:
    """Open the application over `home`, or over what the environment names."""
    return open_app(load_settings(home))


def parse_outcome(text: str) -> EventType:
    """Read what counts as an answer.

    Raises:
        InvalidInput: for anything but open, click or response.
    """
    if text not in OUTCOMES:
        raise InvalidInput(
            f"{text!r} is no outcome",
            code="outcome_unknown",
            field="--outcome",
            expected=", ".join(OUTCOMES),
        )
    return EventType(text)


def read_input(path: Path) -> bytes:
    """Return the bytes of a file that the user named.

    Raises:
        InvalidInput: `file_missing`.
    """
    if not path.is_file():
        raise InvalidInput(f"there is no file {path}", code="file_missing")
    return path.read_bytes()


def parse_duration(text: str) -> timedelta:
    """Read a duration such as `30m`.

    >>> parse_duration("90s")
    datetime.timedelta(seconds=90)

    Raises:
        InvalidInput: for anything but a whole positive number followed by s, m, h or d.
    """
    match = _DURATION.fullmatch(text)
    if not match or int(match[1]) == 0:
        raise InvalidInput(
            f"{text!r} is no duration",
            code="duration_invalid",
            expected="a whole number with s, m, h or d, such as 30m",
        )
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
