"""Reading the log: one user's best times, and a scan, while nothing else runs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import ingest
from stopwatch import median_seconds

from sendopt.app import open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.settings import Settings


def measure() -> Iterator[tuple[str, str, str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        file = ingest.write_events(Path(folder) / "events.parquet", ingest.ROWS)
        with closing(open_app(Settings(home=Path(folder) / "home"))) as app:
            app.as_owner_of(DEFAULT_TENANT).events.import_files(
                [file], progress=lambda _path, _rows: None
            )

            def opened() -> None:
                with app.reader(DEFAULT_TENANT):
                    pass

            def scanned() -> None:
                with app.reader(DEFAULT_TENANT) as reader:
                    reader.query(
                        "by_hour",
                        "select hour(occurred_at) as hour, event_type, count(*) as events "
                        "from event group by all",
                    )

            yield "open a reader at a snapshot", f"{median_seconds(opened) * 1e3:.0f} ms", "", ""
            yield (
                f"count {ingest.ROWS:,} events by hour and type",
                f"{median_seconds(scanned) * 1e3:.0f} ms",
                "",
                "",
            )
