"""Overwrites what SQLite files hold beside their rows: free pages, gaps, the log of writes.

In a process of its own: SQLite's locks belong to the process, and whoever closes a file lets go of
those that another copy of SQLite, such as DuckDB's, holds on it in the same process.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sendopt.errors import StoreFailure

#: So long SQLite waits for writers and readers; the largest files take as long to write.
_WAIT_SECONDS = 60.0

_PROGRAM = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=float(sys.argv[2]), isolation_level=None)
connection.execute("vacuum")
busy, *_ = connection.execute("pragma wal_checkpoint(truncate)").fetchone()
connection.close()
sys.exit(3 if busy else 0)
"""


def overwrite_free_pages(path: Path) -> None:
    """Write a file anew without anything that is not a row, and empty its write-ahead log.

    Readers go on meanwhile, writers wait: some seconds a gigabyte.

    Raises:
        StoreFailure: `store_busy`, if a reader or writer was there for all the time; `disk_full`
            or whatever SQLite says otherwise. The file is whole then, and to repeat it may do.
    """
    command = [sys.executable, "-I", "-c", _PROGRAM, str(path), str(_WAIT_SECONDS)]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own
    if done.returncode == 0:
        return
    told = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
    is_full = "is full" in told
    raise StoreFailure(
        f"{path.name} could not be written anew: {told or 'somebody reads it all the time'}",
        statement="vacuum",
        code="disk_full" if is_full else "store_busy",
        hint="make room for a second copy of it" if is_full else "it is tried again",
    )
