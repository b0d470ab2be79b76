"""A flipped bit is named or harmless: nothing changed is taken for what was written."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from faults.flips import Judge, files_of, flip, live_a_day, untouched


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return live_a_day(tmp_path_factory.mktemp("flips") / "lived")


# Where a value may change that nothing contradicts: docs/decisions/0035-integrity.md says which.
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["catalog", "parquet", "secrets", "scores", "manifest", "backup"])
def test_a_flip_is_named_or_changes_nothing(lived: Path, tmp_path: Path, kind: str) -> None:
    assert files_of(lived, kind)
    with closing(Judge()) as judge:
        assert untouched(lived, kind, tmp_path, judge) == "harmless"
        outcomes = {flip(lived, kind, seed, tmp_path, judge) for seed in range(3)}
    assert {each.outcome for each in outcomes if each is not None} <= {"named", "harmless"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["state", "registry", "model"])
def test_verify_never_dies_of_a_flip(lived: Path, tmp_path: Path, kind: str) -> None:
    with closing(Judge()) as judge:
        outcomes = {flip(lived, kind, seed, tmp_path, judge) for seed in range(3)}
    assert "died" not in {each.outcome for each in outcomes if each is not None}
