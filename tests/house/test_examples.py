"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = [path for path in (ROOT / "sendopt").rglob("*.py") if ">>> " in path.read_text("utf-8")]
MODULES = sorted(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in EXAMPLES)


@pytest.mark.parametrize("module", MODULES)
def test_an_example_gives_what_it_shows(module: str) -> None:
    found = doctest.testmod(importlib.import_module(module))
    assert found.attempted > 0
    assert found.failed == 0
