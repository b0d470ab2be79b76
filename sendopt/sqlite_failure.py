"""What SQLite says of its own file, under the codes that an operator knows.

The words are SQLite's (sqlite3_errstr), and stand in what every driver raises; only Python's gives
the number beside them, DuckDB's does not.
"""

from __future__ import annotations

from sendopt.errors import StoreFailure

_DAMAGED = "stop every process and restore it, as docs/runbooks/corrupt-file.md says"
_FULL = "make room, as docs/runbooks/disk-full.md says; what waits goes on by itself"
_READ_ONLY = "docs/runbooks/disk-full.md says what to do"

#: Words → code, meaning, what to do.
_SAID = {
    "database disk image is malformed": ("store_damaged", "is damaged", _DAMAGED),
    "file is not a database": ("store_damaged", "is damaged", _DAMAGED),
    "database or disk is full": ("disk_full", "has no room to write", _FULL),
    "attempt to write a readonly database": ("disk_read_only", "is read-only", _READ_ONLY),
}


def file_failure(said: str, statement: str, *, file: str) -> StoreFailure | None:
    """Return what is wrong with `file`, as people call it; None if `said` is of something else."""
    for words, (code, meaning, hint) in _SAID.items():
        if words in said:
            return StoreFailure(f"{file} {meaning}", statement=statement, code=code, hint=hint)
    return None
