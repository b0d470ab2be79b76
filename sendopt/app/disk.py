"""Tells whether the disk takes what the stores have to write."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from sendopt.clock import monotonic
from sendopt.disk import check_room, explained
from sendopt.settings import Settings

#: Free bytes do not tell of quotas, or of a disk that fails: a byte is written and synced now and
#: then.
_PROBE_EVERY = timedelta(seconds=10)


class Disk:
    """The disks below some folders.

    Args:
        folders: which stores write to.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._next_probe_at = monotonic()

    def check(self) -> None:
        """Return if there is room, and writing works.

        Raises:
            StoreFailure: `disk_full`, `disk_read_only` or `disk_failed`.
        """
        with explained("probe"):
            disks = {folder.stat().st_dev: folder for folder in self._folders}
            for folder in disks.values():
                check_room(folder)
            if monotonic() >= self._next_probe_at:
                for folder in disks.values():
                    _probe(folder)
                # Not after a failure: whoever has made room sees at once that it helped.
                self._next_probe_at = monotonic() + _PROBE_EVERY.total_seconds()


def written_folders(settings: Settings) -> tuple[Path, ...]:
    """Return the folders of this machine that stores write to; a fleet may have none."""
    catalog, data = settings.log_catalog, settings.log_data
    folders = [] if settings.state.url else [settings.home]
    folders += [] if "://" in catalog else [Path(catalog).parent]
    folders += [] if "://" in data else [Path(data)]
    return tuple(dict.fromkeys(folders))


def _probe(folder: Path) -> None:
    """Write and sync a byte, in a file that has no name where the file system can do that."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"\n")
        file.flush()
        os.fsync(file.fileno())
