"""Twenty tenants at once, over one service: none is told anything of another."""

from __future__ import annotations

from pathlib import Path

import pytest
from service.tenant_load import run


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_tenant_is_told_anything_of_another(home: Path, tmp_path: Path) -> None:
    heard, differences = run(home, tmp_path / "service.log", requests=3_000, seed=2)
    assert {route: each.foreign for route, each in heard.items() if each.foreign} == {}
    assert {route: each.strange for route, each in heard.items() if each.strange} == {}
    assert differences == []
    # That nothing is found means something only where there was something to find.
    assert sum(each.own for each in heard.values()) > 1_000
