"""Knows which data files are new, and makes them survive a power cut before the catalog names them.

DuckDB syncs the catalog but not the Parquet files that it points to.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb

from sendopt.disk import sync
from sendopt.log.location import LogLocation
from sendopt.log.statements import all_rows


def found_files(location: LogLocation, connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Yield the full name of every file that lies where the data is, whoever has put it there.

    Raises:
        StoreFailure: if the object store does not say what it holds.
    """
    if location.on_s3:
        params = {"pattern": location.data.rstrip("/") + "/**"}
        yield from (row[0] for row in all_rows(connection, "glob", params=params))
    else:
        for folder, _, names in os.walk(location.data):
            yield from (f"{folder}/{name}" for name in names)


class DataFiles:
    """The data files of one log, of which the appender knows all but those it just wrote."""

    def __init__(self, location: LogLocation, connection: duckdb.DuckDBPyConnection) -> None:
        self._location = location
        self._connection = connection
        self._root = Path(location.data)
        # To list an object store takes a request a thousand files; most appends write no file.
        self._known = None if location.on_s3 else set(self._files())

    def expect(self) -> None:
        """Be told that files are about to be written: those that are there are not new."""
        if self._location.on_s3:
            self._known = set(self._files())

    def sync_new(self) -> list[str]:
        """Sync every file that is new, and the folders that name it; return the files.

        An object store answers a write when it is durable; there nothing is new unless it was
        expected.

        Raises:
            OSError: if the disk refuses; then nothing may be acknowledged.
            StoreFailure: if the object store does not say what it holds.
        """
        if self._known is None:
            return []
        written = [file for file in self._files() if file not in self._known]
        if self._location.on_s3:
            self._known = None
            return written
        for path in dict.fromkeys([*written, *self._folders(written)]):
            sync(path)
        self._known.update(written)
        return written

    def _files(self) -> Iterator[str]:
        return found_files(self._location, self._connection)

    def _folders(self, files: list[str]) -> Iterator[str]:
        for file in files:
            folder = Path(file).parent
            while folder != self._root:
                yield str(folder)
                folder = folder.parent
            yield str(folder)
