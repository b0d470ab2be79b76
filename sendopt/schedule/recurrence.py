"""Reads on which dates a campaign comes again, and refuses what falls on none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from sendopt.errors import InvalidInput
from sendopt.records import Recurrence
from sendopt.schedule.fields import LocalDate, read_local_date
from sendopt.schedule.send_window import WEEKDAYS, Weekday
from sendopt.strict_json import StrictModel, examined

EXAMPLE: dict[str, Any] = {
    "first_local_date": "2026-12-01",
    "last_local_date": "2027-01-26",  # null = until it is cancelled, which must be said
    "weekdays": ["tue"],  # or "every_days": 14, or "month_days": [1, -1]
    "except_local_dates": ["2026-12-29"],  # optional
}

_AT = "/recurrence"
#: The ways to say on which dates; each recurrence says one.
RULES = ("weekdays", "every_days", "month_days")
_MOST_LEFT_OUT = 366
_LONGEST_MONTH_DAY = 28

MonthDay = Annotated[int, Field(ge=-_LONGEST_MONTH_DAY, le=_LONGEST_MONTH_DAY)]


def _described(schema: dict[str, Any]) -> None:
    schema["examples"] = [EXAMPLE]
    schema["oneOf"] = [{"required": [name]} for name in RULES]
    for name in RULES:
        schema["properties"][name].pop("default", None)


class RecurrenceDefinition(StrictModel):
    """On which dates of each user's own calendar: on days of the week, every so many, or monthly.

    Both ends are included. Of `month_days` -1 is the last day of the month.
    """

    model_config = ConfigDict(json_schema_extra=_described)

    first_local_date: LocalDate
    last_local_date: LocalDate | None
    weekdays: Annotated[list[Weekday], Field(min_length=1, max_length=7)] | None = None
    every_days: Annotated[int, Field(ge=1, le=366)] | None = None
    month_days: Annotated[list[MonthDay], Field(min_length=1, max_length=31)] | None = None
    except_local_dates: Annotated[list[LocalDate], Field(max_length=_MOST_LEFT_OUT)] = Field(
        default_factory=list
    )


def recurrence_of(given: RecurrenceDefinition) -> Recurrence:
    """Return the recurrence that a definition without faults says."""
    weekdays, month_days = given.weekdays, given.month_days
    return Recurrence(
        first=given.first_local_date,
        last=given.last_local_date,
        weekdays=None if weekdays is None else frozenset(map(WEEKDAYS.index, weekdays)),
        every_days=given.every_days,
        month_days=None if month_days is None else frozenset(month_days),
        left_out=frozenset(given.except_local_dates),
    )


def recurrence_faults(definition: Mapping[str, Any]) -> Iterator[InvalidInput]:
    """Yield what contradicts within the recurrence of a definition.

    Of fields that cannot be read nothing is said here.
    """
    given = definition.get("recurrence")
    if not isinstance(given, dict):
        return
    said = [name for name in RULES if given.get(name) is not None]
    if len(said) != 1:
        yield InvalidInput(
            f"says on which dates in {len(said)} ways: {', '.join(said)}"
            if said
            else "does not say on which dates",
            code="recurrence_invalid",
            field=_AT,
            expected=f"one of {', '.join(RULES)}",
        )
    for name in (*RULES, "except_local_dates"):
        yield from _repeated(given.get(name), name)
    month_days = given.get("month_days")
    if isinstance(month_days, list) and 0 in month_days:
        yield InvalidInput(
            "a month has no day 0",
            code="recurrence_invalid",
            field=f"{_AT}/month_days",
            expected="1 to 28, or -1 for the last day of a month, to -28",
        )
    read, _ = examined(RecurrenceDefinition, given)
    if read is not None and len(said) == 1:
        yield from _of_dates(recurrence_of(read), given)


def _repeated(listed: Any, name: str) -> Iterator[InvalidInput]:
    if not isinstance(listed, list):
        return
    twice = next((each for at, each in enumerate(listed) if each in listed[:at]), None)
    if twice is not None and isinstance(twice, str | int):
        yield InvalidInput(
            f"names {twice} twice",
            code="duplicate_id",
            field=f"{_AT}/{name}",
            expected="each once",
        )


def _of_dates(recurrence: Recurrence, given: Mapping[str, Any]) -> Iterator[InvalidInput]:
    first, last = recurrence.first, recurrence.last
    if last is not None and last < first:
        yield InvalidInput(
            f"the last date, {last}, comes before the first, {first}",
            code="recurrence_invalid",
            field=f"{_AT}/last_local_date",
            expected="first_local_date <= last_local_date, both are included",
        )
        return
    if next(recurrence.dates(first), None) is None:
        yield InvalidInput(
            "falls on no date",
            code="no_feasible_slot",
            field=_AT,
            expected="at least one date from first_local_date to last_local_date",
        )
    rule = Recurrence(
        first, last, recurrence.weekdays, recurrence.every_days, recurrence.month_days
    )
    for at, told in enumerate(given.get("except_local_dates", [])):
        day = read_local_date(told)
        if day is not None and not _is_of(rule, day):
            yield InvalidInput(
                f"{day} is none of the dates of the series",
                code="recurrence_invalid",
                field=f"{_AT}/except_local_dates/{at}",
                expected="a date on which it would come",
            )


def _is_of(rule: Recurrence, day: date) -> bool:
    return next(rule.dates(day), None) == day
