"""The text of SQLite's schema decides how rows are read: a change of it is named."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sendopt.state import State, schema


@pytest.fixture
def file(_migrated_sqlite: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(_migrated_sqlite, tmp_path))


def named(file: Path) -> list[str]:
    with closing(State(f"sqlite:///{file}")) as state, state.read_fleet() as tx:
        return [each.subject for each in schema.changed(tx)]


def change(file: Path, sql: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("pragma writable_schema = on")
        assert connection.execute(sql).rowcount
        connection.commit()


def test_a_schema_as_it_was_written_is_whole_with_whatever_was_added(file: Path) -> None:
    assert named(file) == []
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("create index of_an_operator on click (send_id)")
        connection.execute("analyze")
    assert named(file) == []


@pytest.mark.parametrize(
    "sql",
    [
        "update sqlite_schema set sql = replace(sql, 'TEXT', 'TEXP') where name = 'click'",
        "update sqlite_schema set sql = replace(sql, 'NOT NULL', 'NOT_NULL') where name = 'click'",
    ],
)
def test_a_table_that_is_defined_otherwise_is_named(file: Path, sql: str) -> None:
    change(file, sql)
    assert named(file) == ["click"]
