"""Copies the files of a home to where backups are kept, each content once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sendopt.backup.manifest import FileEntry, Manifest
from sendopt.backup.place import FILES, Place, hashed
from sendopt.errors import StoreFailure

#: How often a file is read again that was changed while it was read.
_READS = 3
_SHOWN_EVERY = 100  # files


@dataclass(frozen=True)
class Source:
    """One file that is to be kept."""

    path: str  # as seen from the home, with slashes
    open: Callable[[], AbstractContextManager[BinaryIO]]  # at its beginning, as often as needed
    fixed: bool = False  # nothing that ever stood under this path was another content
    sha256: str | None = None  # what it has to hold, if somebody wrote that down

    @classmethod
    def of(cls, path: str, file: Path, *, fixed: bool = False, sha256: str | None = None) -> Source:
        """Return the source that is a file of this machine."""
        return cls(path, lambda: file.open("rb"), fixed, sha256)

    def may_be(self, sha256: str) -> bool:
        """Tell whether this can be its content."""
        return self.sha256 in {None, sha256}


class Copying:
    """One backup in the making.

    Args:
        place: where it goes.
        before: an earlier backup there: a fixed file that it names is not even read.
        progress: told what is going on.
    """

    def __init__(
        self, place: Place, before: Manifest | None, progress: Callable[[str], None]
    ) -> None:
        self._place = place
        self._there = place.names(FILES)
        self._known = {} if before is None else {file.path: file for file in before.files}
        self._progress = progress
        self.files: list[FileEntry] = []
        self.new_files = self.new_bytes = 0

    def add(self, sources: Iterable[Source]) -> None:
        """Store of each source what is not there yet.

        Raises:
            StoreFailure: `source_changing`, if a file never stood still; `store_damaged`, if it is
                not what it has to be; as the place.
            OSError: if a file cannot be read.
        """
        for source in sources:
            if len(self.files) % _SHOWN_EVERY == 0:
                self._progress(f"{len(self.files):,} files, {self.new_files:,} of them new")
            entry = self._known.get(source.path) if source.fixed else None
            if entry is None or not source.may_be(entry.sha256) or not self._has(entry):
                entry = self._copy(source)
            self.files.append(entry)

    def _copy(self, source: Source) -> FileEntry:
        for _ in range(_READS):
            with source.open() as file:
                digest = hashed(file)
                entry = FileEntry(path=source.path, size=file.tell(), sha256=digest)
            if not source.may_be(digest):
                raise _damaged(source)
            if self._has(entry):
                return entry
            name = f"{FILES}/{digest}"
            with source.open() as file:
                written = self._place.write(name, file)
            if written == digest:
                self._there[digest] = entry.size
                self.new_files, self.new_bytes = self.new_files + 1, self.new_bytes + entry.size
                return entry
            self._place.delete(name)
        raise StoreFailure(
            f"{source.path} was changed each time it was read",
            statement="copy",
            code="source_changing",
            hint="repeat the command; what was stored so far is not stored again",
        )

    def _has(self, entry: FileEntry) -> bool:
        return self._there.get(entry.sha256) == entry.size


def _damaged(source: Source) -> StoreFailure:
    return StoreFailure(
        f"{source.path} is not what was written",
        statement="copy",
        code="store_damaged",
        hint="nothing was backed up; the backups before this one are as they were, and "
        "docs/runbooks/corrupt-file.md says what to do",
    )
