"""Finds, finishes, checks and prunes the backups of one place."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, TypeVar, cast

from sendopt.backup.manifest import FileEntry, Manifest, Origin, read_manifest
from sendopt.backup.owners import Owner, owners, taking_turns
from sendopt.backup.place import BACKUPS, FILES, Place, hashed
from sendopt.errors import Conflict, NotFound, StoreFailure

_File = TypeVar("_File")


class Backups:
    """All backups of one place.

    Args:
        place: where they are.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def ids(self) -> list[str]:
        """Return the name of every backup that was finished, the newest first."""
        names = self._place.names(BACKUPS)
        return sorted((name.removesuffix(".json") for name in names), reverse=True)

    def manifest(self, backup_id: str) -> Manifest:
        """Read one manifest.

        Raises:
            NotFound: `backup_unknown`.
            StoreFailure: `backup_damaged`.
            Conflict: `backup_newer`.
        """
        try:
            with self._place.open(f"{BACKUPS}/{backup_id}.json") as file:
                return read_manifest(backup_id, file.read())
        except FileNotFoundError as error:
            raise NotFound(
                f"there is no backup {backup_id}",
                code="backup_unknown",
                field="--backup",
                hint="`sendopt backups` lists what is there",
            ) from error

    def newest(self) -> Manifest | None:
        """Return the newest backup that can be read; None = there is none."""
        for backup_id in self.ids():
            with suppress(StoreFailure, Conflict):
                return self.manifest(backup_id)
        return None

    def newest_by_home(self) -> dict[str, Origin]:
        """Return the newest backup of each home whose manifest can be read, the newest first.

        Where hosts take turns at a home, the newest of each of them.
        """
        origins: dict[str, Origin] = {}
        for backup_id in self.ids():
            with suppress(StoreFailure, Conflict):
                origins[backup_id] = self.manifest(backup_id).origin
        newest: dict[tuple[Owner, str | None], str] = {}
        several = taking_turns(origins)
        for backup_id, owner in owners(origins).items():
            machine = origins[backup_id].host if owner in several else None
            newest.setdefault((owner, machine), backup_id)
        return {backup_id: origins[backup_id] for backup_id in newest.values()}

    def finish(self, manifest: Manifest) -> str:
        """Store the manifest, which makes the backup one, and return its name."""
        there = self._place.names(FILES)
        gone = [file.path for file in manifest.files if there.get(file.sha256) != file.size]
        if gone:
            raise StoreFailure(
                f"{len(gone):,} files were taken away meanwhile, such as {gone[0]}",
                statement="finish",
                code="backup_place_failed",
                hint="let one backup at a time write to a place, and repeat the command",
            )
        self._place.settle()  # what the manifest names outlives a power cut before it does
        backup_id = manifest.backup_id()
        self._place.write(f"{BACKUPS}/{backup_id}.json", io.BytesIO(manifest.document()))
        self._place.settle()
        return backup_id

    def prune(self, backup_id: str, *, keep: int) -> list[str]:
        """Drop all but the newest `keep` backups of a home, and the files that nobody names then.

        Of the home that `backup_id` is of.

        Manifests go first, so that no backup is ever there without its files.

        Returns:
            What was dropped.

        Raises:
            StoreFailure: `backups_kept`, if a manifest cannot be read: nobody can tell which files
                it needs.
            Conflict: `backup_ambiguous`, if hosts take turns at the home.
        """
        try:
            manifests = {each: self.manifest(each) for each in self.ids()}
        except (StoreFailure, Conflict) as error:
            raise StoreFailure(
                f"the new backup is whole, but none was dropped: {error.message}",
                statement="prune",
                code="backups_kept",
                hint=f"remove that manifest from {BACKUPS}/ if you need it no more, or go on "
                "without --keep",
            ) from error
        origins = {each: manifest.origin for each, manifest in manifests.items()}
        whose = owners(origins)
        if hosts := taking_turns(origins).get(whose[backup_id]):
            raise _several_machines(backup_id, whose[backup_id], hosts)
        ours = [each for each, owner in whose.items() if owner == whose[backup_id]]
        dropped = ours[keep:]
        for each in dropped:
            self._place.delete(f"{BACKUPS}/{each}.json")
        if dropped:
            self._place.settle()
        needed = {
            file.sha256
            for each, manifest in manifests.items()
            if each not in dropped
            for file in manifest.files
        }
        for name in self._place.names(FILES).keys() - needed:
            self._place.delete(f"{FILES}/{name}")
        return dropped

    def check(self, manifest: Manifest, *, progress: Callable[[str], None]) -> list[str]:
        """Read every file of a backup and return what is wrong, each file named once."""
        return list(self.fetch(manifest, lambda _path: _Sink(), progress=progress))

    def fetch(
        self,
        manifest: Manifest,
        target: Callable[[str], BinaryIO],
        *,
        progress: Callable[[str], None],
    ) -> Iterator[str]:
        """Copy every file to what `target` opens for its path; yield what is wrong with some.

        A damaged file does not end it, so that all faults are found.
        """
        for file in _shown(manifest.files, progress):
            try:
                with self._opened(file) as source, target(file.path) as out:
                    digest = hashed(source, out)
            except _Unreadable as damage:
                yield f"{file.path}: its content files/{file.sha256} {damage}"
                continue
            if digest != file.sha256:
                yield f"{file.path}: its content files/{file.sha256} was changed or cut short"

    @contextmanager
    def _opened(self, file: FileEntry) -> Iterator[BinaryIO]:
        try:
            source = self._place.open(f"{FILES}/{file.sha256}")
        except OSError as error:
            raise _Unreadable.by(error) from error
        with source:
            yield cast("BinaryIO", _Reading(source))


def _several_machines(backup_id: str, home: Owner, hosts: tuple[str, ...]) -> Conflict:
    return Conflict(
        f"backup {backup_id} is complete, but none was dropped: {', '.join(hosts)} take turns at "
        f"backups of one home at {home.home}",
        code="backup_ambiguous",
        field="--keep",
        expected="one host, or one after the other",
        hint="if one is a clone, `sendopt hold` makes it a home of its own. Then, or if a service "
        f"only went back to a host, remove the manifests of the other hosts from {BACKUPS}/ once "
        "you need them no more; `sendopt backups` names the host of each",
    )


class _Unreadable(Exception):
    """A content that is not there, or whose bytes its disk does not give."""

    @classmethod
    def by(cls, error: OSError) -> _Unreadable:
        if isinstance(error, FileNotFoundError):
            return cls("is missing")
        return cls(f"cannot be read ({error.strerror})")


class _Reading:
    """Tells failures of reading from those of writing what was read."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source

    def read(self, size: int = -1) -> bytes:
        try:
            return self._source.read(size)
        except OSError as error:
            raise _Unreadable.by(error) from error


def _shown(files: Sequence[_File], progress: Callable[[str], None]) -> Iterator[_File]:
    """Yield every file, and tell of some twenty of them that they are being worked on."""
    step = max(1, len(files) // 20)
    for number, file in enumerate(files):
        if number % step == 0:
            progress(f"{number:,} of {len(files):,} files")
        yield file


class _Sink(io.BytesIO):
    """Takes everything and keeps nothing."""

    def write(self, data: Any) -> int:
        return len(data)
