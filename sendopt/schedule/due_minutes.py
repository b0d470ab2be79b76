"""Lays messages out over the minutes of their candidate times, so that none gets too many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.records import EndReason, Exclusion
from sendopt.schedule.assign import Assignment
from sendopt.schedule.bars import NO_BAR
from sendopt.schedule.binned import Binned
from sendopt.schedule.room import lay_out

_NO_MINUTE = -1


def lay_out_minutes(assignment: Assignment) -> None:
    """Write into drafts by how much each message falls due after its slot has begun.

    Raises nothing, and breaks no capacity: should more have been drawn into minutes than these
    take, which `slack` makes next to impossible, the last of them return to where they were put.
    """
    table, cut = assignment.table, assignment.cut
    if cut is None:
        return
    first = cut.problem.grids.first[table.block]
    slot = np.zeros(len(table.user), np.int64)
    for which, draft in enumerate(table.drafts):
        mine = table.draft == which
        slot[mine] = draft.choices.slot[table.row[mine]]
    put = np.where(assignment.found.slot < 0, _NO_MINUTE, first + assignment.found.slot)
    stays = slot == assignment.slot
    at = np.where(stays, put, _drawn_bin(assignment, cut, slot))
    minute = _laid(assignment, cut, at, stays)
    back = (minute == _NO_MINUTE) & (at != _NO_MINUTE) & ~stays
    if back.any():
        slot[back], at[back] = assignment.slot[back], put[back]
        minute = _laid(assignment, cut, at, stays | back)
    begin = np.where(at < 0, 0, _begins(assignment, slot))
    for which, draft in enumerate(table.drafts):
        mine = table.draft == which
        rows, choices = table.row[mine], draft.choices
        its_slot, its_minute = slot[mine], minute[mine]
        lost = (its_slot >= 0) & (its_minute == _NO_MINUTE)
        choices.slot[rows] = np.where(lost, -1, its_slot)
        choices.explored[rows[back[mine]]] = False
        choices.suppressed_by[rows[lost]] = EndReason.CAPACITY
        choices.binding_constraint[rows[lost]] = Exclusion.CAPACITY
        choices.propensity[rows[lost]], choices.explored[rows[lost]] = np.nan, None
        choices.delay[rows] = np.where(its_minute == _NO_MINUTE, 0, its_minute - begin[mine])


def _begins(assignment: Assignment, slot: NDArray[np.int64]) -> NDArray[np.int64]:
    grids = assignment.problem.grids
    found: NDArray[np.int64] = grids.minute[
        grids.first[assignment.table.block] + np.maximum(slot, 0)
    ]
    return found


def _drawn_bin(assignment: Assignment, cut: Binned, slot: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a bin of the slot that was drawn for each message, of those that nothing bars."""
    table, problem = assignment.table, cut.problem
    found = np.full(len(slot), _NO_MINUTE)
    for message in np.flatnonzero((slot >= 0) & (slot != assignment.slot)):
        bins = cut.bins(table.block[message])
        begin, end = np.searchsorted(cut.slot[bins], [slot[message], slot[message] + 1])
        cell = problem.messages.score_at[message]
        free = np.flatnonzero(assignment.barred_bins[cell + begin : cell + end] == NO_BAR)
        found[message] = bins.start + begin + free[message % len(free)]
    return found


def _laid(
    assignment: Assignment,
    cut: Binned,
    at: NDArray[np.int64],
    first_of_all: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Return the minute of each message; who stays where it was put is served first."""
    table = assignment.table
    order = np.argsort(~first_of_all, kind="stable")
    placed = order[at[order] != _NO_MINUTE]
    channels = [cut.room.channels.index(draft.asked.campaign.channel) for draft in table.drafts]
    found = np.full(len(at), _NO_MINUTE)
    found[placed] = lay_out(
        cut.room,
        np.array(channels, np.int64)[table.draft[placed]],
        cut.problem.grids.minute[at[placed]],
    )
    return found
