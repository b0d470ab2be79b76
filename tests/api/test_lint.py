"""The description of the API, read by a linter that we did not write."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
REDOCLY = TESTS / "services" / "node_modules" / "@redocly" / "cli" / "bin" / "cli.js"
DESCRIPTION = TESTS.parent / "docs" / "reference" / "openapi.json"

#: It asks nobody: neither whether there is a newer one, nor to count that it was used.
ALONE = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "CI": "true"}
CONFIG = Path(__file__).with_name("redocly.yaml")


def linted(description: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    node = Path(sys.executable).with_name("node")
    command = [node, REDOCLY, "lint", description, "--config", CONFIG]
    environment = {**os.environ, **ALONE}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_linter_finds_nothing(tmp_path: Path) -> None:
    found = linted(DESCRIPTION, tmp_path)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "warning" not in found.stdout + found.stderr


def test_the_linter_would_find_something(tmp_path: Path) -> None:
    described = json.loads(DESCRIPTION.read_text())
    described["paths"]["/healthz"]["get"]["operationId"] = "get_user"
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(described))
    found = linted(broken, tmp_path)
    assert found.returncode == 1
    assert "operation-operationId-unique" in found.stdout + found.stderr
