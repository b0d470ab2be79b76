"""In which window a requested send may go out: moments become instants on the user's clock.

At clock changes a local time is read as RFC 5545, section 3.3.5 reads it: one that the clocks show
twice is the earlier of the two, and one that they skip lies as far behind the change as it would
have lain behind the hour that was skipped. A shift is added to the instant, not to the clock face.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo

from sendopt.clock import zone_of
from sendopt.errors import InvalidInput
from sendopt.records import Campaign, EventMoment, LocalMoment, Moment, SendRequest
from sendopt.schedule.send_window import MAX_DAYS
from sendopt.schedule.window_faults import MAX_SLOTS

#: For so long the first allowed time is looked for where nobody says until when: quiet hours end
#: within a day.
_LOOKED_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RequestedWindow:
    """When one send may go out: `earliest_at <= t < latest_at`."""

    earliest_at: datetime
    latest_at: datetime
    is_chosen_in: bool  # there is a choice of times; else the first allowed one is taken


def instant_showing(shown: datetime, zone: tzinfo) -> datetime:
    """Return the instant, in UTC, at which clocks in `zone` show a naive local time.

    >>> berlin = zone_of("Europe/Berlin")
    >>> instant_showing(datetime(2026, 10, 25, 2, 30), berlin).isoformat()  # shown twice
    '2026-10-25T00:30:00+00:00'
    >>> instant_showing(datetime(2026, 3, 29, 2, 30), berlin).astimezone(berlin).isoformat()
    '2026-03-29T03:30:00+02:00'
    """
    return shown.replace(tzinfo=zone, fold=0).astimezone(UTC)


def events_named(request: SendRequest) -> tuple[EventMoment, ...]:
    """Return the events by which the window of a request is told."""
    moments = (request.not_before, request.not_after)
    return tuple(each for each in moments if isinstance(each, EventMoment))


def requested_window(
    request: SendRequest,
    campaign: Campaign,
    *,
    timezone: str,
    happened_at: Mapping[EventMoment, datetime],
    now: datetime,
) -> RequestedWindow | list[InvalidInput]:
    """Return the window of a request, or all that is wrong with it.

    Args:
        request: as it was read.
        campaign: within whose send window it must lie.
        timezone: the user's.
        happened_at: when the events happened that the request names; those that did not are left
            out.
        now: when it is asked for.
    """
    faults = [
        _not_happened(f"/{name}")
        for name in ("not_before", "not_after")
        if isinstance(moment := getattr(request, name), EventMoment) and moment not in happened_at
    ]
    if faults:
        return faults
    begins = _resolved(request.not_before, timezone, happened_at)
    ends = _resolved(request.not_after, timezone, happened_at)
    earliest_at = now if begins is None else max(begins, now)
    if request.within is not None:
        ends = earliest_at + request.within
    faults = list(_faults(begins, ends, earliest_at, campaign, now=now))
    if faults:
        return faults
    earliest_at = max(earliest_at, campaign.earliest_at)
    latest_at = earliest_at + _LOOKED_FOR if ends is None else ends
    return RequestedWindow(
        earliest_at,
        min(latest_at, campaign.latest_at),
        is_chosen_in=ends is not None and not campaign.at_once,
    )


def within_window(campaign: Campaign, window: RequestedWindow, request: SendRequest) -> Campaign:
    """Return the campaign as it holds for one send that was asked for.

    Where no time is chosen nobody is held out of that.
    """
    return replace(
        campaign,
        holdout=campaign.holdout if window.is_chosen_in else None,
        earliest_at=window.earliest_at,
        latest_at=window.latest_at,
        audience=(request.user_id,),
        at_once=not window.is_chosen_in,
        quiet_hours=None if request.ignores_quiet_hours else campaign.quiet_hours,
    )


def _resolved(
    moment: Moment | None, timezone: str, happened_at: Mapping[EventMoment, datetime]
) -> datetime | None:
    match moment:
        case LocalMoment():
            zone = zone_of(moment.timezone or timezone)
            return instant_showing(moment.shown, zone) + moment.shift
        case EventMoment():
            return happened_at[moment] + moment.shift
        case _:
            return moment


def _not_happened(field: str) -> InvalidInput:
    return InvalidInput(
        "no such event of this user is known",
        code="event_not_happened",
        field=field,
        expected="an event that has happened, and that was told before",
        hint="send the event first, by POST /v1/events, and ask for the message then",
    )


def _faults(
    begins: datetime | None,
    ends: datetime | None,
    earliest_at: datetime,
    campaign: Campaign,
    *,
    now: datetime,
) -> Iterator[InvalidInput]:
    if begins is not None and ends is not None and ends <= begins:
        yield InvalidInput(
            f"it is too late from {ends.isoformat()} on, before it begins at {begins.isoformat()}",
            code="window_invalid",
            field="/not_after",
            expected="a moment after not_before",
        )
    elif ends is not None and ends <= now:
        yield InvalidInput(
            f"it was too late at {ends.isoformat()}",
            code="no_feasible_slot",
            field="/not_after",
            expected=f"a moment after {now.isoformat()}",
        )
    elif ends is not None and _is_too_long(ends - earliest_at, campaign):
        yield InvalidInput(
            f"there are {(ends - earliest_at) / timedelta(days=1):.3g} days to choose in",
            code="window_invalid",
            field="/not_after",
            expected=f"at most {MAX_DAYS} days, and {MAX_SLOTS} times of the campaign's "
            "slot_minutes",
        )
    if earliest_at >= campaign.latest_at:
        yield _outside(
            f"begins at {earliest_at.isoformat()}, when the send window of the campaign is over",
            "/not_before",
            campaign,
        )
    elif ends is not None and ends <= campaign.earliest_at:
        yield _outside(
            f"ends at {ends.isoformat()}, before the send window of the campaign begins",
            "/not_after",
            campaign,
        )


def _is_too_long(length: timedelta, campaign: Campaign) -> bool:
    return length > timedelta(days=MAX_DAYS) or length / campaign.slot > MAX_SLOTS


def _outside(what: str, field: str, campaign: Campaign) -> InvalidInput:
    earliest_at, latest_at = campaign.earliest_at.isoformat(), campaign.latest_at.isoformat()
    return InvalidInput(
        what,
        code="no_feasible_slot",
        field=field,
        expected=f"some time from {earliest_at} on and before {latest_at}",
        hint="revise the campaign, if it shall send then",
    )
