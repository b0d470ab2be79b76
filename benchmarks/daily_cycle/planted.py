"""A planted log: 25 events a user in 60 days, and one more day of one user in a hundred.

python planted.py FOLDER USERS

Beside the log it writes what was planted, which sendopt does not see: of some users the probability
at every hour of the week after the log's end, and of all sends their mean and the log loss of who
knows them. It runs as a process of its own, so that its memory is not counted for what is measured.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from lattice import answers, table, tenant
from lattice.arrays import DAY, HOUR, Vector
from lattice.cohort import Cohort
from lattice.sends import Sends
from lattice.world import Habits, Segment, Sender, Sessions, World

PAST, NEXT_DAY = "events.parquet", "next_day.parquet"
WEEKS, SENDS = "planted_weeks.parquet", "planted_sends.json"
CHANGED = 100  # one user in so many has news on the next day
_SEED = 7
_KNOWN = 2_000  # users whose planted week is written, at most
_WEEK = 7 * 24
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
    weeks, sums = [], np.zeros(3)
    with closing(pq.ParquetWriter(folder / PAST, table.SCHEMA, compression="zstd")) as out:
        for cohort, recorded, rng in tenant.drawn(past, _SEED):
            out.write_table(table.events(cohort, recorded, rng))
            weeks.append(_weeks(cohort, every=max(1, users // _KNOWN)))
            sums += _of_sends(cohort, recorded.sends)
    pq.write_table(pa.concat_tables(weeks), folder / WEEKS)
    known = {"answered": sums[1] / sums[0], "log_loss": sums[2] / sums[0]}
    (folder / SENDS).write_text(json.dumps(known), "utf-8")
    with closing(pq.ParquetWriter(folder / NEXT_DAY, table.SCHEMA, compression="zstd")) as out:
        for cohort, recorded, rng in tenant.drawn(following, _SEED + 1):
            out.write_table(_of_some(table.events(cohort, recorded, rng)))


def _weeks(cohort: Cohort, *, every: int) -> pa.Table:
    """Return what was planted of every so many'th user, at each hour of the week after the end."""
    user = np.flatnonzero((cohort.first + np.arange(len(cohort))) % every == 0)
    midnight = cohort.world.end.timestamp()
    local = np.tile(midnight + np.arange(_WEEK) * HOUR, len(user))
    user = np.repeat(user, _WEEK)
    monday_first = (local // DAY + 3).astype(np.int64) % 7  # 1970 began on a Thursday
    at = cohort.instant(user, local)
    planted = answers.expected_probability(cohort, user, at, np.zeros(len(user), np.int64))
    return pa.table(
        {
            "user_id": table.user_ids(cohort.first + user),
            "day_of_week": pa.array(monday_first, pa.int8()),
            "hour": pa.array(local % DAY // HOUR, pa.int8()),
            "planted": planted,
        }
    )


def _of_sends(cohort: Cohort, sends: Sends) -> Vector:
    """Return the number of sends, and the sums of what was planted and of its entropy."""
    planted = answers.expected_probability(cohort, sends.user, sends.at, sends.message_type)
    entropy = -planted * np.log(planted) - (1.0 - planted) * np.log1p(-planted)
    return np.array([len(sends), planted.sum(), entropy.sum()])


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
