"""What the description of the API promises, tried with requests that are made from it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sendopt.app import App
from sendopt.records import Permission, TenantId

CONFIG = Path(__file__).with_name("schemathesis.toml")
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CASES_OF_SLOW_RUN = 20_000


def tried(url: str, key: str, folder: Path, *, phases: str, examples: int) -> int:
    """Try so many examples of every operation; return how many requests that took."""
    command = [SCHEMATHESIS, "--config-file", CONFIG, "run", f"{url}/openapi.json"]
    options = [f"--header=Authorization: Bearer {key}", f"--phases={phases}"]
    options += [f"--max-examples={examples}", "--no-color", "--warnings=off"]
    found = subprocess.run(
        [*command, *options], cwd=folder, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    cases = re.search(r"([\d,]+) generated", found.stdout)
    assert cases is not None, found.stdout
    return int(cases[1].replace(",", ""))


@pytest.fixture
def key(app: App) -> str:
    """Of a tenant of its own, which may do everything but withdraw the key that asks."""
    tenant_id = TenantId(f"described-{app.random_bytes(8).hex()}")
    app.operator.create_tenant(tenant_id, timezone="UTC")
    app.as_owner_of(tenant_id).roles.put(
        "reader_of_the_description", {*Permission} - {Permission.KEYS_WRITE}
    )
    return app.as_owner_of(tenant_id).keys.issue("schema", role="reader_of_the_description").key


def test_the_service_keeps_to_its_description(url: str, key: str, tmp_path: Path) -> None:
    assert tried(url, key, tmp_path, phases="fuzzing", examples=4) > 50


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_service_keeps_to_its_description_in_twenty_thousand_cases(
    url: str, key: str, tmp_path: Path
) -> None:
    phases = "examples,coverage,fuzzing,stateful"
    assert tried(url, key, tmp_path, phases=phases, examples=120) >= CASES_OF_SLOW_RUN
