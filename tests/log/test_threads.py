"""Many readers in one process, as behind an HTTP server, while an appender comes and goes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from sendopt.log import Log, LogLocation
from sendopt.records import TenantId


def test_readers_and_an_appender_in_threads_do_not_disturb_each_other(tmp_path: Path) -> None:
    location = LogLocation(catalog=str(tmp_path / "catalog.sqlite"), data=str(tmp_path / "data"))
    with closing(Log(location)) as log:
        log.migrate()

        def read(_number: int) -> int:
            with log.reader(TenantId("shop")) as reader:
                return reader.query("count", "select count(*) as n from event")["n"][0].as_py()

        def append(_number: int) -> None:
            with log.appender() as appender:
                appender.high_water_mark()

        with ThreadPoolExecutor(8) as readers, ThreadPoolExecutor(1) as appenders:
            appends = appenders.map(append, range(10))
            counts = list(readers.map(read, range(60)))
            assert len(list(appends)) == 10
    assert counts == [0] * 60
