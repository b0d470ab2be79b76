"""Keeps exploring out of minutes that may be full.

Whom a draw takes away from their best time takes room at another one. Into bins in which there
might not be enough nobody is drawn: that is settled before any draw, so that no draw decides on
another one, and chances stay what they are said to be.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

from sendopt.records import BARS, Exclusion
from sendopt.schedule.assign import Assignment
from sendopt.schedule.bars import NO_BAR
from sendopt.schedule.binned import Binned
from sendopt.schedule.explore import chances, explorable
from sendopt.schedule.message_table import MessageTable

#: The chance with which more come than there is room for, of one bin.
_OVERFULL = 1e-7
_CAPACITY = BARS.index(Exclusion.CAPACITY)


def keep_out_of_full_bins(assignment: Assignment) -> None:
    """Bar the slots that might get more than they take, for all whose time they are not yet."""
    cut = assignment.cut
    if cut is None:
        return
    left = cut.problem.capacity - assignment.found.load
    closed = left <= 0
    while True:
        for number in range(len(assignment.table.blocks)):
            _bar_closed(assignment.table, cut, number, closed)
        coming = _coming(assignment.table, cut)
        # Many chances, each small: no more come than by the law of rare events.
        enough = poisson.isf(_OVERFULL, coming) <= left
        too_full = ~closed & ~enough & (coming > 0)
        if not too_full.any():
            return
        closed |= too_full


def _bar_closed(table: MessageTable, cut: Binned, number: int, closed: NDArray[np.bool_]) -> None:
    block = table.blocks[number]
    draft = table.drafts[block.draft]
    scored = draft.scored[block.scored]
    bins = cut.bins(number)
    is_closed = closed[cut.problem.grids.buckets[bins]].any(axis=1)
    slots = np.unique(cut.slot[bins][is_closed])
    barred = np.array(scored.barred_by)
    own = draft.choices.slot[scored.rows][:, np.newaxis] == slots
    barred[:, slots] = np.where((barred[:, slots] == NO_BAR) & ~own, _CAPACITY, barred[:, slots])
    draft.scored[block.scored] = scored.under(barred)


def _coming(table: MessageTable, cut: Binned) -> NDArray[np.float64]:
    """Return how many messages exploring brings to each bucket, on average."""
    found = np.zeros(len(cut.problem.capacity))
    for number, block in enumerate(table.blocks):
        draft, scored = table.drafts[block.draft], table.scored(block)
        campaign = draft.asked.campaign
        may = explorable(campaign, scored, draft.knowing, draft.choices)
        if not may.any():
            continue
        some = scored.among(may)
        brought = chances(campaign, some, draft.knowing, draft.choices)
        brought[some.grid.allowed == draft.choices.slot[some.rows][:, np.newaxis]] = 0.0
        of_slot = np.zeros(len(some.grid.slots))
        of_slot[some.grid.allowed] = brought.sum(axis=0)
        bins = cut.bins(number)
        # All that come to a slot may come to any one of its bins.
        for column in cut.problem.grids.buckets[bins].T:
            np.add.at(found, column, of_slot[cut.slot[bins]])
    return found
