"""Logs that a model can learn from: three real studies, and users whose habits are known."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sendopt.learn import Registry
from sendopt.log import EVENT_SCHEMA, Log, event_table
from sendopt.records import Event, EventType, TenantId, UserId

STUDIES = ("fried2021", "westhoff2024", "dejonckheere2019")


def as_events(table: pa.Table) -> pa.Table:
    """Fill the columns that a file leaves out."""
    columns = {}
    for field in EVENT_SCHEMA:
        if field.name in table.column_names:
            columns[field.name] = table[field.name].cast(field.type)
        elif field.name == "attributes":
            columns[field.name] = pa.array(["{}"] * len(table))
        else:
            columns[field.name] = pa.nulls(len(table), field.type)
    return pa.table(columns, schema=EVENT_SCHEMA)


@pytest.fixture(scope="session")
def studies(make_log: Callable[[], AbstractContextManager[Log]]) -> Iterator[Log]:
    """The shipped studies, one tenant each and all together as `all`."""
    with make_log() as log:
        files = resources.files("sendopt.demo") / "data"
        with log.appender() as appender:
            for study in STUDIES:
                with resources.as_file(files / f"{study}.parquet") as path:
                    events = as_events(pq.read_table(path))
                appender.append(TenantId(study), events)
                appender.append(TenantId("all"), events)
        yield log


@pytest.fixture(scope="session")
def platforms() -> tuple[str, ...]:
    """Names that MLflow takes for no name of a figure."""
    return ("Etc/GMT+3", "Android (Huawei)", "iOS, tablet", "a//b", "x" * 300)


@pytest.fixture(scope="session")
def odd_platforms(
    make_log: Callable[[], AbstractContextManager[Log]], platforms: tuple[str, ...]
) -> Iterator[Log]:
    """A shipped study as tenant `all`, whose users have one of `platforms` each."""
    at = EVENT_SCHEMA.get_field_index("platform")
    with make_log() as log:
        files = resources.files("sendopt.demo") / "data"
        with resources.as_file(files / "dejonckheere2019.parquet") as path:
            events = as_events(pq.read_table(path))
        user = events["user_id"].combine_chunks().dictionary_encode().indices.to_numpy()
        platform = pa.array(np.array(platforms)[user % len(platforms)])
        with log.appender() as appender:
            appender.append(
                TenantId("all"), events.set_column(at, EVENT_SCHEMA.field(at), platform)
            )
        yield log


@pytest.fixture(scope="session")
def habits(make_log: Callable[[], AbstractContextManager[Log]]) -> Iterator[Log]:
    """Twelve weeks of 60 users of tenant `shop`, active around an hour of their own.

    User `u-H-N` is active about once a day, around H o'clock in Tokyo, and never sent to.
    """
    rng = np.random.default_rng(7)
    begin = datetime(2026, 6, 1, tzinfo=UTC)
    events = []
    for number in range(60):
        hour = (8, 12, 20)[number % 3]
        for day in range(84):
            local = hour + float(rng.normal(0, 0.7))
            at = begin + timedelta(days=day, hours=local - 9)
            user = UserId(f"u-{hour}-{number}")
            events.append(
                Event(f"{user}-{day}", user, EventType.SESSION, at, timezone="Asia/Tokyo")
            )
    with make_log() as log:
        with log.appender() as appender:
            appender.append(TenantId("shop"), event_table(events))
        yield log


@pytest.fixture(scope="session")
def make_registry(empty_home: Path) -> Callable[[Path], Registry]:
    """Makes an empty registry in a folder."""

    def make(folder: Path) -> Registry:
        shutil.copyfile(empty_home / "registry" / "mlflow.sqlite", folder / "registry.db")
        return Registry(f"sqlite:///{folder}/registry.db", str(folder / "models"))

    return make


@pytest.fixture
def registry(tmp_path: Path, make_registry: Callable[[Path], Registry]) -> Registry:
    """An empty registry on local files."""
    return make_registry(tmp_path)
