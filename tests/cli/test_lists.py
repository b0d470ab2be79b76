"""Lists at the command line: one of nothing says so, and what to do next; a longer one, that."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from sendopt.cli.main import commands

Ended = Callable[..., tuple[int, str, str]]

#: What every home has: a tenant, and its roles.
_NEVER_EMPTY = {"tenant list", "role list"}


def lists(command: Any = None, name: str = "") -> Iterator[str]:
    """Yield every command that lists something."""
    command = typer.main.get_command(commands) if command is None else command
    for inner, each in getattr(command, "commands", {}).items():
        if inner == "list":
            yield f"{name} {inner}".strip()
        yield from lists(each, f"{name} {inner}".strip())


@pytest.mark.parametrize("command", sorted({*lists()} - _NEVER_EMPTY))
def test_a_list_of_nothing_says_what_to_do_next(ended: Ended, command: str) -> None:
    status, out, err = ended(*command.split())
    assert status == 0, err
    assert re.fullmatch(r"[^\n]+: none\b[^\n]*`sendopt [^\n]+`[^\n]*\n", out), out


def test_a_filter_that_leaves_nothing_is_named(ended: Ended, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "d.csv"
    file.write_text("user_id,channel\nann,simulator\nbob,simulator\n")
    ended("devices", "import", str(file))
    assert "cat has none; without --user" in ended("devices", "list", "--user", "cat")[1]
    assert "none is paused; without --phase" in ended("campaign", "list", "--phase", "paused")[1]


def test_a_list_that_is_cut_says_so(ended: Ended, tmp_path: Path) -> None:
    file = tmp_path / "d.csv"
    file.write_text("user_id,channel\nann,simulator\nbob,simulator\n")
    ended("devices", "import", str(file))
    campaign = json.loads(ended("plan", "--example")[1])
    for name in ("first", "second"):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(campaign | {"campaign_id": name}))
        assert ended("plan", str(path), "--draft")[0] == 0
    for command in ("devices list", "campaign list", "audit list"):
        told = "There are more than 1; --limit shows more of them"
        assert told in ended(*command.split(), "--limit", "1")[2], command
        assert told not in ended(*command.split())[2], command


def test_an_import_says_how_many_rows_were_refused_and_where_they_stand(
    ended: Ended, tmp_path: Path
) -> None:
    file, refused = tmp_path / "d.csv", tmp_path / "refused.csv"
    file.write_text("user_id,channel\nann,simulator\nbob,simulator\ncat,pigeon\n")
    err = ended("devices", "import", str(file))[2]
    assert "d.csv: 1 of 3 rows were refused; the first for each reason:" in err
    assert "--rejections FILE.csv writes where each refused row stands" in err
    err = ended("devices", "import", str(file), "--rejections", str(refused))[2]
    assert "refused.csv: 1 refused rows" in err
    assert "--rejections FILE.csv" not in err


def test_help_tells_how_a_campaign_is_tried_without_sending(ended: Ended) -> None:
    out = " ".join(ended("plan", "--help")[1].split())
    assert "On the channel `simulator`" in out
    assert "channel simulator" in ended("plan", "--example")[2]
