"""The walk in CONTRIBUTING names files that exist, and what is defined in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECTION = "## One user's events to a score"


def steps() -> list[tuple[str, str | None]]:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split(SECTION)[1].split("\n## ")[0]
    cells = re.findall(r"\| ([^|]+) \|$", text, re.MULTILINE)
    named = [re.findall(r"`([^`]+)`", cell) for cell in cells]
    return [(names[0], names[1] if len(names) > 1 else None) for names in named if names]


def test_the_walk_has_steps() -> None:
    assert len(steps()) > 10


@pytest.mark.parametrize(("path", "name"), steps())
def test_a_step_is_where_the_walk_says(path: str, name: str | None) -> None:
    code = (ROOT / path).read_text("utf-8")
    if name is not None:
        assert re.search(rf"^\s*(def|class) {name}\b", code, re.MULTILINE), name
