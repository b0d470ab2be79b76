"""Regenerate the reference pages: commands, settings and the REST API, from the code itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from pydantic import BaseModel

from sendopt.api import create_api, write_openapi
from sendopt.app import App
from sendopt.clock import SystemClock
from sendopt.settings import Settings

REFERENCE = Path(__file__).parent / "reference"
COMMANDS = (
    "ingest", "train", "score", "backtest", "plan", "run", "serve", "dispatch", "append",
    "bill statement", "bill close", "bill rate-card", "verify", "demo", "settings",
    "tenant create", "key issue", "key revoke",
)  # fmt: skip


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
    for command in ("", *COMMANDS):
        shown = subprocess.run(
            [Path(sys.executable).with_name("sendopt"), *command.split(), "--help"],
            env={**os.environ, "COLUMNS": "96"},
            capture_output=True,
            text=True,
            check=True,
        )
        text = "\n".join(line.rstrip() for line in shown.stdout.strip().splitlines())
        pages.append(f"## sendopt {command}".rstrip() + f"\n\n```\n{text}\n```\n")
    return "\n".join(pages)


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
