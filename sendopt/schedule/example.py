"""A small campaign and a small series that are complete, to be copied and changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sendopt.clock import as_utc
from sendopt.schedule.campaign import EXAMPLE
from sendopt.schedule.send_window import WEEKDAYS
from sendopt.schedule.series import EXAMPLE as SERIES_EXAMPLE

_SMALL = ("campaign_id", "channel", "variants", "audience", "quiet_hours", "fallback_local_time")


def small_example(now: datetime) -> dict[str, Any]:
    """Return the definition of a campaign whose send window is the UTC day after `now`.

    It has every field that a campaign must have, and the time that others are compared with.
    """
    tomorrow = as_utc(now).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    window = {"earliest_at": tomorrow, "latest_at": tomorrow + timedelta(days=1)}
    return {name: EXAMPLE[name] for name in _SMALL} | {
        "send_window": {name: at.isoformat() for name, at in window.items()}
    }


def small_series(now: datetime) -> dict[str, Any]:
    """Return the definition of a series of eight weeks that begins two days after `now`."""
    first = as_utc(now).date() + timedelta(days=2)
    recurrence = {
        "first_local_date": first.isoformat(),
        "last_local_date": (first + timedelta(weeks=8)).isoformat(),
        "weekdays": [WEEKDAYS[first.weekday()]],
    }
    return SERIES_EXAMPLE | {"recurrence": recurrence}
