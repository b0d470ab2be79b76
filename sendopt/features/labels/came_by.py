"""What users did of themselves around some instants, whether anything was sent to them or not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features.queries import statement
from sendopt.log import Reader
from sendopt.records import EventType, UserId


def came_by(
    reader: Reader,
    user_ids: Sequence[UserId],
    at: Sequence[datetime],
    *,
    event_type: EventType,
    name: str | None,
    window: timedelta,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return whether each user did it after their instant, and whether before; 0 or 1.

    Args:
        reader: the tenant's log.
        user_ids: one an instant.
        at: the instants.
        event_type: what is looked for.
        name: only events whose attribute `name` it is; None = all.
        window: [at, at + window) is after the instant, [at - window, at) before it.
    """
    instants = pa.array(at, pa.timestamp("us", tz="UTC")).cast(pa.int64())
    asked = pa.table(
        {
            "number": pa.array(np.arange(len(at))),
            "user_id": pa.array(user_ids, pa.string()),
            "at_us": instants,
        }
    )
    found = reader.query(
        "came_by",
        statement("came_by"),
        {
            "event_type": event_type.value,
            "name": name,
            "window_us": window // timedelta(microseconds=1),
        },
        {"asked": asked},
    )
    after, before = np.zeros(len(at)), np.zeros(len(at))
    row = found["number"].to_numpy()
    after[row] = found["came_after"].to_numpy().astype(np.float64)
    before[row] = found["came_before"].to_numpy().astype(np.float64)
    return after, before
