"""How often an inferred zone is right: on a log whose users' zones are known.

Half of the users teach the clocks and the prior; of the other half the zone is hidden and inferred
from their sessions. "kept" counts those of whom a set of offsets is claimed, "held" how often the
true offset lies in it, which has to be at least the confidence that is claimed.

python -P benchmarks/zones.py LOG.parquet     (events with sessions and their zones)
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sendopt.app import open_app
from sendopt.clock import SystemClock
from sendopt.features.inferred_zone import OFFSETS, infer_zones, offset_index
from sendopt.records import TenantId
from sendopt.settings import Settings

TENANT = TenantId("default")


def main(path: str) -> None:
    events = pq.read_table(path)
    sessions = events.filter(pc.field("event_type") == "session")
    users = sorted(sessions["user_id"].unique().to_pylist())
    hidden = users[::2]
    home = dict(
        zip(events["user_id"].to_pylist(), events["timezone"].to_pylist(), strict=True)
    )  # the last one stays
    as_of = pc.max(sessions["occurred_at"]).as_py() + timedelta(seconds=1)
    is_hidden = pc.is_in(sessions["user_id"], pa.array(hidden))
    shown = sessions.set_column(
        sessions.column_names.index("timezone"),
        "timezone",
        pc.if_else(is_hidden, pa.scalar(None, pa.string()), sessions["timezone"]),
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sessions.parquet"
        pq.write_table(shown, file)
        with closing(open_app(Settings(home=Path(folder)), clock=SystemClock())) as app:
            app.as_owner_of(TENANT).events.import_files([file], progress=lambda _path, _rows: None)
            with app.reader(TENANT) as reader:
                found = infer_zones(reader, hidden, as_of=as_of, tenant_zone="UTC")
    recent = sessions.filter(pc.field("occurred_at") >= pa.scalar(as_of - timedelta(days=90)))
    hours = dict.fromkeys(hidden, 0)
    for user, count in zip(*recent["user_id"].value_counts().flatten(), strict=True):
        if user.as_py() in hours:
            hours[user.as_py()] = count.as_py()
    print("| sessions in 90 days | users | kept | held | claimed | offsets kept |")
    print("|---|---|---|---|---|---|")
    for low, high in ((1, 10), (10, 30), (30, 100), (100, 10**9), (1, 10**9)):
        some = [user for user in hidden if low <= hours[user] < high]
        kept = [user for user in some if user in found]
        if not kept:
            continue
        true = {user: int(OFFSETS[offset_index(home[user], as_of)]) * 60 for user in kept}
        held = np.mean([true[user] in found[user].offsets for user in kept])
        claimed = np.mean([found[user].confidence for user in kept])
        width = np.mean([len(found[user].offsets) for user in kept])
        name = "all" if (low, high) == (1, 10**9) else f"{low} to {high}"
        name = "100 or more" if low == 100 else name
        print(
            f"| {name} | {len(some):,} | {len(kept) / len(some):.2f} | {held:.3f} "
            f"| {claimed:.3f} | {width:.1f} |"
        )


if __name__ == "__main__":
    main(sys.argv[1])
