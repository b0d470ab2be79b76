"""Whoever does what the pages on changes say gets what they say."""

from __future__ import annotations

from pathlib import Path

import pytest
from page_reader import Reader, copy_of_the_repository

CHANGES = ["channel", "metric", "route", "table"]


def follow(page: str, folder: Path) -> None:
    Reader(folder, copy_of_the_repository(folder)).follow(page)


@pytest.mark.parametrize("change", [*CHANGES, "feature", "model-family"])
def test_every_page_shows_the_lines_that_stand_there(change: str, tmp_path: Path) -> None:
    Reader(tmp_path, {}).follow(f"adding-a-{change}.md", commands=False)


def test_a_click_rule_is_added(tmp_path: Path) -> None:
    follow("adding-a-click-rule.md", tmp_path)
    rules = (tmp_path / "sendopt" / "track" / "rules.py").read_text()
    assert '("options_request", _options_request)' in rules


@pytest.mark.slow  # each runs tests and checks of a copy
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_each_kind_is_made(change: str, tmp_path: Path) -> None:
    follow(f"adding-a-{change}.md", tmp_path)
