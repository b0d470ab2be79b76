"""What the description of the API promises, tried with requests that are made from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from api import fuzz

from sendopt.app import App
from sendopt.records import Permission, TenantId


@pytest.fixture
def key(app: App) -> str:
    """Of a tenant of its own, which may do everything but withdraw the key that asks."""
    tenant_id = TenantId(f"described-{app.random_bytes(8).hex()}")
    app.operator.create_tenant(tenant_id, timezone="UTC")
    work = app.as_owner_of(tenant_id)
    work.roles.put(fuzz.READER, {*Permission} - {Permission.KEYS_WRITE})
    return work.keys.issue("schema", role=fuzz.READER).key


def test_the_service_keeps_to_its_description(url: str, key: str, tmp_path: Path) -> None:
    options = ["--generation-deterministic"]
    found = fuzz.run(url, key, tmp_path, phases="fuzzing", examples=4, options=options)
    assert found.passed, found.told
    assert found.cases > 50


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_service_keeps_to_its_description_in_twenty_thousand_cases_as_every_role() -> None:
    tests = Path(__file__).parents[1]
    command = [sys.executable, "-m", "api.fuzz"]
    found = subprocess.run(command, cwd=tests, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
