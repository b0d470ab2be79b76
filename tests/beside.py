"""Work that goes on in a thread beside a block of a test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from waiting import PATIENCE


@contextmanager
def beside(work: Callable[[threading.Event], None], *, name: str) -> Iterator[None]:
    """Do `work`, which ends soon after its event is set, until the block is left."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE.total_seconds())
        if thread.is_alive():
            pytest.fail(f"waited {PATIENCE} in vain: the end of the thread {name}")
