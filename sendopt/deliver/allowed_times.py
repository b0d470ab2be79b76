"""When a user may be reached, by what is known at the hand-over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo

from sendopt.clock import zone_at, zone_names, zone_of
from sendopt.frequency import Contact, broken_by, may_change_at
from sendopt.local_window import next_span
from sendopt.quiet_hours import (
    in_quiet_hours,
    next_allowed_everywhere,
    next_quiet_anywhere,
)
from sendopt.records import (
    NO_LIMITS,
    DueSend,
    Exclusion,
    QuietHours,
    SendingLimits,
)
from sendopt.rules import LegalHours, legal_quiet


@dataclass(frozen=True, slots=True)
class Frequency:
    """How often the user of a send may be sent to, and what the user has beside it."""

    limits: SendingLimits
    got: tuple[Contact, ...] = ()  # was handed over, or may have been, or is at this moment
    to_come: tuple[Contact, ...] = ()  # planned, at the times that it has by now

    def with_all(self) -> Frequency:
        """Return it as if all that is to come were there already."""
        return replace(self, got=self.got + self.to_come)


#: Of a message that no limit over campaigns counts, or of a tenant that has none.
UNLIMITED = Frequency(NO_LIMITS)


def barred_by(
    send: DueSend, instant: datetime, frequency: Frequency = UNLIMITED
) -> Exclusion | None:
    """Return what forbids to reach the user at an instant; None = nothing does."""
    snoozed_until = send.preferences.snoozed_until
    if snoozed_until is not None and instant < snoozed_until:
        return Exclusion.SNOOZED
    if _in_window_at(send, instant) != instant:
        return Exclusion.LOCAL_WINDOW
    law = _law(send)
    if law is not None and law.hours.forbid(instant, law.zone):
        return Exclusion.LEGAL_HOURS
    for quiet, exclusion in _quiet(send):
        if any(in_quiet_hours(instant, zone, quiet) for zone in zones_of(send)):
            return exclusion
    return broken_by(frequency.limits, frequency.got, instant, send.message_type)


def allowed_at(send: DueSend, instant: datetime, frequency: Frequency = UNLIMITED) -> datetime:
    """Return the first instant from `instant` on at which the user may be reached.

    It may lie behind the expiry, where no time is left.
    """
    later: Iterator[datetime] = iter(())
    if frequency.got:
        later = iter(may_change_at(frequency.limits, frequency.got, send.message_type))
    while (instant := _undisturbed_at(send, instant)) < send.expires_at:
        if broken_by(frequency.limits, frequency.got, instant, send.message_type) is None:
            break
        instant = next((at for at in later if at > instant), send.expires_at)
    return instant


def shown_until(send: DueSend, instant: datetime) -> datetime:
    """Return until when a message that is handed over at `instant` may be shown.

    That is its expiry, or when it becomes quiet or forbidden by law first, or the window is over
    where the user is: a push service keeps a message for a phone that is switched off, and rings
    when it is switched on.
    """
    quiet = [each for each, _ in _quiet(send)]
    until = min(send.expires_at, _closes_at(send, instant))
    law = _law(send)
    if law is not None:
        until = law.hours.next_forbidden(instant, law.zone, until=until)
    return next_quiet_anywhere(instant, zones_of(send), quiet, until=until)


def zones_of(send: DueSend) -> tuple[tzinfo, ...]:
    """Return the zones in whose night the user is not disturbed; () = none is known any more.

    What the device or the profile says by now, if either says anything: whoever has travelled since
    the send was planned is asleep there. Else the zone of the plan, and where the user may live as
    well.
    """
    zone = zone_by_now(send)
    if zone is None:
        return ()
    offsets = () if _zone_said(send) else send.quiet_offsets
    return (zone_of(zone), *map(zone_at, offsets))


def zone_by_now(send: DueSend) -> str | None:
    """Return the zone that device or profile say, else that of the plan; None = it is lost."""
    return _zone_said(send) or send.timezone


def _zone_said(send: DueSend) -> str | None:
    of_device = None if send.device is None else send.device.timezone
    return next((said for said in (of_device, send.profile_timezone) if said in zone_names()), None)


def _undisturbed_at(send: DueSend, instant: datetime) -> datetime:
    """Return the first instant from `instant` on in the window, lawful, not snoozed, not quiet."""
    instant = max(instant, send.preferences.snoozed_until or instant)
    zones, quiet, law = zones_of(send), [each for each, _ in _quiet(send)], _law(send)
    while (instant := _in_window_at(send, instant)) < send.expires_at:
        if law is not None and law.hours.forbid(instant, law.zone):
            instant = law.hours.next_allowed(instant, law.zone, until=send.expires_at)
        elif any(in_quiet_hours(instant, zone, each) for zone in zones for each in quiet):
            instant = next_allowed_everywhere(instant, zones, quiet, until=send.expires_at)
        else:
            break
    return instant


def _in_window_at(send: DueSend, instant: datetime) -> datetime:
    """Return the first instant from `instant` on in the window, if that is in local dates.

    It is judged where the user is now; the expiry, where it is over there. To a window of two
    instants plan and expiry keep: then it is `instant`.
    """
    zone = zone_by_now(send)
    if send.local_window is None or zone is None:
        return instant
    span = next_span(send.local_window, zone_of(zone), instant)
    return max(instant, send.expires_at) if span is None else span.begins_at


def _closes_at(send: DueSend, instant: datetime) -> datetime:
    """Return when the window that `instant` is in is over where the user is now."""
    zone = zone_by_now(send)
    if send.local_window is None or zone is None:
        return send.expires_at
    span = next_span(send.local_window, zone_of(zone), instant)
    return send.expires_at if span is None else span.ends_at


@dataclass(frozen=True, slots=True)
class _Law:
    hours: LegalHours
    zone: tzinfo  # where the user lives


def _law(send: DueSend) -> _Law | None:
    """Return the hours of the law where the user lives by now; None = nobody knows where, or none.

    To ignore quiet hours is no leave to break a law.
    """
    if not send.is_under_law:
        return None
    planned_for = send.timezone_source
    lived_in = send.timezone if planned_for is not None and planned_for.is_of_user else None
    zone = _zone_said(send) or lived_in
    hours = None if zone is None else legal_quiet(zone, send.message_class, send.channel)
    return None if zone is None or hours is None else _Law(hours, zone_of(zone))


def _quiet(send: DueSend) -> list[tuple[QuietHours, Exclusion]]:
    """Return the campaign's quiet hours, and the user's own; none where they do not hold."""
    if send.ignores_quiet_hours:
        return []
    both = (
        (send.quiet_hours, Exclusion.QUIET_HOURS),
        (send.preferences.quiet_hours, Exclusion.QUIET_HOURS_OWN),
    )
    return [(each, exclusion) for each, exclusion in both if each is not None]
