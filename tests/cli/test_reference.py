"""Help, and the reference pages that are generated from it: complete, and what the program says."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"
COMMANDS = (
    "ingest", "train", "score", "backtest", "plan", "send", "run", "serve", "dispatch", "append",
    "effect hour", "effect sending",
    "explain", "lift", "bill statement", "bill close", "bill rate-card", "verify", "demo",
    "settings", "backup", "backups", "restore", "hold", "resume",
    "models compare", "models list", "models rollback", "models ui", "models show", "drift",
    "log scrub", "tenant create", "tenant list", "key issue", "key rotate", "key list",
    "key revoke", "role put", "role list", "role delete", "audit list",
    "campaign list", "campaign show", "campaign results", "campaign preview", "campaign commit",
    "campaign pause", "campaign resume", "limits show", "limits set",
    "devices import", "devices list", "users import", "users show", "users export",
    "users erase", "users erasure", "users readmit", "users consent show", "users consent set",
    "users preferences show", "users preferences set",
    "campaign replay", "campaign revise", "campaign cancel",
    "series put", "series list", "series show", "series dates", "series pause", "series resume",
    "series revise", "series cancel",
    "export sends", "export users", "export devices", "export results", "export statement",
    "operator key issue", "operator key list", "operator key revoke",
)  # fmt: skip


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """`docs/build.py`, which is a script and no part of the package."""
    spec = spec_from_file_location("docs_build", DOCS / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def help_texts(build: ModuleType) -> dict[str, str]:
    return dict(build.help_texts())


@pytest.mark.parametrize("page", ["commands", "settings", "send_states", "data_model"])
def test_the_reference_is_what_the_program_says(build: ModuleType, page: str) -> None:
    written = (DOCS / "reference" / f"{page.replace('_', '-')}.md").read_text()
    assert written == getattr(build, page)(), "run `make docs`"


def test_the_index_of_decisions_names_them_all(build: ModuleType) -> None:
    index = (DOCS / "decisions" / "README.md").read_text()
    assert index == build.decisions(), "run `make docs`"
    for path in (DOCS / "decisions").glob("0*.md"):
        assert f"({path.name})" in index


def test_a_terminal_shows_what_the_reference_says(help_texts: dict[str, str]) -> None:
    shown = subprocess.run(
        [Path(sys.executable).with_name("sendopt"), "bill", "statement", "--help"],
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.rstrip() for line in shown.stdout.strip().splitlines()]
    assert lines == help_texts["sendopt bill statement"].splitlines()


def test_help_lists_every_command(help_texts: dict[str, str]) -> None:
    words = [command.split() for command in COMMANDS]
    groups = {" ".join(each[:depth]) for each in words for depth in range(1, len(each))}
    assert set(help_texts) == {"sendopt", *(f"sendopt {each}" for each in (*COMMANDS, *groups))}
    for command in COMMANDS:
        *group, name = command.split()
        assert f"  {name} " in help_texts[" ".join(["sendopt", *group])]


def test_every_command_explains_itself_and_its_options(help_texts: dict[str, str]) -> None:
    for name, text in help_texts.items():
        usage, _, explained, *rest = text.splitlines()
        assert usage.startswith(f"Usage: {name}")
        assert len(explained.split()) >= 3, name
        options = [line.split() for line in rest if line.startswith("  --")]
        assert options
        for option in options:
            words = option[2:] if option[1:] and option[1].startswith("<") else option[1:]
            assert words, (name, option)
            assert not words[0].startswith("["), (name, option)
