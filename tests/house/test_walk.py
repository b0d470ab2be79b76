"""Walks through the code and the glossary name files that exist, and what is defined in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECTION = "## One user's events to a score"
WALK = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split(SECTION)[1].split("\n## ")[0]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text("utf-8")


def places(text: str) -> list[tuple[str, str | None]]:
    cells = re.findall(r"\| ([^|]+) \|$", text, re.MULTILINE)
    named = [re.findall(r"`([^`]+)`", cell) for cell in cells]
    return [(names[0], names[1] if len(names) > 1 else None) for names in named if names]


@pytest.mark.parametrize(
    "text", [WALK, ARCHITECTURE, GLOSSARY], ids=["walk", "architecture", "glossary"]
)
def test_there_are_places(text: str) -> None:
    assert len(places(text)) > 10


@pytest.mark.parametrize(
    ("path", "name"), [*places(WALK), *places(ARCHITECTURE), *places(GLOSSARY)]
)
def test_what_is_named_is_where_it_is_said_to_be(path: str, name: str | None) -> None:
    code = (ROOT / path).read_text("utf-8")
    if name is not None:
        defined = rf"^\s*(?:(?:def|class) {name}\b|{name}(?:: .+)? = |{name}: )"
        assert re.search(defined, code, re.MULTILINE), name


def test_no_word_stands_in_the_glossary_twice() -> None:
    words = re.findall(r"^\| ([^|]+) \|", GLOSSARY, re.MULTILINE)
    words = [word for word in words if word not in {"word", "---"}]
    assert len(set(words)) == len(words)
