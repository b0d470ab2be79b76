"""The order in which `make test` hands test files to its two processes."""

from __future__ import annotations

from pathlib import Path

import pytest

_TESTS = Path(__file__).parent

#: Files that take long, the longest first: whoever is handed one at the end works on alone. The
#: first compiles the kernels of a new installation, while the second and the third need none.
_BEGIN_WITH = (
    "notebooks/test_notebooks.py",
    "faults/test_faults.py",
    "service/test_fleet.py",
    "learn/test_stand_in.py",
    "learn/test_gate.py",
    "cli/test_moved_home.py",
    "verify/test_planted_faults.py",
    "lattice/test_choice.py",
    "learn/test_train.py",
    "demo/test_demo.py",
    "ingest/test_vendors.py",
    "features/test_recognise.py",
    "learn/test_backtest.py",
    "app/test_score_again.py",
    "cli/test_start_up.py",
    "deliver/test_crash.py",
    "app/test_appending.py",
    "learn/test_past.py",
    "learn/test_drift.py",
    "learn/test_across_days.py",
    "ingest/test_doors.py",
    "app/test_two_doors.py",
    "app/test_fallback.py",
    "features/test_send_answers.py",
    "features/test_one_pass.py",
    "ingest/test_files.py",
    "log/test_processes.py",
    "log/test_isolation.py",
    "state/test_isolation.py",
    "app/test_families_serve.py",
    "bill/test_statement.py",
    "bill/test_histories.py",
    "learn/test_registry.py",
    "cli/test_commands.py",
    "cli/test_model_pages.py",
    "learn/test_strata.py",
    "service/test_stop.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take long before the others, in whatever order these are."""
    place = {_TESTS / name: number for number, name in enumerate(_BEGIN_WITH)}
    gone = [str(path.relative_to(_TESTS)) for path in place if not path.exists()]
    if gone:
        raise pytest.UsageError(f"tests/longest_first.py names files that are gone: {gone}")
    items.sort(key=lambda item: place.get(item.path, len(place)))
