"""What it costs to compare a whole log with what was appended to it.

python benchmarks/scrub.py [--rows 2000000]
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import closing
from pathlib import Path

from ingest import write_events
from stopwatch import median_seconds

from sendopt.app import open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.log import Log
from sendopt.settings import Settings


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        file = write_events(Path(folder) / "events.parquet", rows)
        with closing(open_app(Settings(home=Path(folder) / "home"))) as app:
            app.as_owner_of(DEFAULT_TENANT).events.import_files(
                [file], progress=lambda _path, _rows: None
            )
            app.rounds.compact_log()
            with app.log.unchecked_reader(DEFAULT_TENANT) as reader:
                summed = median_seconds(reader.require_whole, runs=3)
            hashed = median_seconds(app.log.look_at_files, runs=3)
            opened = median_seconds(lambda: _open(app.log), runs=20)
            found = app.log.look_at_files()
    print(f"{rows:,} events in {found.file_count} files, {found.byte_count:,} bytes")
    print(f"SHA-256 of every file: {hashed:.3f} s")
    print(f"checksum of every event: {summed:.3f} s")
    print(f"to open a reader once its files were checked: {opened * 1000:.1f} ms")


def _open(log: Log) -> None:
    with log.reader(DEFAULT_TENANT):
        pass


if __name__ == "__main__":
    main()
