"""A planted log: 25 events a user in 60 days, and one more day of one user in a hundred.

python planted.py FOLDER USERS

It runs as a process of its own, so that its memory is not counted for what is measured.
"""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from lattice import table, tenant
from lattice.world import Habits, Segment, Sender, Sessions, World

PAST, NEXT_DAY = "events.parquet", "next_day.parquet"
CHANGED = 100  # one user in so many has news on the next day
_SEED = 7
_SIXTY_DAYS = World(
    "daily_cycle",
    "One send and a session or two a week, over five zones and two platforms.",
    zones=(
        "Europe/Berlin",
        "America/New_York",
        "America/Sao_Paulo",
        "Asia/Kolkata",
        "Australia/Adelaide",
    ),
    habits=Habits(
        evening=0.3,
        platforms=(Segment("ios", 0.2, 20.0, 0.4), Segment("android", -0.1, 12.0, 0.2)),
    ),
    sender=Sender(a_week=1),
    sessions=Sessions(a_day=0.18, uneven=0.8),
)


def main() -> None:
    folder, users = Path(sys.argv[1]), int(sys.argv[2])
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    past = replace(_SIXTY_DAYS, users=users, end=today - timedelta(days=1))
    following = replace(
        past,
        days=1,
        end=today,
        sender=Sender(),
        sessions=Sessions(a_day=1.0),
    )
    _write(folder / PAST, past)
    _write(folder / NEXT_DAY, following, of_next_day=True)


def _write(file: Path, world: World, *, of_next_day: bool = False) -> None:
    with closing(pq.ParquetWriter(file, table.SCHEMA, compression="zstd")) as out:
        for cohort, recorded, rng in tenant.drawn(world, _SEED + of_next_day):
            events = table.events(cohort, recorded, rng)
            out.write_table(_of_some(events) if of_next_day else events)


def _of_some(events: pa.Table) -> pa.Table:
    """Return the events of every hundredth user, under ids that the days before do not have."""
    number = pc.utf8_slice_codeunits(events["user_id"], 1).cast(pa.int64())
    whole = pc.equal(pc.multiply(pc.divide(number, CHANGED), CHANGED), number)
    events = events.filter(whole)
    for name in ("event_id", "send_id"):
        renamed = pc.binary_join_element_wise("next", events[name], "-")
        events = events.set_column(events.schema.get_field_index(name), name, renamed)
    return events


if __name__ == "__main__":
    main()
