"""Walks through the code and the glossary name files that exist, and what is defined in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sendopt import records

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


#: Nouns of the records that need no line: the words before and behind them say what they are.
UNDERSTOOD = {
    "AuditFilter": "which audit records are asked for",
    "BuiltInRole": "a role",
    "ChargeKind": "of charges",
    "ErasureStep": "of erasures",
    "ResponseKind": "of responses",
}


def test_every_noun_of_the_records_stands_in_the_glossary() -> None:
    nouns = {name for name in records.__all__ if not name.isupper() and name[0].isupper()}
    ids = {name for name in nouns if name.endswith("Id")}  # of a noun that stands there
    named = set(re.findall(r"`(\w+)`", GLOSSARY))
    assert nouns - ids - named - UNDERSTOOD.keys() == set()
    assert UNDERSTOOD.keys() <= nouns


def test_every_page_that_the_service_names_is_there() -> None:
    """Errors send people to pages: one that is missing leaves them alone."""
    said = {
        (page, str(path.relative_to(ROOT)))
        for path in (ROOT / "sendopt").rglob("*")
        if path.suffix in {".py", ".toml", ".sql", ".html", ".js"}
        for page in re.findall(r"\bdocs/[\w./-]+\.md\b", path.read_text("utf-8"))
    }
    assert len(said) > 10
    assert [each for each in sorted(said) if not (ROOT / each[0]).is_file()] == []


def test_no_word_stands_in_the_glossary_twice() -> None:
    words = re.findall(r"^\| ([^|]+) \|", GLOSSARY, re.MULTILINE)
    words = [word for word in words if word not in {"word", "---"}]
    assert len(set(words)) == len(words)
