"""What is thought of the candidate times of members who share a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.schedule.slot_grid import SharedGrid, SlotGrid


@dataclass(frozen=True, eq=False)
class Scored:
    """Members who may be reached, and what was said of their slots.

    Attributes:
        rows: of the members in the audience.
        grid: which all of them have.
        probability: (members, slots); NaN = could not be scored.
        logit_sd: (members, slots), >= 0; NaN = unsaid, which counts as sure.
    """

    rows: NDArray[np.intp]
    grid: SlotGrid
    probability: NDArray[np.float64]
    logit_sd: NDArray[np.float64]

    def among(self, some: NDArray[np.bool_]) -> Scored:
        """Return some of the members."""
        return Scored(self.rows[some], self.grid, self.probability[some], self.logit_sd[some])


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
