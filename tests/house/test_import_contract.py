"""The import contract is enforced: an import that runs upwards is caught, to the line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_code_keeps_the_contract(tmp_path: Path) -> None:
    checked = _check(tmp_path)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("file", "planted", "contract"),
    [
        ("records/event.py", "from sendopt import app", "Everything imports downwards"),
        ("track/rules.py", "import sendopt.bill", "Everything imports downwards"),
        ("schedule/choose.py", "from sendopt.state import plans", "Rules know no store"),
        ("deliver/transitions.py", "import sendopt.deliver.dispatch", "Rules know no store"),
        ("schedule/plan.py", "import sendopt.deliver.providers", "Only app chooses a provider"),
        ("features/labels.py", "import duckdb", "duckdb lives in log"),
        ("bill/meter.py", "import sqlalchemy", "sqlalchemy lives in state"),
        ("score/__init__.py", "import lightgbm", "lightgbm, sklearn and mlflow live in learn"),
    ],
)
def test_a_planted_import_is_caught(tmp_path: Path, file: str, planted: str, contract: str) -> None:
    checked = _check(tmp_path, plant=(file, planted))
    assert checked.returncode != 0
    broken = [line for line in checked.stdout.splitlines() if line.endswith(" BROKEN")]
    assert any(line.startswith(contract) for line in broken), checked.stdout


def _check(folder: Path, plant: tuple[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    shutil.copytree(ROOT / "sendopt", folder / "sendopt")
    shutil.copy(ROOT / "pyproject.toml", folder)
    if plant is not None:
        file, line = plant
        with (folder / "sendopt" / file).open("a") as target:
            target.write(f"\n{line}\n")
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


def test_choosing_times_loads_no_database() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sendopt.schedule, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "sendopt.records" in loaded
    assert not {"sqlalchemy", "duckdb", "sendopt.state", "sendopt.log"} & {*loaded}
