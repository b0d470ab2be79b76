"""The DuckDB that all share is replaced when it is old, and under nobody's hands."""

from __future__ import annotations

from pathlib import Path

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
