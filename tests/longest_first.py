"""The order in which `make test` hands test files to its two processes."""

from __future__ import annotations

from pathlib import Path

import pytest

_TESTS = Path(__file__).parent

#: Files that take long, the longest first: whoever is handed one at the end works on alone. The
#: first compiles the kernels of a new installation, while the second and the third need none.
_BEGIN_WITH = (
    "learn/test_gate.py",
    "verify/test_planted_faults.py",
    "api/test_idempotency.py",
    "ingest/test_vendors.py",
    "ingest/test_doors.py",
    "log/test_erase.py",
    "deliver/test_crash.py",
    "service/test_fleet.py",
    "cli/test_moved_home.py",
    "features/test_recognise.py",
    "demo/test_demo.py",
    "app/test_score_again.py",
    "learn/test_backtest.py",
    "app/test_erasing.py",
    "learn/test_stand_in.py",
    "deliver/test_campaign_life.py",
    "learn/test_drift.py",
    "app/test_appending.py",
    "state/test_send_list.py",
    "app/test_policies.py",
    "features/test_send_answers.py",
    "log/test_processes.py",
    "learn/test_across_days.py",
    "cli/test_ingest.py",
    "app/test_lift.py",
    "backup/test_backup.py",
    "app/test_two_doors.py",
    "app/test_fallback.py",
    "state/test_migrate.py",
    "learn/test_train.py",
    "learn/test_outcome_of_champion.py",
    "learn/test_past.py",
    "learn/test_registry.py",
    "bill/test_statement.py",
    "api/test_own_devices.py",
    "bill/test_crash.py",
    "api/test_speakers.py",
    "api/test_access.py",
    "ingest/test_csv.py",
    "state/test_erasures.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take long before the others, in whatever order these are."""
    place = {_TESTS / name: number for number, name in enumerate(_BEGIN_WITH)}
    gone = [str(path.relative_to(_TESTS)) for path in place if not path.exists()]
    if gone:
        raise pytest.UsageError(f"tests/longest_first.py names files that are gone: {gone}")
    items.sort(key=lambda item: place.get(item.path, len(place)))
