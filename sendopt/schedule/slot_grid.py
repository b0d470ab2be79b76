"""Candidate times that many users share, and what is the same of them for all of these."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sendopt.clock import zone_of
from sendopt.records import Campaign, Slot
from sendopt.schedule.audience import AudienceMember
from sendopt.schedule.candidates import candidate_slots, own_limits
from sendopt.schedule.variants import part_of_day
from sendopt.schedule.windows import closes_at, minutes_apart


@dataclass(frozen=True, eq=False)
class SlotGrid:
    """The candidates of users in one zone, under the same limits.

    Attributes:
        slots: in order of time, at least one, allowed or not, none with a probability.
        closes_at: when the send window that each lies in is over where the users are.
        minutes_off: how far each lies from the configured time on the clock face, 0 to 720.
        hour: that the users' clock shows, 0 to 23.
    """

    slots: tuple[Slot, ...]
    closes_at: tuple[datetime, ...]
    minutes_off: NDArray[np.int16]
    hour: NDArray[np.int8]

    @cached_property
    def starts_at(self) -> tuple[datetime, ...]:
        return tuple(slot.starts_at for slot in self.slots)

    @cached_property
    def starts_us(self) -> NDArray[np.int64]:
        """When each begins, in microseconds since 1970."""
        starts_at = [at.replace(tzinfo=None) for at in self.starts_at]
        return np.array(starts_at, "datetime64[us]").astype(np.int64)

    @cached_property
    def part(self) -> NDArray[np.int8]:
        """The part of the day of each slot on the users' clock, see `part_of_day`."""
        return np.array([part_of_day(hour) for hour in self.hour.tolist()], np.int8)

    @cached_property
    def allowed(self) -> NDArray[np.intp]:
        """Which of the slots nothing excludes, in order of time."""
        return np.flatnonzero([slot.excluded_by is None for slot in self.slots])

    @cached_property
    def excluded_by(self) -> NDArray[np.object_]:
        """The `Exclusion` of each slot, or None."""
        return np.array([slot.excluded_by for slot in self.slots], np.object_)

    @cached_property
    def nearest(self) -> int:
        """The slot nearest to the configured time, allowed or not; of equals the earliest."""
        return int(self.minutes_off.argmin())

    @cached_property
    def nearest_allowed(self) -> int | None:
        """The allowed slot nearest to the configured time; None = none is allowed."""
        if not len(self.allowed):
            return None
        return int(self.allowed[self.minutes_off[self.allowed].argmin()])


@dataclass(frozen=True, eq=False)
class SharedGrid:
    """A grid, and which members of the audience have it."""

    grid: SlotGrid
    rows: NDArray[np.intp]


def shared_grids(
    campaign: Campaign, members: Sequence[AudienceMember], *, now: datetime
) -> list[SharedGrid]:
    """Return the grids of all who may be reached, the others have none; each member once.

    Args:
        campaign: whose window, grid and quiet hours are looked at.
        members: the audience.
        now: nothing is planned before it.

    Raises:
        InvalidInput: `zone_invalid`.
    """
    rows_of: dict[Hashable, list[int]] = {}
    for row, member in enumerate(members):
        if member.suppressed_by is None and member.device is not None:
            rows_of.setdefault(own_limits(campaign, member, now=now), []).append(row)
    found = []
    for rows in rows_of.values():
        member = members[rows[0]]
        slots = candidate_slots(campaign, member, now=now)
        grid = grid_of(campaign, slots, timezone=member.timezone)
        found.append(SharedGrid(grid, np.array(rows, np.intp)))
    return found


def grid_of(campaign: Campaign, slots: tuple[Slot, ...], *, timezone: str) -> SlotGrid:
    """Return candidate times of a campaign with what they are on the clocks of a zone."""
    zone = zone_of(timezone)
    local = [slot.starts_at.astimezone(zone) for slot in slots]
    configured = campaign.fallback_local_time
    return SlotGrid(
        slots,
        tuple([closes_at(campaign, zone, slot.starts_at) for slot in slots]),
        np.array([minutes_apart(at.time(), configured) for at in local], np.int16),
        np.array([at.hour for at in local], np.int8),
    )
