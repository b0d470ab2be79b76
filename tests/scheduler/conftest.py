"""One service for all trials of a module, each of which begins with nothing in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog
from scheduler.played_service import PlayedService
from simulation.memory_log import without_time_travel


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, _migrated_sqlite: Path
) -> Iterator[PlayedService]:
    logging_before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with (
        without_time_travel(),
        closing(PlayedService(tmp_path_factory.mktemp("life"), _migrated_sqlite)) as service,
    ):
        yield service
    structlog.configure(**logging_before)
