"""Processes that tests start, kill and race: `python worker.py JOB CATALOG DATA [...]`."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime

from sendopt.log import Log, LogLocation, event_table
from sendopt.records import Event, EventType, TenantId, UserId

SHOP = TenantId("shop")
#: Alternately kept in the catalog and written as a file.
BATCH_ROWS = (40, 1_100)


def event(event_id: str) -> Event:
    return Event(event_id, UserId("ann"), EventType.SESSION, datetime(2026, 3, 1, tzinfo=UTC))


def hold(log: Log) -> None:
    """Be the appender until killed."""
    with log.appender():
        print("holding", flush=True)
        time.sleep(60)


def append(log: Log) -> None:
    """Append batch after batch, printing each number once it is acknowledged."""
    with log.appender() as appender:
        for batch in range(10_000):
            rows = BATCH_ROWS[batch % 2]
            appender.append(SHOP, event_table([event(f"{batch}-{n}") for n in range(rows)]))
            print(batch, flush=True)


def pump(log: Log) -> None:
    """Copy an endless outbox from the mark on, printing the mark when it is acknowledged."""
    with log.appender() as appender:
        mark = appender.high_water_mark()
        print(mark, flush=True)
        for batch in range(10_000):
            positions = range(mark + 1, mark + 1 + BATCH_ROWS[batch % 2])
            rows = [(n, SHOP, event(f"outbox-{n}")) for n in positions]
            mark = appender.append_outbox(rows).high_water_mark
            print(mark, flush=True)


def read(log: Log) -> None:
    """Open a reader again and again; every one must see whole batches only."""
    seen = 0
    while seen < 5_000:
        with log.reader(SHOP) as reader:
            counts = reader.query(
                "count",
                """
                select split_part(event_id, '-', 1)::integer as batch, count(*) as rows
                from event group by batch order by batch
                """,
            ).to_pydict()
            again = reader.query("again", "select count(*) as rows from event")["rows"][0].as_py()
        expected = [BATCH_ROWS[batch % 2] for batch in range(len(counts["batch"]))]
        if counts["rows"] != expected or again != sum(expected) or again < seen:
            sys.exit(f"read {counts} and {again} after {seen}")
        seen = again


def migrate(log: Log) -> None:
    """Migrate."""
    log.migrate()


if __name__ == "__main__":
    job, catalog, data = sys.argv[1:]
    globals()[job](Log(LogLocation(catalog, data)))
