"""Reads the definition of a series, and makes the campaign of each of its dates.

A series is what a campaign is, but for its dates: a recurrence and a time of the day stand in the
place of the send window. Each date is one message to each user, so it is one campaign, with this
date of each user's own calendar as its window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema

from sendopt.errors import InvalidInput, together
from sendopt.local_window import everywhere
from sendopt.records import CampaignId, LocalWindow, Recurrence, SeriesId
from sendopt.schedule.campaign import EXAMPLE as CAMPAIGN_EXAMPLE
from sendopt.schedule.campaign import MessageDefinition
from sendopt.schedule.contradictions import contradictions
from sendopt.schedule.fields import Name
from sendopt.schedule.recurrence import EXAMPLE as RECURRENCE_EXAMPLE
from sendopt.schedule.recurrence import RecurrenceDefinition, recurrence_faults, recurrence_of
from sendopt.schedule.send_window import LOCAL_EXAMPLE, LocalTimesDefinition
from sendopt.strict_json import examined

_OF_CAMPAIGN_ALONE = ("campaign_id", "send_window", "candidate_times")
_OF_SERIES_ALONE = ("series_id", "recurrence", "local_times", "lead_minutes")

EXAMPLE: dict[str, Any] = {
    "series_id": "tuesday-tips",
    "recurrence": RECURRENCE_EXAMPLE,
    "local_times": LOCAL_EXAMPLE["local_times"],  # optional; all day long
    "lead_minutes": 240,  # optional, this is the default
    **{name: CAMPAIGN_EXAMPLE[name] for name in ("channel", "variants", "audience", "quiet_hours")},
}

_DATE_CHARACTERS = len("-2026-12-01")
_MOST_CHARACTERS = 128 - _DATE_CHARACTERS
_WEEK_MINUTES = 7 * 24 * 60


@dataclass(frozen=True, slots=True)
class Series:
    """A campaign that comes again."""

    series_id: SeriesId
    recurrence: Recurrence
    start: time  # of the window of each date, on each user's clock
    end: time  # not later than `start` = of the day after
    lead: timedelta  # by so much each date is committed before it begins anywhere
    definition: Any  # as it was given


@dataclass(frozen=True, slots=True)
class SeriesDate:
    """One date of a series, and the campaign that it becomes."""

    local_date: date
    campaign_id: CampaignId
    commit_at: datetime  # its lead before its window begins at +14:00
    ends_at: datetime  # when its window is over everywhere


def _series_id(value: str) -> str:
    if len(value) > _MOST_CHARACTERS:
        raise InvalidInput(
            f"has {len(value)} characters",
            code="id_invalid",
            expected=f"at most {_MOST_CHARACTERS}: each date is appended to it, as -2026-12-01",
        )
    return value


class SeriesDefinition(MessageDefinition):
    """A campaign that comes again on certain dates, and how long before each is planned."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    series_id: Annotated[
        Name,
        AfterValidator(_series_id),
        WithJsonSchema(
            {
                "type": "string",
                "pattern": f"^[A-Za-z0-9][A-Za-z0-9._:-]{{0,{_MOST_CHARACTERS - 1}}}$",
            }
        ),
    ]
    recurrence: RecurrenceDefinition
    local_times: LocalTimesDefinition | None = None
    lead_minutes: Annotated[int, Field(ge=0, le=_WEEK_MINUTES)] = 240


def parse_series(definition: Any, *, now: datetime) -> Series:
    """Read a series from parsed JSON.

    Raises:
        InvalidInput: all that is wrong, each with a JSON Pointer; the code is that of the first,
            one of those of `parse_campaign`, or `recurrence_invalid`; `no_feasible_slot` if the
            last date is over everywhere at `now`.
    """
    given, faults = examined(SeriesDefinition, definition)
    if isinstance(definition, dict):
        faults += recurrence_faults(definition)
        faults += _of_messages(definition, now=now)
    if given is None or faults:
        raise together(faults)
    series = _series(given, definition)
    if next(dates_from(series, not_over_at=now), None) is None:
        raise InvalidInput(
            "the last of its dates is over everywhere",
            code="no_feasible_slot",
            field="/recurrence/last_local_date",
            expected="a date that is not over, or null",
        )
    return series


def stored_series(definition: Any) -> Series:
    """Read a series that was accepted before.

    Raises:
        InvalidInput: if this release cannot read it.
    """
    given, faults = examined(SeriesDefinition, definition)
    if given is None:
        raise together(faults)
    return _series(given, definition)


def dates_from(
    series: Series, *, since: date | None = None, not_over_at: datetime
) -> Iterator[SeriesDate]:
    """Yield the dates of a series, from `since` on, inclusive, whose windows are not over."""
    # No window is open two days after its date began where it begins last.
    earliest = (not_over_at - timedelta(days=3)).date()
    for day in series.recurrence.dates(earliest if since is None else max(since, earliest)):
        found = date_of(series, day)
        if found.ends_at > not_over_at:
            yield found


def date_of(series: Series, day: date) -> SeriesDate:
    """Return one date of a series."""
    window = everywhere(LocalWindow((day,), series.start, series.end))
    return SeriesDate(
        day,
        CampaignId(f"{series.series_id}-{day}"),
        commit_at=window.begins_at - series.lead,
        ends_at=window.ends_at,
    )


def campaign_definition(definition: Mapping[str, Any], day: date) -> dict[str, Any]:
    """Return the definition of the campaign of one date."""
    window: dict[str, Any] = {"local_dates": [day.isoformat()]}
    if definition.get("local_times") is not None:
        window["local_times"] = definition["local_times"]
    return {
        "campaign_id": f"{definition.get('series_id')}-{day}",
        "send_window": window,
        **{name: value for name, value in definition.items() if name not in _OF_SERIES_ALONE},
    }


def _series(given: SeriesDefinition, definition: Any) -> Series:
    times = given.local_times
    return Series(
        SeriesId(given.series_id),
        recurrence_of(given.recurrence),
        time(0) if times is None else times.start,
        time(0) if times is None else times.end,
        timedelta(minutes=given.lead_minutes),
        definition,
    )


def _of_messages(definition: dict[str, Any], *, now: datetime) -> Iterator[InvalidInput]:
    """Yield what contradicts in the campaign that each date becomes, by the names of the series."""
    if definition.get("audience") == "triggered":
        yield InvalidInput(
            "is triggered, while a series comes by itself",
            code="audience_invalid",
            field="/audience",
            expected='"everyone", or a list of user ids',
        )
        return
    left = {name: definition[name] for name in definition if name not in _OF_CAMPAIGN_ALONE}
    for fault in contradictions(campaign_definition(left, now.date() + timedelta(days=2)), now=now):
        field = (fault.field or "").removeprefix("/send_window")
        yield fault.at("/recurrence" if field == "" else field)
