"""Folders for files in the making, which do not outlive their process by more than one backup.

They are in TMPDIR and not where backups go: that may be a network's disk, on which SQLite's locks
do not work.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "sendopt-backup-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield an empty folder that is gone after the block; drop those that killed processes left."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError), _locked(left):  # another user's, or at work: refused
            shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as made, _locked(Path(made)):
        yield Path(made)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a lock that the kernel takes from a process that was killed."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(held)
