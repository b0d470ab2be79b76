"""What is known as of every send: passes over the sorted log, against SQL window functions.

Both read the same Parquet file through DuckDB with the same threads, each in a process of its own,
and say of every send the same figures, compared to 1e-9: all of USER_FEATURES, and the decayed
counts of the send's own local half hour (presences, sends, answers by latency). Ours counts all
half hours, because the model reads them all; the SQL only that of the send. The file is synthetic:
this is a timing.

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

from sendopt.features import (
    HALF_HOURS,
    USER_FEATURES,
    AsOfView,
    Target,
    Viewpoints,
)
from sendopt.features.as_of.viewpoints import INSTANT
from sendopt.features.local_time.zones import day_of_week, half_hour_cells
from sendopt.features.timeline.history import History, kind
from sendopt.records import EventType

EVENTS = 5_000_000  # a tenth of them sends
EVENTS_A_USER = 100
SQL_SHARE = 0.2
THREADS = 2
HALF_LIFE = timedelta(days=30)
TARGET = Target(timedelta(minutes=30))
SENDS_AT_ONCE = 10_000  # 40 MB of dense counts: their memory is used again and again

# Two of five sends are opened, half of those within the window.
_WRITE = """
copy (
    select
        format('event-{{:09d}}', i) as event_id,
        format('user-{{:07d}}', (hash(i) % {users})::bigint) as user_id,
        if(hash(i + 1e9) % 100 < 10, 'send', 'session') as event_type,
        to_timestamp(1.75e9 + i * (180 * 86400.0 / {events})) as occurred_at,
        if(hash(i + 1e9) % 100 < 10, format('send-{{:09d}}', i), null) as send_id,
        null::varchar as timezone,
        null::double as propensity
    from range({events}) r(i)
    where hash(i + 1e9) % 100 not between 10 and 13
    union all
    select
        format('open-{{:09d}}', i),
        format('user-{{:07d}}', (hash(i) % {users})::bigint),
        'open',
        to_timestamp(1.75e9 + i * (180 * 86400.0 / {events}) + 1 + hash(i + 3e9) % 3600),
        format('send-{{:09d}}', i),
        null,
        null
    from range({events}) r(i)
    where hash(i + 1e9) % 100 < 10 and hash(i + 2e9) % 100 < 40
) to '{path}' (format parquet)
"""

_WINDOWS = """
with delay as (
    select s.send_id, min(epoch_us(o.occurred_at) - epoch_us(s.occurred_at)) as delay_us
    from event s
    join event o using (send_id)
    where s.event_type = 'send' and o.event_type = 'open' and s.user_id < '{last_user}'
        and o.occurred_at >= s.occurred_at
        and o.occurred_at < s.occurred_at + to_microseconds({window_us})
    group by s.send_id
),
placed as (
    select
        e.user_id,
        e.event_type,
        epoch_us(e.occurred_at) as us,
        if(isodow(e.occurred_at) > 5, 48, 0)
            + hour(e.occurred_at) * 2 + minute(e.occurred_at) // 30 as cell,
        epoch_us(e.occurred_at) // 1800000000 as half_hour,
        exp((epoch_us(e.occurred_at) - 1750000000000000) / 86400e6 / {half_life_days} * ln(2))
            as grown,
        d.delay_us
    from event e
    left join delay d on e.event_type = 'send' and e.send_id = d.send_id
    where e.user_id < '{last_user}'
),
marked as (
    select
        *,
        event_type = 'session' and row_number() over (
            partition by user_id, event_type, half_hour order by us
        ) = 1 as is_presence
    from placed
),
counted as (
    select
        user_id,
        us,
        event_type = 'send' as is_send,
        count(*) filter (event_type = 'send') over d1 as sends_1d,
        count(*) filter (event_type = 'send') over d7 as sends_7d,
        count(*) filter (event_type = 'send') over d28 as sends_28d,
        count(*) filter (event_type = 'send') over ever as sends_ever,
        count(*) filter (event_type = 'open') over d7 as opens_7d,
        count(*) filter (event_type = 'open') over d28 as opens_28d,
        count(*) filter (event_type = 'open') over ever as opens_ever,
        count(*) filter (event_type = 'session') over d7 as sessions_7d,
        count(*) filter (event_type = 'session') over d28 as sessions_28d,
        count(*) filter (event_type = 'dismissal') over d28 as dismissals_28d,
        (us - max(us) filter (event_type = 'send') over ever) / 86400e6 as days_since_send,
        (us - max(us) filter (event_type = 'open') over ever) / 86400e6 as days_since_open,
        (us - max(us) filter (event_type = 'session') over ever) / 86400e6 as days_since_session,
        (us - min(us) over ever) / 86400e6 as tenure_days,
        sum(grown) filter (is_presence) over before / grown as sessions,
        sum(grown) filter (event_type = 'send') over closed / grown as sends,
        sum(grown) filter (delay_us * 6 < {window_us}) over closed / grown as answers_0,
        sum(grown) filter (delay_us * 6 >= {window_us} and delay_us * 2 < {window_us})
            over closed / grown as answers_1,
        sum(grown) filter (delay_us * 2 >= {window_us}) over closed / grown as answers_2
    from marked
    window
        d1 as (
            partition by user_id order by us range between 86400000000 preceding and 1 preceding
        ),
        d7 as (
            partition by user_id order by us range between 604800000000 preceding and 1 preceding
        ),
        d28 as (
            partition by user_id order by us range between 2419200000000 preceding and 1 preceding
        ),
        ever as (
            partition by user_id order by us range between unbounded preceding and 1 preceding
        ),
        before as (
            partition by user_id, cell order by us
            range between unbounded preceding and 1 preceding
        ),
        closed as (
            partition by user_id, cell order by us
            range between unbounded preceding and {window_us} preceding
        )
)
select * exclude (is_send) from counted where is_send
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

    def batches(self, _name: str, sql: str, params: Any) -> Iterator[pa.RecordBatch]:
        yield from self._connection.execute(sql, params).to_arrow_reader(122_880)


def ours(path: Path, share: float) -> tuple[float, float, int, np.ndarray]:
    """Return seconds, those of CPU, events and, of the first users' sends, what is compared."""
    # Compiled, and kept, before the clock runs.

    file: Any = File(path)
    begun, used = time.perf_counter(), time.process_time()
    view = AsOfView(file, TARGET)
    past = view.history
    fetched = time.perf_counter()
    _ = view.observations
    observed = time.perf_counter()
    user, seen, cell = _sends(past)
    known = _known(view, seen, cell)
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    print(
        f"fetched and sorted in {fetched - begun:.1f} s, answers matched in "
        f"{observed - fetched:.1f} s",
        file=sys.stderr,
    )
    return seconds, used, len(past.key), known[user < _users(len(past.key), share)]


def _sends(past: History) -> tuple[np.ndarray, Viewpoints, np.ndarray]:
    """Return the user's number, the viewpoint and the half-hour cell of every send."""
    send = np.flatnonzero(past.key & 15 == kind(EventType.SEND))
    user = np.repeat(np.arange(len(past.users), dtype=np.int32), np.diff(past.first))[send]
    sent_us = past.key[send] >> 4
    local_us = past.zone_offsets.local_us(past.zones_before(user, sent_us), sent_us)
    cell = half_hour_cells(local_us, day_of_week(local_us) >= 5)  # all live in UTC
    return user, Viewpoints(past.users.take(pa.array(user)), pa.array(sent_us).cast(INSTANT)), cell


def _known(view: AsOfView, seen: Viewpoints, cell: np.ndarray) -> np.ndarray:
    """Return USER_FEATURES of each send, and the counts of its own half hour."""
    known = np.empty((len(seen), len(USER_FEATURES) + 5))
    for first in range(0, len(seen), SENDS_AT_ONCE):
        some, part = slice(first, first + SENDS_AT_ONCE), seen.slice(first, SENDS_AT_ONCE)
        known[some, : len(USER_FEATURES)] = view.user_features(part)
        found = view.user_evidence(part, half_life=HALF_LIFE)
        own = (np.arange(len(part)), *np.divmod(cell[some], HALF_HOURS))
        counts = [found.sessions, found.sends, *np.moveaxis(found.answers, 1, 0)]
        known[some, len(USER_FEATURES) :] = np.column_stack([each[own] for each in counts])
    return known


def sql(path: Path, share: float) -> tuple[float, float, int, np.ndarray]:
    """As `ours`, of the first users only."""
    file = File(path)
    last_user = f"user-{_users(_events(file, ''), share):07d}"
    windows = _WINDOWS.format(
        last_user=last_user,
        half_life_days=HALF_LIFE / timedelta(days=1),
        window_us=TARGET.params["window_us"],
    )
    begun, used = time.perf_counter(), time.process_time()
    told = file.query("windows", windows)
    seconds, used = time.perf_counter() - begun, time.process_time() - used
    told = told.sort_by([("user_id", "ascending"), ("us", "ascending")])
    values = np.column_stack([told[2 + each].to_numpy().astype(float) for each in range(19)])
    counts = values[:, len(USER_FEATURES) :]
    counts[np.isnan(counts)] = 0.0
    return seconds, used, _events(file, f"where user_id < '{last_user}'"), values


def _users(events: int, share: float = 1.0) -> int:
    return round(events / EVENTS_A_USER * share)


def _events(file: File, where: str) -> int:
    return int(file.query("events", f"select count(*) from event {where}")[0][0].as_py())


def measure(events: int = EVENTS, share: float = SQL_SHARE) -> Iterator[tuple[str, str, str, str]]:
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
