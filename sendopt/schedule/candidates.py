"""The times at which a user could get the message of a campaign."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from functools import lru_cache

from sendopt.clock import zone_at, zone_of
from sendopt.local_window import Span
from sendopt.quiet_hours import in_quiet_hours, next_quiet_anywhere
from sendopt.records import (
    Campaign,
    Exclusion,
    QuietHours,
    Slot,
)
from sendopt.rules import LegalHours
from sendopt.schedule.audience import AudienceMember
from sendopt.schedule.windows import first_allowed, instants_showing, spans_of, times_of_day


@dataclass(frozen=True, slots=True)
class _Limits:
    """What may put a time of one user out of the question."""

    zone: tzinfo
    night_zones: tuple[tzinfo, ...]  # where it may be night as well
    quiet: QuietHours | None  # the campaign's
    own_quiet: QuietHours | None
    snoozed_until: datetime | None
    now: datetime
    spans: tuple[Span, ...]  # the send window, in order; () = clocks in `zone` never show it
    legal: LegalHours | None = None  # of the law where the user lives

    def excluded_by(self, at: datetime) -> Exclusion | None:
        """Return what forbids `at`; None = nothing does."""
        if not self.spans:
            return Exclusion.LOCAL_WINDOW
        if at < self.now:
            return Exclusion.PAST
        if self.snoozed_until is not None and at < self.snoozed_until:
            return Exclusion.SNOOZED
        if self.legal is not None and self.legal.forbid(at, self.zone):
            return Exclusion.LEGAL_HOURS
        return self._quiet_by(at)

    def _quiet_by(self, at: datetime) -> Exclusion | None:
        """Return whose quiet hours forbid `at`; None = nobody's."""
        if self.quiet is not None:
            if in_quiet_hours(at, self.zone, self.quiet):
                return Exclusion.QUIET_HOURS
            if any(in_quiet_hours(at, zone, self.quiet) for zone in self.night_zones):
                return Exclusion.QUIET_HOURS_INFERRED
        if self.own_quiet is not None and any(
            in_quiet_hours(at, zone, self.own_quiet) for zone in (self.zone, *self.night_zones)
        ):
            return Exclusion.QUIET_HOURS_OWN
        return None

    def first_allowed(self) -> datetime | None:
        """Return the first instant of the window that is allowed, or None."""
        begin = max(self.now, self.snoozed_until or self.now)
        zones = (self.zone, *self.night_zones)
        quiet = [each for each in (self.quiet, self.own_quiet) if each is not None]
        for span in self.spans:
            first = first_allowed(max(span.begins_at, begin), span.ends_at, zones, quiet)
            while first is not None and self.legal is not None:
                lawful = self.legal.next_allowed(first, self.zone, until=span.ends_at)
                if lawful == first:
                    break
                first = first_allowed(lawful, span.ends_at, zones, quiet)
            if first is not None:
                return first
        return None


def candidate_slots(
    campaign: Campaign, member: AudienceMember, *, now: datetime
) -> tuple[Slot, ...]:
    """Return every candidate time of `member`, allowed or not, none with a probability yet.

    Candidates are the local times `campaign.slot` apart and the fallback time, inside the send
    window; or exactly the campaign's candidate times for this user, where it names some. Where
    the grid leaves nothing to choose, the first allowed instant of the window joins it: no
    message is lost to a grid. Where no time is chosen there are two at most: when the message
    would go out, and when it may. Sorted by time; at least one, allowed or not.

    Raises:
        InvalidInput: `zone_invalid`.
    """
    zone = zone_of(member.timezone)
    limits = _Limits(
        zone,
        tuple(map(zone_at, member.quiet_offsets)),
        campaign.quiet_hours,
        member.own_quiet_hours,
        _snoozed_until(campaign, member, now=now),
        now,
        spans_of(campaign, zone),
        member.legal_hours,
    )
    given = (campaign.candidate_times or {}).get(member.user_id)
    if given is not None:
        return _judged(set(given), limits)
    if campaign.at_once:
        return _at_once(limits, earliest_at=campaign.earliest_at)
    return _grid_slots(
        slot=campaign.slot,
        fallback=campaign.fallback_local_time,
        limits=limits,
        earliest_at=campaign.earliest_at,
    )


def own_limits(campaign: Campaign, member: AudienceMember, *, now: datetime) -> Hashable:
    """Return what of `member` decides on the candidate times: who has equal ones has the same."""
    given = (campaign.candidate_times or {}).get(member.user_id)
    return (
        member.timezone,
        member.quiet_offsets,
        member.own_quiet_hours,
        _snoozed_until(campaign, member, now=now),
        member.legal_hours,
        None if given is None else frozenset(given),
    )


def _snoozed_until(campaign: Campaign, member: AudienceMember, *, now: datetime) -> datetime | None:
    """Return until when `member` wants nothing; None = it is over before anything could be sent."""
    until = member.snoozed_until
    return None if until is None or until <= max(now, campaign.earliest_at) else until


def slot_ends(
    campaign: Campaign,
    member: AudienceMember,
    starts_at: Sequence[datetime],
    closes_at: Sequence[datetime],
) -> list[datetime]:
    """Return until when a message of each slot may still fall due as well as at its beginning.

    Until the next one begins, and for no longer than a slot lasts; inside the window, and outside
    of quiet hours. Slots that are not allowed end when they begin, or later.

    Args:
        campaign: whose slots they are.
        member: one of those who have them.
        starts_at: in order of time.
        closes_at: when the window that each lies in is over.
    """
    zones = (zone_of(member.timezone), *map(zone_at, member.quiet_offsets))
    both = (campaign.quiet_hours, member.own_quiet_hours)
    quiet = [each for each in both if each is not None]
    later = [*starts_at[1:], closes_at[-1]]
    legal = member.legal_hours
    return [
        next_quiet_anywhere(
            at,
            zones,
            quiet,
            until=_lawful_until(at, min(at + campaign.slot, following, closes), zones[0], legal),
        )
        for at, following, closes in zip(starts_at, later, closes_at, strict=True)
    ]


def _lawful_until(
    at: datetime, until: datetime, zone: tzinfo, legal: LegalHours | None
) -> datetime:
    return until if legal is None else legal.next_forbidden(at, zone, until=until)


@lru_cache(maxsize=1024)  # a campaign has a million users, and a few hundred zones
def _grid_slots(
    *, slot: timedelta, fallback: time, limits: _Limits, earliest_at: datetime
) -> tuple[Slot, ...]:
    shown = times_of_day(slot, fallback)
    times = [at for span in limits.spans for at in instants_showing(shown, *span, limits.zone)]
    slots = _judged(times, limits)
    if any(slot.excluded_by is None for slot in slots):
        return slots
    first = limits.first_allowed()
    if first is not None:
        times.append(first)
    elif not times:
        # Its exclusion tells which rule left no time.
        times.append(limits.spans[0].begins_at if limits.spans else earliest_at)
    return _judged(times, limits)


@lru_cache(maxsize=1024)
def _at_once(limits: _Limits, *, earliest_at: datetime) -> tuple[Slot, ...]:
    # Where the window is over, or never comes, the time at which it was to be says so.
    begins_at = limits.spans[-1].begins_at if limits.spans else earliest_at
    still = (max(span.begins_at, limits.now) for span in limits.spans if limits.now < span.ends_at)
    first = limits.first_allowed()
    times = {next(still, begins_at)} | (set() if first is None else {first})
    return _judged(times, limits)


def _judged(times: Iterable[datetime], limits: _Limits) -> tuple[Slot, ...]:
    return tuple(Slot(at, None, limits.excluded_by(at)) for at in sorted(times))
