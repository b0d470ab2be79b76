"""A million events of Parquet into the log, against DuckDB copying the same file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from stopwatch import median_seconds

from sendopt.app import open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.settings import Settings

ROWS = 1_000_000


def measure() -> Iterator[tuple[str, str, str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        file = write_events(Path(folder) / "events.parquet", ROWS)
        homes = iter(range(1000))

        def ours() -> None:
            home = Path(folder) / f"home{next(homes)}"
            with closing(open_app(Settings(home=home))) as app:
                app.as_owner_of(DEFAULT_TENANT).events.import_files(
                    [file], progress=lambda _path, _rows: None
                )

        def plain() -> None:
            with duckdb.connect(f"{folder}/plain{next(homes)}.duckdb") as connection:
                connection.execute("set threads = 2")
                connection.execute(f"create table event as from read_parquet('{file}')")

        mine, theirs = median_seconds(ours, runs=3), median_seconds(plain, runs=3)
        yield (
            f"import {ROWS:,} events: judged, deduplicated, appended",
            f"{ROWS / mine:,.0f} rows/s",
            f"DuckDB `create table as`: {ROWS / theirs:,.0f} rows/s",
            f"{theirs / mine:.2f} x",
        )


def write_events(file: Path, rows: int, *, prefix: str = "e") -> Path:
    """Write sends and opens of made-up users, with ids that begin so.

    Only size and types matter here.
    """
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with duckdb.connect(config={"threads": os.cpu_count() or 1}) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(
            f"""
            copy (
                select
                    '{prefix}' || i as event_id,
                    'u' || (hash(i) % 100000) as user_id,
                    case when i % 4 = 0 then 'open' else 'send' end as event_type,
                    timestamptz '{now.isoformat()}' + to_seconds(i % 20000000) as occurred_at,
                    's' || (i // 2) as send_id,
                    'Europe/Vienna' as timezone
                from range({rows}) as r(i)
            ) to '{file}' (format parquet, compression zstd)
            """
        )
    return file
