"""A file that takes the place of another once it is whole and on disk."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sendopt.disk import not_written, sync
from sendopt.errors import StoreFailure

_SUFFIX = ".unfinished"


@contextmanager
def replacement(path: Path) -> Iterator[IO[bytes]]:
    """Open a new file beside `path`; after the block it stands at `path`, unless the block failed.

    Whoever writes one holds a lock on it, which the kernel takes from a process that was killed:
    what such processes left in the folder is removed first, and makes room.

    Raises:
        StoreFailure: `disk_full`, `disk_read_only` or `disk_failed`; then what stood at `path`
            stands there still.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    drop_abandoned(path.parent)
    file, written = _locked(path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            written.replace(path)
    except BaseException as error:
        written.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise disk_failed(path, error) from error
        raise
    sync(path.parent)


def disk_failed(path: Path, error: OSError) -> StoreFailure:
    """Return the refusal of a disk on which `path` was to be written."""
    hint = "make room there and repeat the command; the scores from before stand"
    return not_written(path, error, hint=hint)


def _locked(path: Path) -> tuple[IO[bytes], Path]:
    while True:
        descriptor, name = tempfile.mkstemp(
            prefix=f".{path.name}.", suffix=_SUFFIX, dir=path.parent
        )
        file = os.fdopen(descriptor, "wb")
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return file, Path(name)
        file.close()  # another process took it for abandoned before it was locked


def drop_abandoned(folder: Path) -> None:
    """Delete what processes that were killed left in a folder."""
    for path in folder.glob(f".*{_SUFFIX}"):
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
        except (BlockingIOError, FileNotFoundError):  # it is being written, or gone meanwhile
            continue
