"""The times at which a user could get the message of a campaign."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from functools import lru_cache

from sendopt.clock import zone_at, zone_of
from sendopt.quiet_hours import in_quiet_hours
from sendopt.records import (
    Campaign,
    Exclusion,
    QuietHours,
    Slot,
)
from sendopt.schedule.audience import AudienceMember
from sendopt.schedule.windows import first_allowed, instants_showing, times_of_day


@dataclass(frozen=True, slots=True)
class _Limits:
    """What may put a time of one user out of the question."""

    zone: tzinfo
    night_zones: tuple[tzinfo, ...]  # where it may be night as well
    quiet: QuietHours | None  # the campaign's
    own_quiet: QuietHours | None
    snoozed_until: datetime | None
    now: datetime

    def excluded_by(self, at: datetime) -> Exclusion | None:
        """Return what forbids `at`; None = nothing does."""
        if at < self.now:
            return Exclusion.PAST
        if self.snoozed_until is not None and at < self.snoozed_until:
            return Exclusion.SNOOZED
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

    def first_allowed(self, earliest_at: datetime, latest_at: datetime) -> datetime | None:
        """Return the first instant of a half-open window that is allowed, or None."""
        return first_allowed(
            max(earliest_at, self.now, self.snoozed_until or self.now),
            latest_at,
            (self.zone, *self.night_zones),
            [quiet for quiet in (self.quiet, self.own_quiet) if quiet is not None],
        )


def candidate_slots(
    campaign: Campaign, member: AudienceMember, *, now: datetime
) -> tuple[Slot, ...]:
    """Return every candidate time of `member`, allowed or not, none with a probability yet.

    Candidates are the local times `campaign.slot` apart and the fallback time, inside the send
    window; or exactly the campaign's candidate times for this user, where it names some. Where
    the grid leaves nothing to choose, the first allowed instant of the window joins it: no
    message is lost to a grid. Sorted by time; at least one, allowed or not.

    Raises:
        InvalidInput: `zone_invalid`.
    """
    limits = _Limits(
        zone_of(member.timezone),
        tuple(map(zone_at, member.quiet_offsets)),
        campaign.quiet_hours,
        member.own_quiet_hours,
        member.snoozed_until,
        now,
    )
    given = (campaign.candidate_times or {}).get(member.user_id)
    if given is not None:
        return _judged(set(given), limits)
    return _grid_slots(
        campaign.earliest_at,
        campaign.latest_at,
        slot=campaign.slot,
        fallback=campaign.fallback_local_time,
        limits=limits,
    )


@lru_cache(maxsize=1024)  # a campaign has a million users, and a few hundred zones
def _grid_slots(
    earliest_at: datetime,
    latest_at: datetime,
    *,
    slot: timedelta,
    fallback: time,
    limits: _Limits,
) -> tuple[Slot, ...]:
    zone = limits.zone
    times = instants_showing(times_of_day(slot, fallback), earliest_at, latest_at, zone)
    slots = _judged(times, limits)
    if any(slot.excluded_by is None for slot in slots):
        return slots
    first = limits.first_allowed(earliest_at, latest_at)
    if first is not None:
        times.append(first)
    elif not times:
        times.append(earliest_at)  # its exclusion tells which rule left no time
    return _judged(times, limits)


def _judged(times: Iterable[datetime], limits: _Limits) -> tuple[Slot, ...]:
    return tuple(Slot(at, None, limits.excluded_by(at)) for at in sorted(times))
