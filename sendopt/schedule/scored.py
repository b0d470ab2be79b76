"""What is thought of the candidate times of members who share a grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sendopt.schedule.bars import NO_BAR, WORDS
from sendopt.schedule.slot_grid import SharedGrid, SlotGrid


@dataclass(frozen=True, eq=False)
class Scored:
    """Members who may be reached, and what was said of their slots.

    Attributes:
        rows: of the members in the audience.
        grid: which all of them have.
        probability: (members, slots); NaN = could not be scored.
        logit_sd: (members, slots), >= 0; NaN = unsaid, which counts as sure.
        barred_by: (members, slots), what bars a slot of the grid for one member, as a number of
            `BARS`; None = nothing bars any.
    """

    rows: NDArray[np.intp]
    grid: SlotGrid
    probability: NDArray[np.float64]
    logit_sd: NDArray[np.float64]
    barred_by: NDArray[np.int8] | None = None

    def among(self, some: NDArray[np.bool_]) -> Scored:
        """Return some of the members."""
        return Scored(
            self.rows[some],
            self.grid,
            self.probability[some],
            self.logit_sd[some],
            None if self.barred_by is None else self.barred_by[some],
        )

    def as_kept(self) -> Scored:
        """Return the scores as decision records keep them: choices rest on what is shown."""
        return replace(
            self,
            probability=_rounded(self.probability, np.float32),
            logit_sd=_rounded(self.logit_sd, np.float16),
        )

    def under(self, barred_by: NDArray[np.int8] | None) -> Scored:
        """Return the same members under other bars."""
        return replace(self, barred_by=barred_by)

    @cached_property
    def free(self) -> NDArray[np.bool_] | None:
        """Which of the slots that the grid allows a member may take; None = each may take all."""
        if self.barred_by is None:
            return None
        free: NDArray[np.bool_] = self.barred_by[:, self.grid.allowed] == NO_BAR
        return free

    @property
    def is_scored(self) -> NDArray[np.bool_]:
        """Whether something is said of what a member may take, or of all where that is nothing."""
        known = ~np.isnan(self.probability)
        asked = np.zeros(known.shape, np.bool_)
        asked[:, self.grid.allowed] = True if self.free is None else self.free
        asked[~asked.any(axis=1)] = True
        return np.asarray((known & asked).any(axis=1))

    @property
    def nearest(self) -> NDArray[np.intp]:
        """The slot of each that may be taken and is nearest to the configured time; -1 = none."""
        grid = self.grid
        if self.free is None or grid.nearest_allowed is None:
            nearest = -1 if grid.nearest_allowed is None else grid.nearest_allowed
            return np.full(len(self.rows), nearest, np.intp)
        far = np.iinfo(grid.minutes_off.dtype).max
        nearest = np.where(self.free, grid.minutes_off[grid.allowed], far).argmin(axis=1)
        return np.where(self.free.any(axis=1), grid.allowed[nearest], -1)

    def best(self, order: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the slot of each that may be taken and comes first; of equals the earliest.

        Args:
            order: (members, slots), the most comes first.

        Returns:
            -1 for a member who may take none.
        """
        allowed = self.grid.allowed
        if not len(allowed):
            return np.full(len(self.rows), -1, np.intp)
        among = order[:, allowed]
        if self.free is not None:
            among = np.where(self.free, among, -np.inf)
        best: NDArray[np.intp] = allowed[among.argmax(axis=1)]
        return best if self.free is None else np.where(self.free.any(axis=1), best, -1)

    def excluded_by(self, slot: NDArray[np.intp]) -> NDArray[np.object_]:
        """Return the `Exclusion` that keeps each member from one slot, or None."""
        found: NDArray[np.object_] = self.grid.excluded_by[slot]
        if self.barred_by is None:
            return found
        barred = WORDS[self.barred_by[np.arange(len(slot)), slot]]
        # As what both name is told what concerns the whole grid. Comparing words of an array with
        # None goes entry by entry.
        return np.where(found == None, barred, found)  # noqa: E711


def _rounded(
    numbers: NDArray[np.float64], to: type[np.float32 | np.float16]
) -> NDArray[np.float64]:
    if len(numbers) and numbers.strides[0] == 0:  # the same of all: one row stands for them
        return np.broadcast_to(_rounded(numbers[:1].copy(), to), numbers.shape)
    # Beyond the greatest number of a precision is infinity, of which nothing can be made.
    return np.minimum(numbers, np.finfo(to).max).astype(to).astype(np.float64)


def all_alike(
    shared: SharedGrid, probability: NDArray[np.float64], logit_sd: NDArray[np.float64]
) -> Scored:
    """Return members of whose slots the same is said, one entry a slot."""
    shape = len(shared.rows), len(shared.grid.slots)
    return Scored(
        shared.rows,
        shared.grid,
        np.broadcast_to(probability, shape),
        np.broadcast_to(logit_sd, shape),
    )


def unscored(shared: SharedGrid) -> Scored:
    """Return members of whom nothing is said."""
    nothing = np.full(len(shared.grid.slots), np.nan)
    return all_alike(shared, nothing, nothing)
