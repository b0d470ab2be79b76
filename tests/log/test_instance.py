"""The DuckDB that all share is replaced when it is old, and under nobody's hands."""

from __future__ import annotations

from pathlib import Path

import pytest

from sendopt.errors import LeaseHeld
from sendopt.log import Log
from sendopt.log.connect import open_instance
from sendopt.log.instance import Instance, Instances
from sendopt.log.location import LogLocation


def instances(folder: Path, *, longest: float) -> Instances:
    location = LogLocation(catalog=str(folder / "catalog.sqlite"), data=str(folder / "data"))

    def make() -> Instance:
        connection = open_instance(location, memory_limit="100MB", threads=1, spill=folder / "tmp")
        return Instance(connection, location, schema=1)

    return Instances(make, longest=longest)


def test_one_that_is_old_is_left_to_those_who_use_it(tmp_path: Path) -> None:
    shared = instances(tmp_path, longest=0.0)
    with shared.use() as first:
        with shared.use() as second:
            assert second is not first
        assert first.connection.execute("select 1").fetchall() == [(1,)]


def test_one_that_is_young_is_used_by_all(tmp_path: Path) -> None:
    shared = instances(tmp_path, longest=3600.0)
    with shared.use() as first, shared.use() as second:
        assert second is first
    with shared.use() as third:
        assert third is first
    shared.retire()


def test_a_lake_is_attached_once_for_all_appenders_and_anew_after_a_failure(local_log: Log) -> None:
    first, second = (_appenders_lake(local_log) for _ in range(2))
    assert first == second
    with pytest.raises(LeaseHeld), local_log._instances.use() as instance, instance.appending():
        raise LeaseHeld("in the lake")
    third = _appenders_lake(local_log)
    assert third != first
    attached = "select database_name from duckdb_databases()"
    with local_log._instances.use() as instance:
        names = {name for (name,) in instance.connection.execute(attached).fetchall()}
    assert names & {first, third} == {third}


def _appenders_lake(log: Log) -> str:
    with log._instances.use() as instance, instance.appending() as (_connection, lake):
        return lake
