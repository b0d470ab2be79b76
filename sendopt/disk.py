"""What survives a power cut, and what a disk's failures are called."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sendopt.errors import LeaseHeld, StoreFailure

#: With less room the next commit of a store, or the copy of a batch to the log, may fail.
_LEAST_FREE_BYTES = 1 << 20

_CODES = {
    errno.ENOSPC: ("disk_full", "the disk is full"),
    errno.EDQUOT: ("disk_full", "the disk's quota is used up"),
    errno.EROFS: ("disk_read_only", "the disk is read-only"),
}


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


@contextmanager
def locked(folder: Path, *, other: str) -> Iterator[None]:
    """Hold a lock on a folder for the block, which the kernel takes from a process that was killed.

    Args:
        folder: no link to one.
        other: what holds the lock if this does not get it.

    Raises:
        LeaseHeld: if another process holds it.
        OSError: if it cannot be opened.
    """
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LeaseHeld(f"{other} is at work", hint="wait for it to end") from None
        yield
    finally:
        os.close(held)


def database_files(database: Path) -> tuple[Path, ...]:
    """Return the file of an SQLite database, and those that SQLite may keep beside it."""
    return tuple(Path(f"{database}{suffix}") for suffix in ("", "-wal", "-shm"))


def make_private(database: Path) -> None:
    """Let nobody but its owner use the file of an SQLite database, which is made if it is missing.

    One that is made in an empty file keeps its mode, and so do the files beside it. What the disk
    refuses here, the database says as it is opened.
    """
    with suppress(OSError):
        os.close(os.open(database, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    for file in database_files(database):
        with suppress(OSError):
            found = file.stat()
            if found.st_mode & 0o077 and found.st_uid == os.getuid():
                file.chmod(0o600)


def disk_failure(error: OSError, statement: str) -> StoreFailure:
    """Return what `error` means for the statement of a store, without naming any file."""
    code, meaning = _CODES.get(error.errno or 0, ("disk_failed", "a file could not be used"))
    system = os.strerror(error.errno) if error.errno else type(error).__name__
    return StoreFailure(f"{meaning} ({system})", statement=statement, code=code)


def not_written(path: Path, error: OSError, *, hint: str) -> StoreFailure:
    """Return what `error` means for the writing of a file that its owner named, and a way out."""
    failure = disk_failure(error, "write")
    return StoreFailure(
        f"{path} cannot be written: {failure.message}",
        statement="write",
        code=failure.code,
        hint=hint,
    )


def check_room(folder: Path) -> None:
    """Return if the disk below `folder` can be written to, and has room.

    Raises:
        StoreFailure: `disk_full`, `disk_read_only`.
        OSError: if the folder cannot be looked at.
    """
    room = os.statvfs(folder)
    if room.f_flag & os.ST_RDONLY:
        raise _unusable(errno.EROFS, hint="docs/runbooks/disk-full.md says what to do")
    if room.f_bavail * room.f_frsize < _LEAST_FREE_BYTES:
        raise _unusable(errno.ENOSPC, hint="make room; what waits goes on by itself")


def _unusable(number: int, *, hint: str) -> StoreFailure:
    code, meaning = _CODES[number]
    return StoreFailure(meaning, statement="probe", code=code, hint=hint)


@contextmanager
def by_its_disk(folder: Path | None) -> Iterator[None]:
    """Let a failure be named by the disk below `folder`, where that is full or read-only.

    Databases call both an I/O error, or a file that cannot be opened. A failure that has a name of
    its own keeps it.
    """
    try:
        yield
    except StoreFailure as failure:
        if folder is not None and failure.code in {StoreFailure.code, "store_unavailable"}:
            try:
                with suppress(OSError):
                    check_room(folder)
            except StoreFailure as why:
                raise why from failure.__cause__ or failure  # a fatal one ends its instance
        raise


@contextmanager
def explained(statement: str) -> Iterator[None]:
    """Turn the failures of a disk into a StoreFailure of `statement`."""
    try:
        yield
    except OSError as error:
        raise disk_failure(error, statement) from error
