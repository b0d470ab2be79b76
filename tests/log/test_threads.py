"""Many readers in one process, as behind an HTTP server, while an appender comes and goes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sendopt.log import Log
from sendopt.records import TenantId


def test_readers_and_an_appender_in_threads_do_not_disturb_each_other(local_log: Log) -> None:
    def read(_number: int) -> int:
        with local_log.reader(TenantId("shop")) as reader:
            return reader.query("count", "select count(*) as n from event")["n"][0].as_py()

    def append(_number: int) -> None:
        with local_log.appender() as appender:
            appender.high_water_mark()

    with ThreadPoolExecutor(8) as readers, ThreadPoolExecutor(1) as appenders:
        appends = appenders.map(append, range(10))
        counts = list(readers.map(read, range(60)))
        assert len(list(appends)) == 10
    assert counts == [0] * 60
