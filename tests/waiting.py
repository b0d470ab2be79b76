"""Waiting for what happens elsewhere: in another process, thread or server."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

#: How long a test waits for what it expects to happen. No test is about how fast a machine is, so
#: this is far longer than anything takes, also where the machine has other work. Less than the
#: time a test may take (`timeout` in pyproject.toml): a test then says what it has waited for.
PATIENCE = timedelta(minutes=2)

_PAUSE_SECONDS = 0.02


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Return once `holds` is true; fail, naming `what` never came, when the patience is over."""
    gives_up_at = time.monotonic() + PATIENCE.total_seconds()
    while not holds():
        if time.monotonic() > gives_up_at:
            pytest.fail(f"waited {PATIENCE} in vain: {what}")
        time.sleep(_PAUSE_SECONDS)
