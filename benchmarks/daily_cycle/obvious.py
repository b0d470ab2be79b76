"""What one would write first: a pandas frame of user x 168 slots, and LightGBM's `predict`.

python obvious.py EVENTS.parquet USERS

It learns from the sends of a sample of the log's users, scores every hour of the week of each of
them, and prints what scoring took as JSON. Reading the file, learning and starting Python are not
counted: only what grows with every user who is scored.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd

WINDOW = pd.Timedelta(minutes=30)
FEATURES = [
    "hour_of_week", "hour", "sends", "opens", "sessions", "open_rate", "days_since_open",
    "days_since_session", "opens_at_hour", "sessions_at_hour", "sessions_at_slot", "platform",
]  # fmt: skip


def main() -> None:
    events = _local(_sample(Path(sys.argv[1]), int(sys.argv[2])))
    until = events["occurred_at"].max()
    model = _learn(events, until)
    begun, cpu = time.perf_counter(), time.process_time()
    frame = _features(events, _every_slot(events), until)
    model.predict(frame[FEATURES])
    users = events["user_id"].nunique()
    print(
        json.dumps(
            {
                "users": users,
                "wall": time.perf_counter() - begun,
                "cpu": time.process_time() - cpu,
                "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
            }
        )
    )


def _sample(file: Path, users: int) -> pd.DataFrame:
    events = pd.read_parquet(
        file,
        columns=["user_id", "event_type", "occurred_at", "send_id", "timezone", "platform"],
        filters=[("user_id", "in", [f"u{number}" for number in range(users)])],
    )
    return events.sort_values("occurred_at")


def _local(events: pd.DataFrame) -> pd.DataFrame:
    """Add the hour of the local week."""
    for zone, rows in events.groupby("timezone").groups.items():
        local = events.loc[rows, "occurred_at"].dt.tz_convert(str(zone))
        events.loc[rows, "hour_of_week"] = local.dt.day_of_week * 24 + local.dt.hour
    events["hour_of_week"] = events["hour_of_week"].astype(int)
    events["hour"] = events["hour_of_week"] % 24
    return events


def _learn(events: pd.DataFrame, until: pd.Timestamp) -> lgb.LGBMClassifier:
    """Learn from the sends of the last two weeks, described by what was before."""
    since = until - pd.Timedelta(days=14)
    sends = events[(events["event_type"] == "send") & (events["occurred_at"] >= since)]
    opens = events[events["event_type"] == "open"].drop_duplicates("send_id")
    joined = sends.merge(opens[["send_id", "occurred_at"]], on="send_id", how="left")
    delay = joined["occurred_at_y"] - joined["occurred_at_x"]
    slots = joined[["user_id", "hour_of_week", "hour"]]
    frame = _features(events[events["occurred_at"] < since], slots, since)
    model = lgb.LGBMClassifier(n_estimators=200, num_leaves=31, n_jobs=2, verbose=-1)
    return model.fit(frame[FEATURES], np.asarray(delay < WINDOW))


def _every_slot(events: pd.DataFrame) -> pd.DataFrame:
    users = events["user_id"].unique()
    hour_of_week = np.tile(np.arange(168), len(users))
    return pd.DataFrame(
        {
            "user_id": np.repeat(users, 168),
            "hour_of_week": hour_of_week,
            "hour": hour_of_week % 24,
        }
    )


def _features(events: pd.DataFrame, slots: pd.DataFrame, until: pd.Timestamp) -> pd.DataFrame:
    """Describe slots of users by what the users did."""
    by_type = {name: events[events["event_type"] == name] for name in ("send", "open", "session")}
    users = pd.DataFrame(index=slots["user_id"].unique())
    for name, rows in by_type.items():
        users[f"{name}s"] = rows.groupby("user_id").size()
    users = users.fillna(0)
    users["open_rate"] = users["opens"] / users["sends"].clip(lower=1)
    for name in ("open", "session"):
        last = by_type[name].groupby("user_id")["occurred_at"].max()
        users[f"days_since_{name}"] = (until - last).dt.total_seconds() / 86_400
    users["platform"] = events.groupby("user_id")["platform"].last() == "ios"
    frame = slots.merge(users, left_on="user_id", right_index=True, how="left")
    for name, rows, keys in (
        ("opens_at_hour", by_type["open"], ["user_id", "hour"]),
        ("sessions_at_hour", by_type["session"], ["user_id", "hour"]),
        ("sessions_at_slot", by_type["session"], ["user_id", "hour_of_week"]),
    ):
        counts = rows.groupby(keys).size().rename(name).reset_index()
        frame = frame.merge(counts, on=keys, how="left")
        frame[name] = frame[name].fillna(0)
    frame["platform"] = frame["platform"] == True  # noqa: E712 - unknown counts as no
    return frame


if __name__ == "__main__":
    main()
