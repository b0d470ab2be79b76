"""A joint problem in which candidate times are cut into bins that take so many messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sendopt.frequency import UserLimit
from sendopt.records import BARS, Capacity, Exclusion
from sendopt.schedule.bars import NO_BAR
from sendopt.schedule.candidates import slot_ends
from sendopt.schedule.joint import Grids, JointProblem
from sendopt.schedule.joint_rules import as_rules
from sendopt.schedule.message_table import Block, MessageTable
from sendopt.schedule.room import MINUTE_US, Due, Room, bin_length, room_of
from sendopt.schedule.slot_grid import SlotGrid

_CAPACITY = BARS.index(Exclusion.CAPACITY)


@dataclass(frozen=True, eq=False)
class Binned:
    """A problem over bins.

    Attributes:
        problem: its slots are bins, its grids those of the table's blocks.
        room: what bins take.
        slot: of which slot of its grid each bin is a part.
        first_cell: blocks + 1; where the scores of each begin, member by member.
    """

    problem: JointProblem
    room: Room
    slot: NDArray[np.int64]
    first_cell: NDArray[np.int64]

    def bins(self, block: int) -> slice:
        """Return where the bins of a block stand among all."""
        first = self.problem.grids.first
        return slice(int(first[block]), int(first[block + 1]))

    def slots(self, table: MessageTable, bins: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return of which slot the bin of each message is; -1 = it has none."""
        found = np.full(len(bins), -1, np.int64)
        has = bins >= 0
        found[has] = self.slot[self.problem.grids.first[table.block[has]] + bins[has]]
        return found

    def bars_of_slots(
        self, barred: NDArray[np.int8], block: int, *, grid: SlotGrid
    ) -> NDArray[np.int8]:
        """Return what bars each slot, of which nothing bars all bins; (members, slots).

        What has no bin has no whole minute, and so no capacity.

        Args:
            barred: what bars each bin, one entry a score of the problem.
            block: of which members.
            grid: theirs.
        """
        its = self.slot[self.bins(block)]
        of_bins = barred[self.first_cell[block] : self.first_cell[block + 1]]
        if not len(its):
            return np.full((0, len(grid.slots)), NO_BAR, np.int8)
        begins = np.flatnonzero(np.diff(its, prepend=-1))
        found = np.full((len(of_bins) // len(its), len(grid.slots)), NO_BAR, np.int8)
        found[:, np.setdiff1d(grid.allowed, its)] = _CAPACITY
        found[:, its[begins]] = np.minimum.reduceat(of_bins.reshape(-1, len(its)), begins, axis=1)
        return found


def binned(
    problem: JointProblem,
    table: MessageTable,
    limits: Sequence[UserLimit],
    capacities: Sequence[Capacity],
    due: Due,
) -> Binned:
    """Cut the candidate times of a problem into bins under capacities.

    Args:
        problem: without capacities.
        table: its messages.
        limits: on messages to one user.
        capacities: what each minute takes.
        due: what falls due already.
    """
    spans = [_spans(table, block) for block in table.blocks]
    length = bin_length([minutes for _, *span in spans for minutes in span])
    bins = [_cut(*span, length) for span in spans]
    # Of campaigns that reach nobody as well.
    channels = sorted({draft.asked.campaign.channel for draft in table.drafts})
    minute = np.concatenate([np.zeros(0, np.int64), *(begin for _, begin in bins)])
    begin, end = (int(minute.min()), int(minute.max()) + length) if len(minute) else (0, 0)
    room = room_of(
        capacities,
        channels,
        table.shares_of_groups(channels),
        due,
        begin=begin,
        end=end,
        length=length,
    )
    slot = np.concatenate([np.zeros(0, np.int64), *(slots for slots, _ in bins)])
    first = np.cumsum([0, *(len(slots) for slots, _ in bins)], dtype=np.int64)
    matrices = [
        table.of_block(problem.scores, block)[:, slots]
        for block, (slots, _) in zip(table.blocks, bins, strict=True)
    ]
    cells = np.cumsum([0, *(matrix.size for matrix in matrices)], dtype=np.int64)
    return Binned(
        replace(
            problem,
            messages=replace(
                problem.messages,
                score_at=cells[table.block] + table.place * np.diff(first)[table.block],
            ),
            scores=np.concatenate([np.zeros(0, np.float32), *map(np.ravel, matrices)]),
            grids=Grids(
                first,
                minute,
                np.ones(len(minute), np.bool_),
                np.concatenate(
                    [
                        np.zeros((0, 2), np.int32),
                        *(
                            room.buckets(table.channel(block), block.group, its_minute)
                            for block, (_, its_minute) in zip(table.blocks, bins, strict=True)
                        ),
                    ]
                ),
            ),
            capacity=room.capacity,
            rules=as_rules(limits, spread=length),
        ),
        room,
        slot,
        cells,
    )


def _spans(
    table: MessageTable, block: Block
) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]:
    """Return allowed slots of a block's grid, and from which minute until which each lasts.

    What ends within a minute is left out, unless all do: then each has the minute it lies in. Else
    one of them would cut all times into single minutes.
    """
    scored, asked = table.scored(block), table.drafts[block.draft].asked
    grid = scored.grid
    ends = slot_ends(
        asked.campaign, asked.members[int(scored.rows[0])], grid.starts_at, grid.closes_at
    )
    end_us = np.array([end.replace(tzinfo=None) for end in ends], "datetime64[us]")
    begin = grid.starts_us[grid.allowed] // MINUTE_US
    end = end_us.astype(np.int64)[grid.allowed] // MINUTE_US
    lasts = end > begin
    if not lasts.any():
        begin, first = np.unique(begin, return_index=True)
        return grid.allowed[first], begin, begin + 1
    return grid.allowed[lasts], begin[lasts], end[lasts]


def _cut(
    slots: NDArray[np.intp], begin: NDArray[np.int64], end: NDArray[np.int64], length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return of which slot each bin is, and when it begins, in order of time."""
    count = (end - begin) // length
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(slots, count).astype(np.int64), np.repeat(begin, count) + within * length
