"""Folders for files in the making, which do not outlive their process by more than one backup.

They are in TMPDIR and not where backups go: that may be a network's disk, on which SQLite's locks
do not work.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sendopt.disk import locked
from sendopt.errors import LeaseHeld

_PREFIX = "sendopt-backup-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield an empty folder that is gone after the block; drop those that killed processes left."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        # Another user's, or one that is at work, is refused.
        with suppress(OSError, LeaseHeld), locked(left, other="a backup"):
            shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as made, locked(Path(made), other="a backup"):
        yield Path(made)
