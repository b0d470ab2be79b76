"""Ten million rows go in within four gigabytes, and again as repeats."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

ROWS = 10_000_000
LIMIT_KILOBYTES = 4 * 1024 * 1024

#: Runs a command and prints the peak memory of the process, in kilobytes, on the last line.
MEASURED = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
sys.stderr.write(done.stderr)
print(done.stdout)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_million_rows_need_less_than_four_gigabytes(tmp_path: Path) -> None:
    file = tmp_path / "events.parquet"
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(
            f"""
            copy (
                select
                    'event-' || i as event_id,
                    'user-' || (hash(i) % 1000000) as user_id,
                    case when i % 4 = 0 then 'open' else 'send' end as event_type,
                    timestamptz '2026-01-01 00:00:00+00' + to_seconds(i % 20000000) as occurred_at,
                    'send-' || (i // 2) as send_id,
                    'Europe/Vienna' as timezone,
                    0.5 as propensity
                from range({ROWS}) as r(i)
            ) to '{file}' (format parquet, compression zstd)
            """
        )
    for expected in ("accepted", "repeated"):
        ran = subprocess.run(
            [
                *(sys.executable, "-c", MEASURED),
                *(str(Path(sys.executable).with_name("sendopt")), "ingest", str(file), "--json"),
            ],
            env={**os.environ, "SENDOPT_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            check=True,
        )
        answer, _, peak = ran.stdout.rstrip().rpartition("\n")
        (report,) = json.loads(answer)["files"]
        assert report[expected] == ROWS
        assert int(peak) < LIMIT_KILOBYTES, f"{int(peak) / 1024:,.0f} MB"
