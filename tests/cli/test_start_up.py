"""A command imports what its work needs, and nothing else: seconds, before a first word is said."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

#: Libraries that take longer to import than a person should wait for a word of help.
ASKED_NOTHING = {
    "alembic", "cryptography", "duckdb", "fastapi", "lightgbm", "llvmlite", "matplotlib", "mlflow",
    "numba", "numpy", "pandas", "psycopg", "pyarrow", "pycurl", "scipy", "skops", "sklearn",
    "sqlalchemy", "structlog", "uvicorn",
}  # fmt: skip
STATE = {"sqlalchemy", "structlog"}


def imported(home: Path, *arguments: str) -> set[str]:
    """Run the program and return the packages that it imported."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "sendopt", *arguments],
        env={**os.environ, "SENDOPT_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 2}, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    names = {line.rpartition("|")[2].strip() for line in lines}
    assert "sendopt.cli" in names
    return names | {name.partition(".")[0] for name in names}


@pytest.mark.parametrize(
    "arguments",
    [
        "--help", "--version", "", "nonsense", "train --help", "train --nope", "explain",
        "backtest --open-window", "key list --help", "bill", "run --port 1", "lift --effect much",
    ],
)  # fmt: skip
def test_help_and_a_usage_error_import_no_library_that_does_the_work(
    tmp_path: Path, arguments: str
) -> None:
    loaded = imported(tmp_path / "home", *arguments.split())
    assert not loaded & ASKED_NOTHING
    stages = {"log", "state", "features", "learn", "score", "schedule", "deliver", "ingest", "bill"}
    assert not loaded & {f"sendopt.{stage}" for stage in stages}


def test_the_settings_are_shown_without_opening_a_store(tmp_path: Path) -> None:
    loaded = imported(tmp_path / "home", "settings")
    assert loaded & ASKED_NOTHING == set()
    assert not (tmp_path / "home").exists()


def test_keys_need_the_state_and_neither_log_nor_models(home: Path) -> None:
    for command in ("key list", "key issue shop", "tenant create acme"):
        loaded = imported(home, *command.split())
        assert loaded & ASKED_NOTHING <= STATE, command
        assert not loaded & {"sendopt.log", "sendopt.learn", "sendopt.features"}, command


@pytest.mark.slow
def test_a_scoring_waits_neither_for_lightgbm_nor_for_mlflow(
    trained_home: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained_home, tmp_path / "home")
    news = tmp_path / "news.csv"
    news.write_text(
        "event_id,user_id,event_type,occurred_at\nnews,newcomer,session,2026-03-01T09:00:00Z\n"
    )
    for _ in ("everybody", "whoever has news"):
        loaded = imported(tmp_path / "home", "score")
        assert {"duckdb", "numba"} <= loaded
        assert not loaded & {"lightgbm", "matplotlib", "mlflow", "sklearn"}
        # Nor for what other commands do.
        assert not loaded & {"psycopg", "cryptography", "pycurl", "sendopt.app.campaigns"}
        assert not loaded & {"sendopt.ingest", "sendopt.bill", "sendopt.learn.train"}
        imported(tmp_path / "home", "ingest", str(news))


def test_an_import_waits_for_no_reader_of_other_files(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text(
        "event_id,user_id,event_type,occurred_at\ne1,ann,session,2026-03-01T09:00:00Z\n"
    )
    assert "fastavro" not in imported(home, "ingest", str(file))


def test_a_process_that_may_have_no_memory_for_its_libraries_says_so(home: Path) -> None:
    done = subprocess.run(
        [
            "sh",
            "-c",
            'ulimit -v 300000; exec "$@"',
            "sh",
            sys.executable,
            "-m",
            "sendopt",
            "verify",
        ],
        env={**os.environ, "SENDOPT_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "memory_short" in done.stderr
    assert "ulimit -v" in done.stderr
    assert "Traceback" not in done.stderr
