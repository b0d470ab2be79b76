"""Builds shim.c, and tells it what shall befall the processes that it is loaded into."""

from __future__ import annotations

import ctypes
import mmap
import subprocess
from enum import IntEnum, IntFlag
from pathlib import Path

_SOURCE = Path(__file__).with_name("shim.c")


class Calls(IntFlag):
    """Kinds of calls below the root."""

    WRITE = 1
    SYNC = 2
    TRUNCATE = 4
    NAME = 8  # rename, link, unlink, mkdir, rmdir
    OPEN = 16  # for writing
    ALL = 31


class Action(IntEnum):
    """What befalls a call."""

    NOTHING = 0
    FAIL = 1
    SHORT = 2  # a write that stores half of what it was given, and says so
    KILL = 3


class _Control(ctypes.Structure):
    _fields_ = (
        ("root", ctypes.c_char * 256),
        ("seen", ctypes.c_int64 * 5),
        ("calls", ctypes.c_int64),
        ("at", ctypes.c_int64),
        ("kinds", ctypes.c_int32),
        ("action", ctypes.c_int32),
        ("error", ctypes.c_int32),
        ("lasting", ctypes.c_int32),
        ("clock_ns", ctypes.c_int64),
        ("sync_us", ctypes.c_int64),
        ("write_us", ctypes.c_int64),
    )


def build(folder: Path) -> Path:
    """Compile the library."""
    library = folder / "shim.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", library, _SOURCE], check=True
    )
    return library


class Shim:
    """Steers the library in every process that was started with `environment`.

    Args:
        library: as `build` made it.
        root: the folder whose files are at its mercy.
        journal: takes every change below `root`, in order; without one nothing is written down.
    """

    def __init__(self, library: Path, root: Path, *, journal: Path | None = None) -> None:
        self.journal = journal
        self._file = root.with_name(f"{root.name}.control")
        self._file.write_bytes(bytes(ctypes.sizeof(_Control)))
        with self._file.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self._control = _Control.from_buffer(self._memory)
        self._control.root = str(root).encode()
        self.environment = {"LD_PRELOAD": str(library), "FAULTS_CONTROL": str(self._file)}
        if journal is not None:
            journal.touch()
            self.environment["FAULTS_JOURNAL"] = str(journal)

    def progress(self) -> int:
        """Return the size of the journal in bytes; without one nothing is told apart: 0."""
        return 0 if self.journal is None else self.journal.stat().st_size

    def changes(self) -> bytes:
        """Return the journal."""
        return b"" if self.journal is None else self.journal.read_bytes()

    def seen(self) -> dict[Calls, int]:
        """Return how many calls of each kind there were."""
        return dict(zip(Calls, self._control.seen, strict=False))

    def befall(
        self, kinds: Calls, action: Action, *, at: int = 1, error: int = 0, lasting: bool = False
    ) -> None:
        """Let something befall the `at`-th call from now, or every one from it on."""
        self.heal()
        self._control.kinds = kinds
        self._control.calls = 0
        self._control.action = action
        self._control.error = error
        self._control.lasting = lasting
        self._control.at = at  # the last, for it arms

    @property
    def is_armed(self) -> bool:
        return bool(self._control.at)

    @property
    def has_struck(self) -> bool:
        return 0 < self._control.at <= self._control.calls

    def heal(self) -> None:
        """Let nothing befall anything."""
        self._control.at = 0

    def slow(self, *, sync_seconds: float, write_seconds: float) -> None:
        """Let each sync and each write take so much longer."""
        self._control.sync_us = int(sync_seconds * 1e6)
        self._control.write_us = int(write_seconds * 1e6)

    def set_clock(self, seconds: float) -> None:
        """Let the wall clock be so far ahead; the monotonic one goes on."""
        self._control.clock_ns = int(seconds * 1e9)
