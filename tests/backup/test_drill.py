"""A short drill: a backup under load, restored elsewhere, lacks nothing that was acknowledged."""

from __future__ import annotations

import pytest
from backup.drill import PLACES, drills


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLACES)
def test_a_backup_under_load_restores_all_that_was_acknowledged(kind, tmp_path):
    with PLACES[kind](tmp_path) as (place, access):
        for drill in drills(tmp_path / "at work", place, access=access, count=2):
            assert drill.passed, drill
            assert drill.acknowledged > 0
