"""What is wrong with a send window, as a whole and beside the rest of its campaign."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sendopt.errors import InvalidInput
from sendopt.local_window import everywhere
from sendopt.quiet_hours import in_quiet_hours
from sendopt.records import LocalWindow, QuietHours
from sendopt.schedule.fields import read_instant, read_local_date, read_local_time
from sendopt.schedule.send_window import (
    INSTANTS,
    INSTANTS_EXAMPLE,
    LISTED,
    LOCAL_EXAMPLE,
    MAX_DAYS,
    RANGE,
    WEEKDAYS,
    dates_between,
)
from sendopt.strict_json import escaped

MAX_SLOTS = 500  # of one user: the decision record keeps them all

_AT = "/send_window"
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class _Window:
    """A window in which nothing is wrong by itself."""

    earliest_at: datetime
    latest_at: datetime
    length: timedelta  # of which one user can have slots
    local: LocalWindow | None


def window_faults(definition: Mapping[str, Any], *, now: datetime) -> Iterator[InvalidInput]:
    """Yield every fault of the send window of a definition.

    `now` decides whether it is over. Of fields that cannot be read nothing is said here.
    """
    window = definition.get("send_window")
    if not isinstance(window, dict):
        return
    forms = list(_of_forms(window))
    yield from forms
    if forms:
        return
    read, faults = _read_instants(window) if INSTANTS & window.keys() else _read_local(window)
    yield from faults
    if read is None:
        return
    is_triggered = definition.get("audience") == "triggered"
    of_window = [] if is_triggered else list(_of_length(read, definition.get("slot_minutes", 60)))
    of_window += _of_end(read, now=now)
    yield from of_window
    if is_triggered and read.local is not None:
        yield InvalidInput(
            "is in local dates",
            code="window_invalid",
            field=_AT,
            expected="two instants: each send of a triggered campaign has a window of its own, "
            "which can be told in local times",
        )
    if read.local is not None:
        yield from _of_local_window(read.local, definition)
    elif not of_window:
        yield from _of_candidate_times(definition.get("candidate_times"), read)


def _of_forms(window: dict[str, Any]) -> Iterator[InvalidInput]:
    """Yield what keeps the fields from being one window: they are of two forms, or of none."""
    for name in sorted((INSTANTS | LISTED | RANGE | {"local_times"}) & window.keys()):
        if window[name] is None:
            yield InvalidInput(
                "is null",
                code="time_invalid",
                field=f"{_AT}/{name}",
                expected="a value, or nothing at all",
            )
    said = [form & window.keys() for form in (INSTANTS, LISTED, RANGE)]
    local_times = {"local_times"} & window.keys()
    if sum(map(bool, said)) > 1 or (said[0] and local_times):
        names = ", ".join(sorted(frozenset().union(*said) | local_times))
        yield InvalidInput(
            f"says in two ways when to send: {names}",
            code="window_invalid",
            field=_AT,
            expected="earliest_at and latest_at; or local_dates; or first_local_date and "
            "last_local_date, of certain weekdays or all",
            hint=f"for example {json.dumps(LOCAL_EXAMPLE)}",
        )
        return
    instants, listed, ranged = said
    needed = INSTANTS if instants or not (listed or ranged or local_times) else frozenset[str]()
    if ranged:
        needed = frozenset({"first_local_date", "last_local_date"})
    elif local_times and not listed:
        needed = LISTED
    for name in sorted(needed - window.keys()):
        yield InvalidInput(
            "is missing",
            code="missing_field",
            field=f"{_AT}/{name}",
            expected="an RFC 3339 instant" if name in INSTANTS else "a date",
            hint=None
            if instants or ranged
            else f"or dates on each user's calendar: {json.dumps(LOCAL_EXAMPLE)}",
        )


def _read_instants(window: dict[str, Any]) -> tuple[_Window | None, list[InvalidInput]]:
    """Return the window, or None where a part of it cannot be read, and what is wrong with it."""
    earliest_at, latest_at = (read_instant(window[name]) for name in ("earliest_at", "latest_at"))
    if earliest_at is None or latest_at is None:
        return None, []
    if earliest_at >= latest_at:
        hint = f"for example {json.dumps(INSTANTS_EXAMPLE)}"
        return None, [_inverted("earliest_at < latest_at", hint)]
    return _Window(earliest_at, latest_at, latest_at - earliest_at, None), []


def _inverted(expected: str, hint: str | None = None) -> InvalidInput:
    return InvalidInput(
        "the send window ends before it starts",
        code="window_invalid",
        field=_AT,
        expected=expected,
        hint=hint,
    )


def _read_local(window: dict[str, Any]) -> tuple[_Window | None, list[InvalidInput]]:
    """Return the window, or None where it is none, and what is wrong with it.

    What is named twice is as good as named once for judging the rest.
    """
    faults = list[InvalidInput]()
    dates = _read_dates(window, faults)
    times = window.get("local_times", {"start": "00:00", "end": "00:00"})
    if not isinstance(times, dict):
        return None, faults
    start, end = (read_local_time(times.get(name)) for name in ("start", "end"))
    if start is not None and start == end and "local_times" in window:
        faults.append(
            InvalidInput(
                f"starts and ends at {start:%H:%M}",
                code="window_invalid",
                field=f"{_AT}/local_times",
                expected="start and end that differ",
                hint="leave it out for all day long",
            )
        )
    if not dates or start is None or end is None or (start == end and "local_times" in window):
        return None, faults
    local = LocalWindow(dates, start, end)
    return _Window(*everywhere(local), len(dates) * local.length, local), faults


def _read_dates(window: dict[str, Any], faults: list[InvalidInput]) -> tuple[date, ...]:
    """Return the dates of the window, or none where they make none, and add to `faults`."""
    if "local_dates" in window:
        listed = window["local_dates"]
        read = [read_local_date(each) for each in listed] if isinstance(listed, list) else []
        dates = [each for each in read if each is not None]
        if len(dates) < len(read) or not dates:
            return ()
        faults += _repeated(listed, "local_dates", "each date once")
        found = tuple(sorted(set(dates)))
    else:
        first, last = (
            read_local_date(window[name]) for name in ("first_local_date", "last_local_date")
        )
        weekdays = window.get("weekdays")
        if first is None or last is None or not _are_weekdays(weekdays):
            return ()
        if first > last:
            faults.append(_inverted("first_local_date <= last_local_date, both are included"))
            return ()
        if (last - first).days < MAX_DAYS:
            faults += _repeated(weekdays or [], "weekdays", "each day of the week once")
            found = dates_between(first, last, WEEKDAYS if weekdays is None else weekdays)
        else:
            found = (first, last)
        if not found:
            faults.append(
                InvalidInput(
                    f"no date from {first} to {last} is one of these",
                    code="no_feasible_slot",
                    field=f"{_AT}/weekdays",
                    expected="a day of the week that comes between the first date and the last",
                )
            )
            return ()
    days = (found[-1] - found[0]).days + 1
    if days > MAX_DAYS:
        faults.append(
            InvalidInput(
                f"the send window lasts {days:,} days",
                code="window_invalid",
                field=_AT,
                expected=f"at most {MAX_DAYS} days from the first date to the last",
                hint="make a campaign for each month, or for each date",
            )
        )
        return ()
    return found


def _are_weekdays(given: Any) -> bool:
    return given is None or (isinstance(given, list) and all(each in WEEKDAYS for each in given))


def _repeated(given: list[Any], name: str, expected: str) -> list[InvalidInput]:
    if len(set(given)) == len(given):
        return []
    twice = next(each for each in given if given.count(each) > 1)
    return [
        InvalidInput(
            f"names {twice} twice", code="duplicate_id", field=f"{_AT}/{name}", expected=expected
        )
    ]


def _of_length(window: _Window, slot_minutes: Any) -> Iterator[InvalidInput]:
    slots = window.length / _MINUTE / slot_minutes if _is_count(slot_minutes) else 0
    if window.length > timedelta(days=MAX_DAYS) or slots > MAX_SLOTS:
        yield InvalidInput(
            f"the send window lasts {window.length / timedelta(days=1):.3g} days"
            + (f" and has {slots:.0f} slots" if slots else ""),
            code="window_invalid",
            field=_AT,
            expected=f"at most {MAX_SLOTS} slots and {MAX_DAYS} days",
            hint="narrow send_window or widen slot_minutes",
        )


def _of_end(window: _Window, *, now: datetime) -> Iterator[InvalidInput]:
    if window.latest_at <= now:
        local = window.local is not None
        yield InvalidInput(
            f"the send window was over {'everywhere ' if local else ''}at "
            f"{window.latest_at.isoformat()}",
            code="no_feasible_slot",
            field=_AT if local else f"{_AT}/latest_at",
            expected="a date that is not over" if local else f"an instant after {now.isoformat()}",
        )


def _of_local_window(window: LocalWindow, definition: Mapping[str, Any]) -> Iterator[InvalidInput]:
    """Yield what contradicts a window on users' clocks elsewhere in the definition."""
    if definition.get("candidate_times") is not None:
        yield InvalidInput(
            "names instants, while the send window is in local dates",
            code="window_invalid",
            field="/candidate_times",
            expected="no candidate_times, or a send window of two instants",
        )
    quiet = definition.get("quiet_hours")
    if not isinstance(quiet, dict):
        return
    start, end = (read_local_time(quiet.get(name)) for name in ("start", "end"))
    if start is None or end is None or start == end:
        return
    hours = QuietHours(start, end)
    begins_at = datetime.combine(window.dates[0], window.start, tzinfo=UTC)
    minutes = (begins_at + index * _MINUTE for index in range(window.length // _MINUTE))
    if all(in_quiet_hours(minute, UTC, hours) for minute in minutes):
        yield InvalidInput(
            f"last from {start:%H:%M} to {end:%H:%M} and cover all of the local times from "
            f"{window.start:%H:%M} to {window.end:%H:%M}",
            code="no_feasible_slot",
            field="/quiet_hours",
            expected="some of the local times outside quiet hours",
        )


def _of_candidate_times(candidate_times: Any, window: _Window) -> Iterator[InvalidInput]:
    """Hold every named time against the window: the two would contradict each other for ever."""
    if not isinstance(candidate_times, dict):
        return
    for user, times in candidate_times.items():
        for index, given in enumerate(times if isinstance(times, list) else ()):
            at = read_instant(given)
            if at is not None and not window.earliest_at <= at < window.latest_at:
                yield InvalidInput(
                    f"{at.isoformat()} lies outside the send window",
                    code="window_invalid",
                    field=f"/candidate_times/{escaped(user)}/{index}",
                    expected="earliest_at <= t < latest_at",
                )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
