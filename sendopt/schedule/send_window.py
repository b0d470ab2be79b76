"""What a campaign says of when it may send: two instants, or dates on each user's own calendar."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any, Literal, get_args

from pydantic import ConfigDict, Field

from sendopt.local_window import everywhere
from sendopt.records import LocalWindow
from sendopt.schedule.fields import Instant, LocalDate, LocalTime
from sendopt.strict_json import StrictModel

INSTANTS_EXAMPLE: dict[str, Any] = {
    "earliest_at": "2026-10-25T00:00:00+02:00",
    "latest_at": "2026-10-26T00:00:00+01:00",
}
#: The 25th of December, in the morning, wherever you are.
LOCAL_EXAMPLE: dict[str, Any] = {
    "local_dates": ["2026-12-25"],
    "local_times": {"start": "08:00", "end": "12:00"},
}

MAX_DAYS = 31  # from the first to the last

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[str, ...] = get_args(Weekday)

#: The ways to say a window; a field is of one of them, but for `local_times`, which is of both the
#: latter.
INSTANTS = frozenset({"earliest_at", "latest_at"})
LISTED = frozenset({"local_dates"})
RANGE = frozenset({"first_local_date", "last_local_date", "weekdays"})


#: What a field holds that is not said. To say null is refused (`window_faults`).
_UNSAID: Any = None


class LocalTimesDefinition(StrictModel):
    """A time of the day on each user's clock: `start <= t < end`, over midnight if start > end."""

    model_config = ConfigDict(json_schema_extra={"examples": [LOCAL_EXAMPLE["local_times"]]})

    start: LocalTime
    end: LocalTime


def _described(schema: dict[str, Any]) -> None:
    """Say to others which fields make a window; none of them has a default."""
    for field in schema["properties"].values():
        field.pop("default", None)
    schema["examples"] = [INSTANTS_EXAMPLE, LOCAL_EXAMPLE]
    schema["oneOf"] = [
        {"required": ["earliest_at", "latest_at"]},
        {"required": ["local_dates"]},
        {"required": ["first_local_date", "last_local_date"]},
    ]


class WindowDefinition(StrictModel):
    """When the campaign may send: between two instants, or on dates of each user's calendar.

    Either `earliest_at <= t < latest_at`, the same for everybody. Or on `local_dates`, or from
    `first_local_date` to `last_local_date`, both included, if they are one of `weekdays`: at
    `local_times` of these days, or all day long.
    """

    model_config = ConfigDict(json_schema_extra=_described)

    earliest_at: Instant = _UNSAID
    latest_at: Instant = _UNSAID
    local_dates: list[LocalDate] = Field(default=_UNSAID, min_length=1, max_length=MAX_DAYS)
    first_local_date: LocalDate = _UNSAID
    last_local_date: LocalDate = _UNSAID
    weekdays: list[Weekday] = Field(default=_UNSAID, min_length=1, max_length=7)
    local_times: LocalTimesDefinition = _UNSAID

    @property
    def local(self) -> LocalWindow | None:
        """The window on users' clocks; None = it is two instants."""
        said = self.model_fields_set
        if said & INSTANTS:
            return None
        if said & LISTED:
            dates = tuple(sorted(self.local_dates))
        else:
            weekdays = self.weekdays if "weekdays" in said else WEEKDAYS
            dates = dates_between(self.first_local_date, self.last_local_date, weekdays)
        if "local_times" not in said:
            return LocalWindow(dates)
        return LocalWindow(dates, self.local_times.start, self.local_times.end)

    @property
    def ends(self) -> tuple[datetime, datetime]:
        """From when to when it is in the window in any zone on earth."""
        local = self.local
        return (self.earliest_at, self.latest_at) if local is None else everywhere(local)


def dates_between(first: date, last: date, weekdays: Collection[str]) -> tuple[date, ...]:
    """Return the dates from `first` to `last`, both included, that are one of `weekdays`.

    >>> [str(day) for day in dates_between(date(2026, 12, 1), date(2026, 12, 15), ["tue"])]
    ['2026-12-01', '2026-12-08', '2026-12-15']
    """
    days = (first + timedelta(days=index) for index in range((last - first).days + 1))
    return tuple(day for day in days if WEEKDAYS[day.weekday()] in weekdays)
