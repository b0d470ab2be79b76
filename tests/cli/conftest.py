"""The whole program in this process, for speed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sendopt import app
from sendopt.cli.main import main

Ended = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def logging_of_the_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite's own logging stays as it is; test_logging.py is about the program's."""
    monkeypatch.setattr(app, "configure_logging", lambda: None)


@pytest.fixture
def ended(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ended:
    """Run the whole program and return its exit status and what it wrote."""
    monkeypatch.setenv("SENDOPT_HOME", str(home))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sendopt", *arguments])
        with pytest.raises(SystemExit) as ending:
            main()
        written = capsys.readouterr()
        assert isinstance(ending.value.code, int)
        return ending.value.code, written.out, written.err

    return run
