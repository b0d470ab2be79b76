"""What survives a power cut."""

from __future__ import annotations

import os
from pathlib import Path


def sync(path: Path | str) -> None:
    """Let a file, or the names in a folder, survive a power cut; sync a file before its name.

    Raises:
        OSError: if the disk refuses.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
