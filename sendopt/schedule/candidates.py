"""The times at which a user could get the message of a campaign."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

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
    zone = zone_of(member.timezone)
    night_zones = tuple(map(zone_at, member.quiet_offsets))
    given = (campaign.candidate_times or {}).get(member.user_id)
    if given is not None:
        return _judged(set(given), zone, night_zones, quiet=campaign.quiet_hours, now=now)
    return _grid_slots(
        campaign.earliest_at,
        campaign.latest_at,
        slot=campaign.slot,
        fallback=campaign.fallback_local_time,
        quiet=campaign.quiet_hours,
        zone=zone,
        night_zones=night_zones,
        now=now,
    )


@lru_cache(maxsize=1024)  # a campaign has a million users, and a few hundred zones
def _grid_slots(
    earliest_at: datetime,
    latest_at: datetime,
    *,
    slot: timedelta,
    fallback: time,
    quiet: QuietHours | None,
    zone: ZoneInfo,
    night_zones: tuple[ZoneInfo, ...],
    now: datetime,
) -> tuple[Slot, ...]:
    times = instants_showing(times_of_day(slot, fallback), earliest_at, latest_at, zone)
    slots = _judged(times, zone, night_zones, quiet=quiet, now=now)
    if any(slot.excluded_by is None for slot in slots):
        return slots
    first = first_allowed(max(earliest_at, now), latest_at, (zone, *night_zones), quiet)
    if first is not None:
        times.append(first)
    elif not times:
        times.append(earliest_at)  # its exclusion tells which rule left no time
    return _judged(times, zone, night_zones, quiet=quiet, now=now)


def _judged(
    times: Iterable[datetime],
    zone: ZoneInfo,
    night_zones: Sequence[ZoneInfo],
    *,
    quiet: QuietHours | None,
    now: datetime,
) -> tuple[Slot, ...]:
    return tuple(
        Slot(at, None, _excluded_by(at, zone, night_zones, quiet, now)) for at in sorted(times)
    )


def _excluded_by(
    at: datetime,
    zone: ZoneInfo,
    night_zones: Sequence[ZoneInfo],
    quiet: QuietHours | None,
    now: datetime,
) -> Exclusion | None:
    if at < now:
        return Exclusion.PAST
    if quiet is not None:
        if in_quiet_hours(at, zone, quiet):
            return Exclusion.QUIET_HOURS
        if any(in_quiet_hours(at, night_zone, quiet) for night_zone in night_zones):
            return Exclusion.QUIET_HOURS_INFERRED
    return None
