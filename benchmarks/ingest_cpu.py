"""CPU seconds of an import into a new home, and of copies of a few events into a log.

python benchmarks/ingest_cpu.py [--rows 1000000]

To compare two releases, let them take turns, and compare medians: CPU seconds depend on what
else the machine does.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingest import write_events

from sendopt.app import open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.log import Appender, Log, LogLocation
from sendopt.records import Event, EventType, SendId, UserId
from sendopt.settings import Settings

_COPIES = 40
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        file = write_events(Path(folder) / "events.parquet", rows)
        began = time.process_time()
        with closing(open_app(Settings(home=Path(folder) / "home"))) as app:
            app.log.migrate()
            made = time.process_time()
            app.as_owner_of(DEFAULT_TENANT).events.import_files(
                [file], progress=lambda _path, _rows: None
            )
        imported = time.process_time()
        print(f"a new home: {made - began:.3f} s, {rows:,} events: {imported - made:.3f} s")
        location = LogLocation(f"{folder}/catalog.sqlite", f"{folder}/data")
        with closing(Log(location)) as log:
            log.migrate()
            with log.appender() as appender:
                for size in (10, 900):
                    print(f"a copy of {size} events: {1000 * _copy(appender, size):.1f} ms")


def _copy(appender: Appender, size: int) -> float:
    """Return the median of the CPU seconds of copies of so many new events."""
    seconds = []
    for _ in range(_COPIES):
        first = appender.high_water_mark() + 1
        events = [(at, DEFAULT_TENANT, _event(at)) for at in range(first, first + size)]
        began = time.process_time()
        appender.append_outbox(events)
        seconds.append(time.process_time() - began)
    return statistics.median(seconds)


def _event(number: int) -> Event:
    return Event(
        event_id=f"e{number}",
        user_id=UserId(f"u{number % 97}"),
        event_type=EventType.SEND,
        occurred_at=_FIRST + timedelta(seconds=number),
        send_id=SendId(f"s{number}"),
    )


if __name__ == "__main__":
    main()
