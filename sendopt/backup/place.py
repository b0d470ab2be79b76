"""Where backups are kept: a folder, or an S3-compatible store."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from sendopt.disk import locked, not_written, sync
from sendopt.errors import StoreFailure

#: The two folders of a place: contents by their SHA-256, manifests by the names of backups.
FILES, BACKUPS = "files", "backups"

#: What backups put into each. Anything else there is somebody else's: neither read nor deleted.
_NAMES = {
    FILES: re.compile(r"[0-9a-f]{64}", re.ASCII),
    BACKUPS: re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{16}\.json", re.ASCII),
}

_CHUNK = 1 << 22
_UNFINISHED = ".unfinished"


class Place(Protocol):
    """Names with contents. Names have slashes; what stands under one never changes."""

    def names(self, folder: str) -> dict[str, int]:
        """Return what backups put into a folder, without its name, each with its size."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Open what stands under a name; FileNotFoundError = nothing does."""
        ...

    def write(self, name: str, source: BinaryIO) -> str:
        """Store the rest of `source`, whole or not at all, and return its SHA-256."""
        ...

    def settle(self) -> None:
        """Let everything that was written survive a power cut."""
        ...

    def delete(self, name: str) -> None: ...

    def alone(self) -> AbstractContextManager[None]:
        """Keep other backups away for the block, where the place can."""
        ...


def is_ours(folder: str, name: str) -> bool:
    """Tell whether a name in one of the two folders is one that backups give."""
    return _NAMES[folder].fullmatch(name) is not None


def hashed(source: BinaryIO, *targets: BinaryIO) -> str:
    """Copy the rest of `source` to `targets`, and return its SHA-256."""
    digest = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        for target in targets:
            target.write(chunk)
    return digest.hexdigest()


class FolderPlace:
    """A folder of this machine. It and what is in it can be read by their owner alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self, folder: str) -> dict[str, int]:
        place = self._folder / folder
        if not place.is_dir():
            return {}
        return {
            file.name: file.stat().st_size
            for file in os.scandir(place)
            if is_ours(folder, file.name) and file.is_file()
        }

    def open(self, name: str) -> BinaryIO:
        return (self._folder / name).open("rb")

    def write(self, name: str, source: BinaryIO) -> str:
        path = self._folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}{_UNFINISHED}")
        try:
            with os.fdopen(
                os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb"
            ) as out:
                digest = hashed(source, out)
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise disk_failed(path, error) from error
        draft.replace(path)
        return digest

    def settle(self) -> None:
        for folder in (*self._folder.iterdir(), self._folder, self._folder.parent):
            if folder.is_dir():
                sync(folder)

    def delete(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold a lock that the kernel takes from a process that was killed.

        Raises:
            LeaseHeld: if another backup to this folder is at work.
            StoreFailure: if it cannot be made.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise disk_failed(self._folder, error) from error
        with locked(self._folder.resolve(), other=f"another backup to {self._folder}"):
            self._drop_unfinished()
            yield

    def _drop_unfinished(self) -> None:
        """Drop what a backup that was killed has left."""
        for folder in _NAMES:
            for draft in self._folder.glob(f"{folder}/.*{_UNFINISHED}"):
                if is_ours(folder, draft.name.removeprefix(".").removesuffix(_UNFINISHED)):
                    draft.unlink()


def disk_failed(path: Path, error: OSError) -> StoreFailure:
    """Return the refusal of a disk on which `path` was to be written."""
    hint = "make room there, or name another place, and repeat the command: it goes on where this "
    return not_written(path, error, hint=hint + "one ended")
