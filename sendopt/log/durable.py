"""Makes new data files survive a power cut before the catalog names them.

DuckDB syncs the catalog but not the Parquet files that it points to.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from sendopt.disk import sync
from sendopt.log.location import LogLocation


class DataFiles:
    """The data files of one log, of which the appender knows all but those it just wrote."""

    def __init__(self, location: LogLocation) -> None:
        # An object store answers a write when it is durable.
        self._root = None if location.on_s3 else Path(location.data)
        self._synced = set(self._files())

    def sync_new(self) -> None:
        """Sync every file that is new since the last call, and the folders that name it.

        Raises:
            OSError: if the disk refuses; then nothing may be acknowledged.
        """
        written = [file for file in self._files() if file not in self._synced]
        for path in dict.fromkeys([*written, *self._folders(written)]):
            sync(path)
        self._synced.update(written)

    def _files(self) -> Iterator[str]:
        if self._root is not None:
            for folder, _, names in os.walk(self._root):
                yield from (f"{folder}/{name}" for name in names)

    def _folders(self, files: list[str]) -> Iterator[str]:
        for file in files:
            folder = Path(file).parent
            while folder != self._root:
                yield str(folder)
                folder = folder.parent
            yield str(folder)
