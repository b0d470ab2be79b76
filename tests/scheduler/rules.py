"""What may go out when, said once more for one event at a time, minute by minute.

Nothing here is the product's code: definitions and limits are read as the JSON that was given.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
_UNITS = {"m": MINUTE, "h": 60 * MINUTE, "d": 1440 * MINUTE}

#: When a user got a message, and of which type it was.
Contact = tuple[datetime, str | None]


def parsed(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def length(text: str) -> timedelta:
    return int(text[:-1]) * _UNITS[text[-1]]


def is_marketing(definition: dict[str, Any]) -> bool:
    return definition.get("message_class", "marketing") == "marketing"


def is_quiet(at: datetime, zone: str, hours: dict[str, str] | None) -> bool:
    if hours is None:
        return False
    return _between(at.astimezone(ZoneInfo(zone)).time(), hours)


def in_window(at: datetime, zone: str, definition: dict[str, Any]) -> bool:
    window = definition["send_window"]
    if "earliest_at" in window:
        return parsed(window["earliest_at"]) <= at < parsed(window["latest_at"])
    local = at.astimezone(ZoneInfo(zone))
    dates = {date.fromisoformat(each) for each in window["local_dates"]}
    hours = window.get("local_times")
    if hours is None:
        return local.date() in dates
    start, end = time.fromisoformat(hours["start"]), time.fromisoformat(hours["end"])
    if start < end:
        return local.date() in dates and start <= local.time() < end
    evening = local.date() in dates and local.time() >= start
    return evening or (local.date() - timedelta(days=1) in dates and local.time() < end)


def broken_limit(
    limits: dict[str, Any], others: Sequence[Contact], at: datetime, message_type: str | None
) -> str | None:
    """Return which limit on one user is broken with a message at `at` beside these others.

    A cap of k in a rolling window is broken where some window holds more: it is looked at from
    each message that it may begin with.
    """
    got = [*others, (at, message_type)]
    for name, most, within, of_type in _limits_on_a_user(limits):
        if of_type not in (None, message_type):
            continue
        times = [when for when, its_type in got if of_type in (None, its_type)]
        for begin in times:
            inside = [when for when in times if begin <= when < begin + within]
            if at in inside and len(inside) > most:
                return name
    return None


def _limits_on_a_user(limits: dict[str, Any]) -> Iterator[tuple[str, int, timedelta, str | None]]:
    for cap in limits.get("caps", ()):
        yield "frequency_cap", cap["at_most"], length(cap["within"]), cap.get("message_type")
    if limits.get("least_gap"):
        yield "least_gap", 1, length(limits["least_gap"]), None
    if limits.get("weekly_budget"):
        yield "weekly_budget", limits["weekly_budget"], timedelta(days=7), None


def minutes(since: datetime, until: datetime) -> Iterator[datetime]:
    """Yield an instant, all full minutes behind it, and the last microsecond before `until`."""
    at = since
    while at < until:
        yield at
        at = at.replace(second=0, microsecond=0) + MINUTE
    if since < until:
        yield until - timedelta(microseconds=1)


def _between(local: time, hours: dict[str, str]) -> bool:
    start, end = time.fromisoformat(hours["start"]), time.fromisoformat(hours["end"])
    if start < end:
        return start <= local < end
    return local >= start or local < end
