"""Features as of every send: one pass over the sorted log, against SQL window functions.

Both read the same Parquet file through DuckDB with the same threads, each in a process of its own.
Ours writes all of CONTEXT_FEATURES; the SQL only the decayed activity of the same hour of the week,
of the same hour of the day and of all hours, and the time since the last activity. The file is
synthetic: this is a timing, and the figures of both are compared to 1e-9.

python benchmarks/features.py EVENTS SQL_SHARE

SQL_SHARE: of the users that the SQL is given, whole users, where it would take too long; rates are
compared then. `make bench` runs a smaller size than docs/decisions/0012 reports.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from sendopt.features import CONTEXT_FEATURES, Target
from sendopt.features.context import context_of
from sendopt.features.history import history, kind
from sendopt.records import EventType

EVENTS = 5_000_000  # a tenth of them sends
EVENTS_A_USER = 100
THREADS = 2
HALF_LIFE = timedelta(days=30)
COMPARED = ("activity_same_hour_of_week", "activity_same_hour_of_day", "activity_at_all")

_WRITE = """
copy (
    select
        format('user-{{:07d}}', (hash(i) % {users})::bigint) as user_id,
        case when hash(i + 1e9) % 100 < 10 then 'send'
            when hash(i + 1e9) % 100 < 14 then 'open'
            else 'session' end as event_type,
        to_timestamp(1.75e9 + i * (180 * 86400.0 / {events})) as occurred_at,
        null::varchar as timezone
    from range({events}) r(i)
) to '{path}' (format parquet)
"""

# A send comes before activity of the same instant: only what was earlier counts.
_WINDOWS = """
with placed as (
    select
        user_id,
        event_type = 'send' as is_send,
        occurred_at,
        (epoch_us(occurred_at) - 1750000000000000) / 86400e6 / {half_life_days} * ln(2) as age,
        hour(occurred_at) as hour_of_day,
        isodow(occurred_at) * 24 + hour(occurred_at) as hour_of_week
    from event
    where user_id < '{last_user}'
),
counted as (
    select
        user_id,
        is_send,
        occurred_at,
        exp(-age) * sum(if(is_send, 0, exp(age))) over (
            partition by user_id, hour_of_week order by occurred_at, not is_send
            rows between unbounded preceding and 1 preceding
        ) as same_hour_of_week,
        exp(-age) * sum(if(is_send, 0, exp(age))) over (
            partition by user_id, hour_of_day order by occurred_at, not is_send
            rows between unbounded preceding and 1 preceding
        ) as same_hour_of_day,
        exp(-age) * sum(if(is_send, 0, exp(age))) over (
            partition by user_id order by occurred_at, not is_send
            rows between unbounded preceding and 1 preceding
        ) as at_all,
        epoch_us(occurred_at) - epoch_us(max(if(is_send, null, occurred_at)) over (
            partition by user_id order by occurred_at, not is_send
            rows between unbounded preceding and 1 preceding
        )) as since_us
    from placed
)
select user_id, occurred_at, same_hour_of_week, same_hour_of_day, at_all, since_us / 3600e6 as since
from counted
where is_send
"""


class File:
    """A Parquet file that is queried as a reader's log is."""

    def __init__(self, path: Path) -> None:
        self._connection = duckdb.connect(
            config={"threads": THREADS, "memory_limit": "4GB", "preserve_insertion_order": False}
        )
        self._connection.execute("set timezone = 'UTC'")
        self._connection.execute(f"create view event as from '{path}'")

    def query(
        self, _name: str, sql: str, params: Any = None, inputs: dict[str, pa.Table] | None = None
    ) -> pa.Table:
        for name, table in (inputs or {}).items():
            self._connection.register(name, table)
        return self._connection.execute(sql, params).to_arrow_table()


def ours(path: Path, share: float) -> tuple[float, float, int, np.ndarray]:
    """Return seconds, those of CPU, events and, of the first users' sends, what is compared."""
    import sendopt.features.passes  # noqa: F401, PLC0415 - compiled, and kept, before the clock runs

    begun, used = time.perf_counter(), time.process_time()
    past = history(File(path))
    fetched = time.perf_counter() - begun
    send = np.flatnonzero(past.key & 15 == kind(EventType.SEND))
    user = np.repeat(np.arange(len(past.users), dtype=np.int32), np.diff(past.first))[send]
    sent_us = past.key[send] >> 4
    told = context_of(
        past,
        user,
        sent_us,
        np.arange(len(send)),
        sent_us,
        clocks=past.clocks,
        target=Target(timedelta(minutes=30)),
        half_life=HALF_LIFE,
    )
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    print(f"fetched and sorted in {fetched:.1f} s", file=sys.stderr)
    first = user < _users(len(past.key), share)
    since = [told[first, CONTEXT_FEATURES.index(f"hours_since_{of}")] for of in ("open", "session")]
    compared = [told[first, CONTEXT_FEATURES.index(name)] for name in COMPARED]
    return seconds, used, len(past.key), np.column_stack([*compared, np.fmin(*since)])


def sql(path: Path, share: float) -> tuple[float, float, int, np.ndarray]:
    """As `ours`, of the first users only."""
    file = File(path)
    last_user = f"user-{_users(_events(file, ''), share):07d}"
    windows = _WINDOWS.format(last_user=last_user, half_life_days=HALF_LIFE / timedelta(days=1))
    begun, used = time.perf_counter(), time.process_time()
    told = file.query("windows", windows)
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    told = told.sort_by([("user_id", "ascending"), ("occurred_at", "ascending")])
    values = np.column_stack([told[2 + each].to_numpy() for each in range(4)])
    values[:, :3] = np.nan_to_num(values[:, :3])
    return seconds, used, _events(file, f"where user_id < '{last_user}'"), values


def _users(events: int, share: float = 1.0) -> int:
    return round(events / EVENTS_A_USER * share)


def _events(file: File, where: str) -> int:
    return int(file.query("events", f"select count(*) from event {where}")[0][0].as_py())


def measure(events: int = EVENTS, share: float = 1.0) -> Iterator[tuple[str, str, str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "event.parquet"
        with duckdb.connect(config={"threads": THREADS}) as connection:
            connection.execute("set timezone = 'UTC'")
            connection.execute(_WRITE.format(users=_users(events), events=events, path=path))
        found = {}
        for side in ("sql", "ours"):
            out = Path(folder) / f"{side}.npz"
            command = [sys.executable, "-P", __file__, side, str(path), str(share), str(out)]
            subprocess.run(command, check=True)
            found[side] = np.load(out)
    mine, theirs = found["ours"], found["sql"]
    np.testing.assert_allclose(mine["values"], theirs["values"], rtol=1e-9)
    rates = {side: float(each["events"] / each["seconds"]) for side, each in found.items()}
    by_cpu = (theirs["cpu"] / theirs["events"]) / (mine["cpu"] / mine["events"])
    users = "" if share == 1.0 else f", on {share:.0%} of the users"
    yield (
        f"features as of each of {events // 10:,} sends over {events:,} events",
        f"{rates['ours'] / 1e6:.1f} M events/s, {mine['peak']:.1f} GB",
        f"SQL windows{users}: {rates['sql'] / 1e6:.2f} M events/s, {theirs['peak']:.1f} GB",
        f"{rates['ours'] / rates['sql']:.1f} x ({by_cpu:.1f} x by CPU)",
    )


def _run(side: str, path: str, share: str, out: str) -> None:
    seconds, cpu, events, values = {"ours": ours, "sql": sql}[side](Path(path), float(share))
    print(f"{side}: {events:,} events, {seconds:.1f} s, {cpu:.1f} s of CPU", file=sys.stderr)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    np.savez(out, seconds=seconds, cpu=cpu, events=events, values=values, peak=peak)


if __name__ == "__main__":
    if sys.argv[1:2] in (["ours"], ["sql"]):
        _run(*sys.argv[1:])
    else:
        for row in measure(int(sys.argv[1]), float(sys.argv[2])):
            print(" | ".join(row))
