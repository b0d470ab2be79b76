"""A joint problem in which candidate times are cut into bins that take so many messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sendopt.frequency import UserLimit
from sendopt.records import Capacity
from sendopt.schedule.candidates import slot_ends
from sendopt.schedule.joint import Grids, JointProblem
from sendopt.schedule.joint_rules import as_rules
from sendopt.schedule.message_table import Block, MessageTable
from sendopt.schedule.room import MINUTE_US, Due, Room, bin_length, room_of


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
        if not len(self.slot):
            return bins
        at = self.problem.grids.first[table.block] + np.maximum(bins, 0)
        return np.where(bins < 0, -1, self.slot[at])

    def least_of_slots(
        self, column: NDArray[np.int8], block: int, *, slots: int
    ) -> NDArray[np.int8]:
        """Return the least entry of each slot's bins, -1 where it has none; (members, slots).

        Args:
            column: one entry a score of the problem.
            block: of which members.
            slots: how many their grid has.
        """
        its = self.slot[self.bins(block)]
        of_bins = column[self.first_cell[block] : self.first_cell[block + 1]]
        if not len(its):
            return np.full((0, slots), -1, np.int8)
        begins = np.flatnonzero(np.diff(its, prepend=-1))
        found = np.full((len(of_bins) // len(its), slots), -1, np.int8)
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
    length = bin_length([minutes for span in spans for minutes in span])
    bins = [
        _cut(table.scored(block).grid.allowed, *span, length)
        for block, span in zip(table.blocks, spans, strict=True)
    ]
    channels = sorted({table.channel(block) for block in table.blocks})
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


def _spans(table: MessageTable, block: Block) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return from which minute until which each allowed slot of a block's grid lasts."""
    scored, asked = table.scored(block), table.drafts[block.draft].asked
    grid = scored.grid
    ends = slot_ends(
        asked.campaign, asked.members[int(scored.rows[0])], grid.starts_at, grid.closes_at
    )
    end_us = np.array([end.replace(tzinfo=None) for end in ends], "datetime64[us]")
    end = end_us.astype(np.int64) // MINUTE_US
    return grid.starts_us[grid.allowed] // MINUTE_US, end[grid.allowed]


def _cut(
    slots: NDArray[np.intp], begin: NDArray[np.int64], end: NDArray[np.int64], length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return of which slot each bin is, and when it begins, in order of time."""
    count = np.maximum((end - begin) // length, 1)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(slots, count).astype(np.int64), np.repeat(begin, count) + within * length
