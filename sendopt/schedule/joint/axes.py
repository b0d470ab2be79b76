"""Time axes: the candidate times of all messages of a user, merged, and cut into blocks of a day.

Users whose messages have the same grids share an axis. A block is what lies between two cuts of
one day (1,440 minutes) each, cut in the longest daily pause: most limits of a day hold within one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import InvariantBroken
from sendopt.schedule.joint.grid_sets import grid_sets
from sendopt.schedule.joint.problem import JointProblem

_DAY = 24 * 60
Ints = NDArray[np.int64]


class Axes(NamedTuple):
    """Axis a has the positions first[a] <= p < first[a + 1], counted from 0 within it.

    Attributes:
        of_user: axis of each user; -1 = the user has no message.
        first: axes + 1 positions.
        minute: of each position, strictly ascending within an axis.
        part_first: axes + 1; the grids that an axis is merged of.
        part_grid: which grid.
        part_at: where in `place` the positions of its slots begin; -1 = it is the axis itself.
        place: position of a grid's slot on the axis; -1 = not open.
        block_first: axes + 1; the blocks of an axis, each with an open slot at both its ends.
        block_from, block_to: positions, from inclusive, to exclusive.
        gap: the least gaps that rules know, ascending; the first is 0.
        before: (gaps, positions): the last position of the same block that is earlier by the gap
            at least; -1 = none.
        shift: (gaps, blocks): by how many positions `before` is back all over the block; -1 = it
            differs.
    """

    of_user: NDArray[np.int32]
    first: Ints
    minute: Ints
    part_first: Ints
    part_grid: NDArray[np.int32]
    part_at: Ints
    place: NDArray[np.int32]
    block_first: Ints
    block_from: NDArray[np.int32]
    block_to: NDArray[np.int32]
    gap: Ints
    before: NDArray[np.int32]
    shift: NDArray[np.int32]


def axes_of(problem: JointProblem, is_open: NDArray[np.bool_]) -> Axes:
    """Return the axes of a problem's users.

    Args:
        problem: the problem.
        is_open: which slots of its grids a message may be given at all.
    """
    grids, rules = problem.grids, problem.rules
    of_user, sets = grid_sets(problem.messages)
    least = rules.window_minutes[(rules.at_most == 1) & ~rules.by_day]
    gaps = np.unique(np.append(least, 0))
    minutes, parts, places, blocks, before, shifts = [], [], [], [], [], []
    placed = 0
    for members in sets:
        slots = [slice(grids.first[g], grids.first[g + 1]) for g in members]
        if len(members) == 1:
            minute, opened = grids.minute[slots[0]], is_open[slots[0]]
            at = [-1]
        else:
            minute = np.unique(np.concatenate([grids.minute[s][is_open[s]] for s in slots]))
            opened = np.ones(len(minute), np.bool_)
            at = []
            for s in slots:
                place = np.searchsorted(minute, grids.minute[s])
                places.append(np.where(is_open[s], place, -1))
                at.append(placed)
                placed += len(place)
        own = _blocks(minute, opened)
        found = [_before(minute, own, gap) for gap in gaps]
        minutes.append(minute)
        parts.append(np.array([members, at], np.int64))
        blocks.append(own)
        before.append(np.array([each for each, _ in found]))
        shifts.append(np.array([each for _, each in found]))
    return Axes(
        of_user=of_user,
        first=_first(minutes),
        minute=_joined(minutes, np.int64),
        part_first=_first([each[0] for each in parts]),
        part_grid=_joined([each[0] for each in parts], np.int32),
        part_at=_joined([each[1] for each in parts], np.int64),
        place=_joined(places, np.int32),
        block_first=_first(blocks),
        block_from=_joined([each[:, 0] for each in blocks], np.int32),
        block_to=_joined([each[:, 1] for each in blocks], np.int32),
        gap=gaps.astype(np.int64),
        before=_beside(before, len(gaps)),
        shift=_beside(shifts, len(gaps)),
    )


def _blocks(minute: Ints, opened: NDArray[np.bool_]) -> Ints:
    """Return (blocks, 2) positions from and to."""
    where = np.flatnonzero(opened)
    if not len(where):
        return np.zeros((0, 2), np.int64)
    times = minute[where]
    day = (times - _cut(times)) // _DAY
    begins = np.flatnonzero(np.append(True, np.diff(day) > 0))
    ends = np.append(begins[1:], len(where)) - 1
    return np.stack([where[begins], where[ends] + 1], axis=1)


def _cut(times: Ints) -> int:
    """Return a minute in the middle of the longest pause that is the same every day."""
    of_day = np.unique(times % _DAY)
    pause = np.diff(np.append(of_day, of_day[0] + _DAY))
    longest = int(pause.argmax())
    return int(of_day[longest] + (pause[longest] + 1) // 2)


def _before(minute: Ints, blocks: Ints, gap: int) -> tuple[Ints, Ints]:
    before = np.full(len(minute), -1, np.int64)
    shift = np.full(len(blocks), -1, np.int64)
    for number, (begin, end) in enumerate(blocks.tolist()):
        here = minute[begin:end]
        found = np.searchsorted(here, here - gap, side="right") - 1
        before[begin:end] = np.where(found >= 0, found + begin, -1)
        back = np.arange(end - begin) - found
        settled = back[found >= 0]
        if (settled == settled[:1]).all():
            # Those without any stand within that distance of the beginning.
            least = int(settled[0]) if len(settled) else end - begin
            if (found < 0).sum() == min(least, end - begin):
                shift[number] = least
    return before, shift


def _first(columns: list[Ints]) -> Ints:
    return np.cumsum([0, *(len(each) for each in columns)], dtype=np.int64)


def _joined(columns: list[Ints], dtype: type) -> NDArray:  # type: ignore[type-arg]
    joined = np.concatenate(columns) if columns else np.zeros(0, np.int64)
    if np.iinfo(dtype).max < joined.max(initial=0):
        raise InvariantBroken("grids hold more slots than can be counted")
    return np.ascontiguousarray(joined, dtype)


def _beside(columns: list[Ints], rows: int) -> NDArray[np.int32]:
    joined = np.concatenate(columns, axis=1) if columns else np.zeros((rows, 0), np.int64)
    return np.ascontiguousarray(joined, np.int32)
