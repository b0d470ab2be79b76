"""Regenerate the pages that say what the code says: the reference, and the index of decisions."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from sqlalchemy import UniqueConstraint

from sendopt.api import create_api, write_openapi
from sendopt.app import App
from sendopt.cli.main import commands as program
from sendopt.clock import SystemClock
from sendopt.records import NEXT_STATES, EndReason, SendState
from sendopt.settings import Settings
from sendopt.state import tables

REFERENCE = Path(__file__).parent / "reference"
DECISIONS = Path(__file__).parent / "decisions"
WIDTH = 78  # of a help text in a terminal of 80 columns or more


def main() -> None:
    """Write every page."""
    REFERENCE.mkdir(exist_ok=True)
    (REFERENCE / "commands.md").write_text(commands())
    (REFERENCE / "settings.md").write_text(settings())
    (REFERENCE / "send-states.md").write_text(send_states())
    (REFERENCE / "data-model.md").write_text(data_model())
    (DECISIONS / "README.md").write_text(decisions())
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


def send_states() -> str:
    """Return the states of a send, from which to which it goes, and every reason of an end."""
    meaning = _remarks(inspect.getsource(SendState))
    page = ["# The states of a send\n\nGenerated from `sendopt/records/` by `make docs`.\n"]
    page += ["```mermaid\nstateDiagram-v2", "    [*] --> planned", "    [*] --> suppressed"]
    for state, following in NEXT_STATES.items():
        page += [f"    {state} --> {after}" for after in SendState if after in following]
        page += [] if following else [f"    {state} --> [*]"]
    page += ["```\n", "| state | means |", "|---|---|"]
    page += [f"| `{state}` | {meaning[f'{state.name} = ']} |" for state in SendState]
    page += [
        "\nA send that has ended stays as it is; one that was never claimed can be planned anew by",
        "a revision of its campaign. Each has one reason, and its reason one state:\n",
    ]
    page += ["| state | reason | means |", "|---|---|---|"]
    page += [f"| `{reason.state}` | `{reason}` | {reason.meaning} |" for reason in EndReason]
    return "\n".join(page) + "\n"


def data_model() -> str:
    """Return every table of the state: what a row is, its columns and its keys."""
    files = sorted(Path(tables.__file__).parent.glob("tables*.py"))
    source = "\n".join(file.read_text("utf-8") for file in files)
    page = [
        "# The tables of the state\n\nGenerated from `sendopt/state/tables*.py` by `make docs`.",
        "The same on SQLite and PostgreSQL. Instants are microseconds since 1970, in UTC.",
    ]
    for table in tables.metadata.tables.values():
        text = re.search(
            rf"^{table.name} = sa\.Table\(  # ([^\n]+)\n(.+?)^\)", source, re.DOTALL | re.MULTILINE
        )
        if text is None:
            raise SystemExit(f"sendopt/state/tables*.py: say beside `{table.name}` what a row is")
        remarks = _remarks(text[2])
        page += [
            f"\n## {table.name}\n\nA row is {text[1]}.\n",
            "| column | type | | |",
            "|---|---|---|---|",
        ]
        for column in table.columns:
            facts = ["key"] * column.primary_key + ["null"] * bool(column.nullable)
            remark = remarks.get(f'sa.Column("{column.name}"', "")
            kind = type(column.type).__name__.lower()
            page.append(f"| `{column.name}` | {kind} | {', '.join(facts)} | {remark} |")
        page += [f"\n{line}" for line in _keys(table)]
    return "\n".join(page) + "\n"


def _keys(table: Any) -> Iterator[str]:
    """Yield in words what is unique in a table beside its key, and what its rows point to."""
    for key in sorted(table.foreign_keys, key=lambda key: key.target_fullname):
        yield f"`{key.parent.name}` is a `{key.target_fullname}`."
    unique = [each.columns for each in table.constraints if isinstance(each, UniqueConstraint)]
    unique += [each.columns for each in table.indexes if each.unique]
    for names in sorted(", ".join(f"`{column.name}`" for column in columns) for columns in unique):
        yield f"Unique: {names}."


def decisions() -> str:
    """Return the index of the decisions, by their titles."""
    page = [
        "# Decisions\n",
        "Generated from the titles by `make docs`. Each says why, and what else was tried.\n",
    ]
    for path in sorted(DECISIONS.glob("[0-9]*.md")):
        number, _, title = (
            path.read_text("utf-8").partition("\n")[0].removeprefix("# ").partition(". ")
        )
        page.append(f"{number}. [{title}]({path.name})")
    return "\n".join(page) + "\n"


def _remarks(source: str) -> dict[str, str]:
    """Return the remark behind each line of `source` that has one, by how the line begins.

    It begins with what stands before the first comma or after the first equals sign and blank.
    """
    found = {}
    for line in source.splitlines():
        code, _, remark = line.strip().partition("  # ")
        start = re.match(r"\w+ = |[^,]+", code)
        if remark and start:
            found[start[0]] = remark
    return found


if __name__ == "__main__":
    main()
