"""Copies of SQLite files are of one moment, however busy their writers are."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from sendopt.errors import StoreFailure
from sendopt.sqlite_file import Moment, bring_in_wal, same_moment


@pytest.fixture
def files(tmp_path):
    """Two files with a number each, as catalog and state have."""
    paths = [tmp_path / name for name in ("catalog", "state")]
    for path in paths:
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            file.execute("pragma journal_mode = wal")
            file.execute("create table counter (given integer, named integer)")
            file.execute("insert into counter values (0, 0)")
    return paths


def read(path):
    with closing(sqlite3.connect(path)) as file:
        return file.execute("select given, named from counter").fetchone()


def test_what_is_written_after_a_moment_is_not_in_its_copy_and_does_not_wait(files, tmp_path):
    path, _ = files
    with (
        closing(Moment(path)) as moment,
        closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as writer,
    ):
        assert moment.is_newest()
        writer.execute("update counter set given = 1")
        assert not moment.is_newest()
        moment.copy_to(tmp_path / "copy")
    assert read(tmp_path / "copy") == (0, 0)
    assert read(path) == (1, 0)


def test_no_copy_names_what_the_other_lacks_while_both_are_written(files, tmp_path):
    catalog, state = files
    stop = threading.Event()

    def write():
        with (
            closing(sqlite3.connect(catalog, isolation_level=None)) as log,
            closing(sqlite3.connect(state, isolation_level=None)) as kept,
        ):
            number = 0
            while not stop.is_set():
                number += 1
                kept.execute("update counter set given = ?", (number,))  # a position is given
                log.execute("update counter set given = ?", (number,))  # and copied to the log,
                kept.execute("update counter set named = ?", (number,))  # whose snapshot is named

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(40):
            with same_moment(files) as moments:
                copies = [tmp_path / f"{number}-{each}" for each in range(2)]
                for moment, copy in zip(moments, copies, strict=True):
                    moment.copy_to(copy)
            (copied, _), (given, named) = map(read, copies)
            assert named <= copied <= given
    finally:
        stop.set()
        writer.join()
    assert copied > 0


def test_a_log_that_was_brought_in_leaves_a_file_that_is_whole_alone(files, tmp_path):
    path, _ = files
    reader = sqlite3.connect(path)
    reader.execute("select 1 from counter").fetchall()  # now the writer is not the last to close
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("update counter set given = 7")
    assert read(shutil.copyfile(path, tmp_path / "before")) == (0, 0)
    bring_in_wal(path)
    assert read(shutil.copyfile(path, tmp_path / "after")) == (7, 0)
    reader.close()


def test_a_file_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(StoreFailure) as refusal:
        Moment(tmp_path / "missing")
    assert refusal.value.code == "store_unavailable"
    assert list(Path(tmp_path).iterdir()) == []
