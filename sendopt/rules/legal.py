"""Hours in which the law of the country where a user lives forbids messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from enum import StrEnum
from functools import cache, lru_cache
from typing import Annotated, Literal

from pydantic import Field

from sendopt.quiet_hours import in_quiet_hours, next_showing
from sendopt.records import Channel, MessageClass, QuietHours
from sendopt.rules.countries import countries_of
from sendopt.rules.rows import HoursRow, PastReview, read_rows, tables_of

_FILE = "legal_hours.toml"
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Medium(StrEnum):
    """What a law says that it is about."""

    PUSH = "push"  # messages of apps and web pages
    TEXT = "text"  # text messages and calls to a telephone number


#: What a message may be when it reaches its user. Nobody knows what a webhook makes of it.
_MEDIA: Mapping[Channel, frozenset[Medium]] = {
    Channel.WEB_PUSH: frozenset({Medium.PUSH}),
    Channel.WEBHOOK: frozenset(Medium),
    Channel.SIMULATOR: frozenset(Medium),
}


class LegalRule(HoursRow):
    """A law of one country on the hours of some days of the week."""

    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]  # ISO 3166
    message_class: Annotated[MessageClass, Field(strict=False)]
    media: Annotated[list[Annotated[Medium, Field(strict=False)]], Field(min_length=1)]
    weekdays: Annotated[
        list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]], Field(min_length=1)
    ]
    law: Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class LegalHours:
    """Hours in which nothing may be sent, by the weekday of the user's local date.

    Hours over midnight are cut there: those from 21:00 to 08:00 of a Monday are its first eight
    and its last three.
    """

    by_weekday: tuple[frozenset[QuietHours], ...]  # seven, Monday first

    def forbid(self, instant: datetime, zone: tzinfo) -> bool:
        """Tell whether clocks in `zone` show a forbidden time at `instant`."""
        quiet = self.by_weekday[instant.astimezone(zone).weekday()]
        return any(in_quiet_hours(instant, zone, each) for each in quiet)

    def next_allowed(self, instant: datetime, zone: tzinfo, *, until: datetime) -> datetime:
        """Return the first instant from `instant` on that is not forbidden, at most `until`."""
        while instant < until and self.forbid(instant, zone):
            instant = self._next_change(instant, zone)
        return min(instant, until)

    def next_forbidden(self, instant: datetime, zone: tzinfo, *, until: datetime) -> datetime:
        """Return the first instant from `instant` on that is forbidden, at most `until`."""
        while instant < until and not self.forbid(instant, zone):
            instant = self._next_change(instant, zone)
        return min(instant, until)

    def _next_change(self, instant: datetime, zone: tzinfo) -> datetime:
        """Return when the answer may be another one: hours or a date begin, or clocks change."""
        hours = frozenset[QuietHours]().union(*self.by_weekday)
        times = {time(), *(each.start for each in hours), *(each.end for each in hours)}
        return min(next_showing(instant, zone, each) for each in times)


@cache
def legal_rules() -> tuple[LegalRule, ...]:
    """Return every law that is known."""
    return read_rows(LegalRule, tables_of(_FILE)["rule"], at=f"{_FILE}/rule")


@lru_cache(4_096)
def legal_quiet(zone_name: str, message_class: MessageClass, channel: Channel) -> LegalHours | None:
    """Return when the law forbids a message to users of a zone; None = never, as far as is known.

    Where the zone may be of several countries, what one of them forbids is forbidden. A zone that
    names no place, such as "UTC", is of no country.
    """
    countries, media = countries_of(zone_name), _MEDIA[channel]
    return _week(
        rule
        for rule in legal_rules()
        if rule.country in countries
        and rule.message_class is message_class
        and not media.isdisjoint(rule.media)
    )


def past_review(today: date) -> list[PastReview]:
    """Return the laws that somebody should have looked at again by today."""
    return [
        PastReview(f"the law of {rule.country}: {rule.law}", rule.source, rule.review_by)
        for rule in legal_rules()
        if rule.review_by < today
    ]


def _week(rules: Iterable[LegalRule]) -> LegalHours | None:
    by_weekday: list[set[QuietHours]] = [set() for _ in _WEEKDAYS]
    for rule in rules:
        for weekday in rule.weekdays:
            by_weekday[_WEEKDAYS.index(weekday)].add(rule.hours)
    return LegalHours(tuple(map(frozenset, by_weekday))) if any(by_weekday) else None
