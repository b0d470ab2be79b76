"""What survives a power cut, and what a disk's failures are called."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sendopt.errors import LeaseHeld, StoreFailure

#: With less room the next commit of a store, or the copy of a batch to the log, may fail.
_LEAST_FREE_BYTES = 1 << 20
#: Databases make files beside their own, and a large append makes one; some disks run out of them.
_LEAST_FREE_FILES = 8

_CODES = {
    errno.ENOSPC: ("disk_full", "the disk is full"),
    errno.EDQUOT: ("disk_full", "the disk's quota is used up"),
    errno.EROFS: ("disk_read_only", "the disk is read-only"),
    errno.EMFILE: ("files_used_up", "this process may not open more files: raise `ulimit -n`"),
    errno.ENFILE: ("files_used_up", "the system may not open more files: raise fs.file-max"),
}
_USED_UP = frozenset({errno.EMFILE, errno.ENFILE})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM})
#: What a system refuses, as far as `disk_failure` has a name for it.
EXPLAINED = frozenset(_CODES) | _FORBIDDEN
_OWNER = (
    "run sendopt as the user to whom all of the home belongs; docs/runbooks/disk-full.md says how"
)

#: What a store says of its file without saying why.
_OF_ANY_CAUSE = frozenset({StoreFailure.code, "store_unavailable", "disk_read_only"})


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
    """Return what `error` means for the statement of a store; of a file it tells the last name."""
    if error.errno in _FORBIDDEN:
        named = "a file" if error.filename is None else Path(os.fsdecode(error.filename)).name
        return StoreFailure(
            f"user {os.geteuid()} may not use {named} ({os.strerror(error.errno)})",
            statement=statement,
            code="file_forbidden",
            hint=_OWNER,
        )
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
    """Return if the disk below `folder` can be written to, and has room for bytes and for files.

    Raises:
        StoreFailure: `disk_full`, `disk_read_only`.
        OSError: if the folder cannot be looked at.
    """
    room = os.statvfs(folder)
    if room.f_flag & os.ST_RDONLY:
        raise _unusable(errno.EROFS, hint="docs/runbooks/disk-full.md says what to do")
    if room.f_bavail * room.f_frsize < _LEAST_FREE_BYTES:
        raise _unusable(errno.ENOSPC, hint="make room; what waits goes on by itself")
    if room.f_files and room.f_favail < _LEAST_FREE_FILES:  # where their number is limited
        raise _unusable(
            errno.ENOSPC,
            hint="it takes no more files (`df -i`): remove some; what waits goes on by itself",
        )


def check_rights(paths: Iterable[Path]) -> None:
    """Return if this process may read and write files and folders, as far as they are there.

    Raises:
        StoreFailure: `file_forbidden`, naming the first of them by its last name.
        OSError: if one cannot be looked at.
    """
    for path in paths:
        if not path.exists():
            continue
        wanted = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
        if not os.access(path, wanted, effective_ids=True):
            found = path.stat()
            raise StoreFailure(
                f"{path.name} may not be read and written by user {os.geteuid()}: it belongs to "
                f"user {found.st_uid} and has mode {stat.S_IMODE(found.st_mode):03o}",
                statement="probe",
                code="file_forbidden",
                hint=_OWNER,
            )


def _unusable(number: int, *, hint: str) -> StoreFailure:
    code, meaning = _CODES[number]
    return StoreFailure(meaning, statement="probe", code=code, hint=hint)


@contextmanager
def by_its_disk(database: Path | None) -> Iterator[None]:
    """Let a failure of an SQLite database be named by why its files cannot be used, where they say.

    That is a disk that is full or read-only, a file that belongs to somebody else, or a process
    that may open no more: SQLite calls all of them an I/O error, a file that cannot be opened, or a
    read-only database. A failure that has a name of its own keeps it.
    """
    try:
        yield
    except StoreFailure as failure:
        if database is None or failure.code not in _OF_ANY_CAUSE:
            raise
        why = _why_unusable(database)
        if why is None:
            raise
        raise why from failure.__cause__ or failure  # a fatal one ends its instance


def _why_unusable(database: Path) -> StoreFailure | None:
    """Return why the files of a database cannot be used; None if nothing of it can be seen."""
    try:
        check_room(database.parent)
        check_rights((database.parent, *database_files(database)))
        os.close(os.open(database.parent, os.O_RDONLY))
    except StoreFailure as why:
        return why
    except OSError as error:
        return disk_failure(error, "probe") if error.errno in _USED_UP else None
    return None


@contextmanager
def explained(statement: str) -> Iterator[None]:
    """Turn the failures of a disk into a StoreFailure of `statement`."""
    try:
        yield
    except OSError as error:
        raise disk_failure(error, statement) from error
