"""Regenerate the reference pages: commands, settings and the REST API, from the code itself."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel

from sendopt.api import create_api, write_openapi
from sendopt.app import App
from sendopt.cli.main import commands as program
from sendopt.clock import SystemClock
from sendopt.settings import Settings

REFERENCE = Path(__file__).parent / "reference"
WIDTH = 78  # of a help text in a terminal of 80 columns or more


def main() -> None:
    """Write every page."""
    REFERENCE.mkdir(exist_ok=True)
    (REFERENCE / "commands.md").write_text(commands())
    (REFERENCE / "settings.md").write_text(settings())
    # An application that opens nothing: only the shape of its API is asked.
    api = create_api(App(Settings(), SystemClock(), os.urandom))
    write_openapi(api, REFERENCE / "openapi.json")


def commands() -> str:
    """Return every command's help."""
    pages = ["# Commands\n\nGenerated from the program by `make docs`.\n"]
    for name, text in help_texts():
        pages.append(f"## {name}\n\n```\n{text}\n```\n")
    return "\n".join(pages)


def help_texts() -> Iterator[tuple[str, str]]:
    """Yield the name and the help of the program, of each command and of each group of commands."""
    return _help_texts(typer.main.get_command(program), "sendopt", None)


def _help_texts(command: Any, name: str, parent: Any) -> Iterator[tuple[str, str]]:
    context = command.context_class(
        command, info_name=name.rpartition(" ")[2], parent=parent, terminal_width=WIDTH
    )
    lines = command.get_help(context).strip().splitlines()
    yield name, "\n".join(line.rstrip() for line in lines)
    for inner, inner_command in getattr(command, "commands", {}).items():
        yield from _help_texts(inner_command, f"{name} {inner}", context)


def settings() -> str:
    """Return every setting with its variable and default."""
    rows = ["# Settings\n\nGenerated from `sendopt/settings.py` by `make docs`.\n"]
    rows += ["| variable | default |", "|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, BaseModel):
            rows += [
                f"| `SENDOPT_{name}__{inner}`".upper() + f" | `{value}` |"
                for inner, value in json.loads(default.model_dump_json()).items()
            ]
        else:
            rows.append(f"| `SENDOPT_{name}`".upper() + f" | `{default}` |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main()
