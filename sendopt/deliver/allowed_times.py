"""When a user may be reached, by what is known at the hand-over."""

from __future__ import annotations

from datetime import datetime, tzinfo

from sendopt.clock import zone_at, zone_names, zone_of
from sendopt.quiet_hours import (
    in_quiet_hours,
    next_allowed_everywhere,
    next_quiet_anywhere,
)
from sendopt.records import DueSend, QuietHours


def allowed_at(send: DueSend, instant: datetime) -> datetime:
    """Return the first instant from `instant` on at which the user may be reached.

    It may lie behind the expiry.
    """
    instant = max(instant, send.preferences.snoozed_until or instant)
    zones, quiet = zones_of(send), _quiet(send)
    if not any(in_quiet_hours(instant, zone, each) for zone in zones for each in quiet):
        return instant
    return next_allowed_everywhere(instant, zones, quiet, until=send.expires_at)


def shown_until(send: DueSend, instant: datetime) -> datetime:
    """Return until when a message that is handed over at `instant` may be shown.

    That is its expiry, or when it becomes quiet first: a push service keeps a message for a phone
    that is switched off, and rings when it is switched on.
    """
    return next_quiet_anywhere(instant, zones_of(send), _quiet(send), until=send.expires_at)


def zones_of(send: DueSend) -> tuple[tzinfo, ...]:
    """Return the zones in whose night the user is not disturbed; () = none is known any more.

    What the device says by now, if it says anything: whoever has travelled since the send was
    planned is asleep there. Else the zone of the plan, and where the user may live as well.
    """
    zone = zone_by_now(send)
    if zone is None:
        return ()
    offsets = () if _zone_of_device(send) else send.quiet_offsets
    return (zone_of(zone), *map(zone_at, offsets))


def zone_by_now(send: DueSend) -> str | None:
    """Return the zone that the device shows, else that of the plan; None = the store lost it."""
    return _zone_of_device(send) or send.timezone


def _zone_of_device(send: DueSend) -> str | None:
    told = None if send.device is None else send.device.timezone
    return told if told in zone_names() else None


def _quiet(send: DueSend) -> list[QuietHours]:
    """Return the campaign's quiet hours, and the user's own."""
    both = (send.quiet_hours, send.preferences.quiet_hours)
    return [each for each in both if each is not None]
