"""What a disk holds after the power went: only what was synced, and bits of what was not.

Reads the journal of shim.c. A file keeps what it held at its last successful sync; of each later
write every sector may have reached the disk or not. A sync that failed promises nothing of what
it should have kept, also where a later one succeeds (usenix.org/system/files/atc20-rebello.pdf).
A name is there if its folder was synced after it was given; of later changes of names, a journal
as file systems keep it may have saved those up to some moment.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

import numpy as np

SECTOR = 512  # bytes; what a disk writes whole
_HEAD = struct.Struct("=IIIIQq")


class Change(IntEnum):
    """The kinds of records, as in shim.c."""

    WRITE = 1
    SYNC = 2
    LOST = 3  # a sync that failed
    TRUNCATE = 4
    CREATE = 5
    RENAME = 6
    LINK = 7
    UNLINK = 8
    FOLDER = 9


@dataclass(frozen=True, slots=True)
class Record:
    """One change of a file or of a name."""

    kind: Change
    inode: int
    offset: int  # of a write; the length that a truncation leaves
    path: Path
    other: Path | None  # the second name of a rename or a link
    data: bytes


@dataclass
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Record] = field(default_factory=list)

    def sync(self) -> None:
        for record in self.pending:
            self.apply(record.offset, record.data if record.kind is Change.WRITE else None)
        self.pending.clear()

    def apply(self, offset: int, data: bytes | None) -> None:
        """Write `data`; None = cut or extend to `offset`."""
        end = offset + len(data or b"")
        if len(self.durable) < end:
            self.durable.extend(bytes(end - len(self.durable)))
        if data is None:
            del self.durable[offset:]
        else:
            self.durable[offset:end] = data


@dataclass(frozen=True, slots=True)
class _Renaming:
    """A change of names, and the file that it gives a name to."""

    record: Record
    file: _File | None


class Disk:
    """A folder's files and names as they stand on the disk, whatever the kernel still holds.

    `root` is a folder at rest: all of it counts as durable. Folders are never renamed in a home.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._open: dict[int, _File] = {}  # by inode, the newest file of it
        self._names: dict[Path, _File] = {}  # that survive
        self._folders = {root}
        self._renamings: list[_Renaming] = []  # that may survive, in order
        for path in root.rglob("*"):
            if path.is_dir():
                self._folders.add(path)
            elif not path.name.endswith("-shm"):
                file = _File(bytearray(path.read_bytes()))
                self._names[path] = self._open[path.stat().st_ino] = file

    def play(self, records: Iterable[Record]) -> None:
        """Take over what happened since."""
        for record in records:
            match record.kind:
                case Change.WRITE | Change.TRUNCATE:
                    self._file(record).pending.append(record)
                case Change.LOST:
                    self._file(record).pending.clear()
                case Change.SYNC:
                    self._file(record).sync()
                    self._sync_names_in(record.path)
                case Change.CREATE:
                    self._open[record.inode] = file = _File()  # an inode may be used again
                    self._renamings.append(_Renaming(record, file))
                case Change.FOLDER | Change.UNLINK:
                    self._renamings.append(_Renaming(record, None))
                case Change.RENAME | Change.LINK:
                    self._renamings.append(_Renaming(record, self._file(record)))

    def after_power_loss(self, into: Path, rng: np.random.Generator) -> None:
        """Write what is left to `into`, a folder that does not exist yet. To be asked once."""
        for renaming in self._renamings[: rng.integers(0, len(self._renamings) + 1)]:
            self._rename(renaming)
        for folder in sorted(self._folders):
            copy = into / folder.relative_to(self._root)
            if copy.parent.is_dir():
                copy.mkdir(mode=_mode(folder, otherwise=0o700))
        for path, file in self._names.items():
            copy = into / path.relative_to(self._root)
            if copy.parent.is_dir():
                copy.write_bytes(_left_of(file, rng))
                copy.chmod(_mode(path, otherwise=0o600))

    def _file(self, record: Record) -> _File:
        return self._open.setdefault(record.inode, _File())

    def _sync_names_in(self, folder: Path) -> None:
        kept = []
        for renaming in self._renamings:
            names = (renaming.record.path, renaming.record.other)
            if any(name is not None and name.parent == folder for name in names):
                self._rename(renaming)
            else:
                kept.append(renaming)
        self._renamings = kept

    def _rename(self, renaming: _Renaming) -> None:
        record, file = renaming.record, renaming.file
        if record.kind is Change.FOLDER:
            self._folders.add(record.path)
        if record.kind in {Change.UNLINK, Change.RENAME}:
            self._names.pop(record.path, None)
            self._folders.discard(record.path)
        if file is not None:
            self._names[record.other or record.path] = file


def _mode(path: Path, *, otherwise: int) -> int:
    """Return who may do what with `path`, if it is still there: the journal does not tell."""
    return path.stat().st_mode & 0o777 if path.exists() else otherwise


def _left_of(file: _File, rng: np.random.Generator) -> bytes:
    """Let each sector of each unsynced write survive with one chance, drawn for the file."""
    left = _File(bytearray(file.durable))
    chance = rng.choice([0.0, 0.5, 1.0])
    for record in file.pending:
        if record.kind is Change.TRUNCATE:
            if rng.random() < chance:
                left.apply(record.offset, None)
            continue
        start, end = record.offset, record.offset + len(record.data)
        while start < end:
            until = min(end, (start // SECTOR + 1) * SECTOR)
            if rng.random() < chance:
                left.apply(start, record.data[start - record.offset : until - record.offset])
            start = until
    return bytes(left.durable)


def read_journal(content: bytes) -> Iterator[Record]:
    """Yield the whole records of a journal, which may end within one."""
    at = 0
    while at + _HEAD.size <= len(content):
        kind, path, other, data, inode, offset = _HEAD.unpack_from(content, at)
        begin = at + _HEAD.size
        at = begin + path + other + data
        if at > len(content):
            return
        names = content[begin : begin + path + other].decode()
        yield Record(
            Change(kind),
            inode,
            offset,
            Path(names[:path]),
            Path(names[path:]) if other else None,
            content[at - data : at],
        )
