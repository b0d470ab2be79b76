"""Whatever stands in whichever column, verify comes to its end and names the row."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from sendopt.state import tables
from sendopt.verify import Report

#: None of them can stand in any column: no text, no number, no JSON.
BYTES = "x'ff00'"
EMPTY = {
    "api_key",
    "audit_record",
    "drift_alarm",
    "keyed_request",
    "ledger_entry",
    "operator_key",
    "period",
}
#: The tables in which a lived day leaves rows.
FILLED = [table for table in tables.metadata.sorted_tables if table.name not in EMPTY]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("table", FILLED, ids=lambda table: table.name)
def test_bytes_in_any_column_are_named_and_stop_nothing(
    home: Path, verify: Callable[[], Report], tmp_path: Path, table: sa.Table
) -> None:
    state, untouched = home / "state.sqlite", tmp_path / "state.sqlite"
    with closing(sqlite3.connect(state)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    shutil.copyfile(state, untouched)
    for column in table.c:
        for beside in home.glob("state.sqlite-*"):
            beside.unlink()
        shutil.copyfile(untouched, state)
        with closing(sqlite3.connect(state)) as connection:
            connection.execute("pragma foreign_keys = off")
            one = f"select min(rowid) from {table.name}"
            try:
                connection.execute(
                    f"update {table.name} set {column.name} = {BYTES} where rowid = ({one})"
                )
            except sqlite3.DatabaseError:
                continue  # SQLite itself keeps such a key out
            connection.commit()
        findings = verify().findings
        named = [each for each in findings if each.subject.startswith(table.name)]
        assert any(column.name in each.explanation for each in named), (column.name, findings)
