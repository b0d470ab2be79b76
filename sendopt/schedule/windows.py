"""Pure time rules: which instants of a window are candidates in a zone.

The policy at clock changes, with its reasons in docs/decisions/0006-time-rules.md:

* The window is two UTC instants, the same for everybody; or it is in local dates, and then each
  zone has its own spans of time (`sendopt.local_window`).
* A local time that the clocks skip in spring does not exist and is no candidate.
* A local time that the clocks show twice in autumn is two instants, and both are candidates.
* Every candidate is judged at its own UTC instant, so no hour can be mistaken for its twin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo

from sendopt.clock_changes import clock_settings
from sendopt.local_window import Span, next_span, spans_in
from sendopt.quiet_hours import next_allowed_everywhere
from sendopt.records import Campaign, QuietHours

_DAY = timedelta(days=1)


def times_of_day(slot: timedelta, *also: time) -> tuple[time, ...]:
    """Return the local times that stand `slot` apart from midnight on, and `also` these.

    >>> [str(t) for t in times_of_day(timedelta(hours=8), time(18, 30))]
    ['00:00:00', '08:00:00', '16:00:00', '18:30:00']
    """
    midnight = datetime(2000, 1, 1)  # noqa: DTZ001 - a clock face, in no zone
    grid = {(midnight + index * slot).time() for index in range(-(-_DAY // slot))}
    return tuple(sorted(grid | set(also)))


def instants_showing(
    times: Iterable[time], earliest_at: datetime, latest_at: datetime, zone: tzinfo
) -> list[datetime]:
    """Return every instant, in UTC, at which clocks in `zone` show one of `times`.

    Sorted, each once, `earliest_at <= instant < latest_at`.

    >>> from sendopt.clock import zone_of
    >>> autumn = datetime(2026, 10, 25, tzinfo=UTC)  # Berlin: 03:00 CEST becomes 02:00 CET
    >>> shown = instants_showing(
    ...     [time(2)], autumn, autumn + timedelta(days=1), zone_of("Europe/Berlin")
    ... )
    >>> [f"{instant:%H:%M}" for instant in shown]
    ['00:00', '01:00']
    """
    times = sorted(set(times))
    settings = clock_settings(zone, earliest_at, latest_at)
    ends = [setting.from_at for setting in settings[1:]] + [latest_at]
    found = []
    for (begins_at, offset), ends_at in zip(settings, ends, strict=True):
        # While nobody touches the clocks, local time is UTC and so much more.
        day, last = (begins_at + offset).date(), (ends_at + offset).date()
        while day <= last:
            shown = (datetime.combine(day, at, tzinfo=UTC) - offset for at in times)
            found += [instant for instant in shown if begins_at <= instant < ends_at]
            day += _DAY
    return found


def spans_of(campaign: Campaign, zone: tzinfo) -> tuple[Span, ...]:
    """Return when it is in the send window where clocks are those of `zone`: in order, apart."""
    if campaign.local_window is None:
        return (Span(campaign.earliest_at, campaign.latest_at),)
    return spans_in(campaign.local_window, zone)


def closes_at(campaign: Campaign, zone: tzinfo, at: datetime) -> datetime:
    """Return when the part of the send window that `at` lies in is over in `zone`."""
    if campaign.local_window is None:
        return campaign.latest_at
    span = next_span(campaign.local_window, zone, at)
    return campaign.latest_at if span is None else span.ends_at


def first_allowed(
    earliest_at: datetime,
    latest_at: datetime,
    zones: Sequence[tzinfo],
    quiet: Sequence[QuietHours],
) -> datetime | None:
    """Return the first instant of the half-open window that no quiet hours forbid in any zone.

    None = there is none.

    Raises:
        InvalidInput: `no_feasible_slot`, where quiet hours last all day.
    """
    if not quiet:
        return earliest_at if earliest_at < latest_at else None
    first = next_allowed_everywhere(earliest_at, zones, quiet, until=latest_at)
    return first if first < latest_at else None


def minutes_apart(one: time, other: time) -> int:
    """Return the distance on the clock face, which is a circle: at most 720 minutes.

    >>> minutes_apart(time(23, 30), time(0, 15))
    45
    """
    apart = abs((one.hour * 60 + one.minute) - (other.hour * 60 + other.minute))
    return min(apart, 24 * 60 - apart)
