"""Scratch of the compiled loops: one set of arrays for whoever solves users one after the other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sendopt.schedule.joint.beside import Seen, room_for_seen
from sendopt.schedule.joint.blocks import LANES
from sendopt.schedule.joint.tables import Prepared

MOST_BOUNDS = 1 << 22  # entries of the table of a branch and bound; a user who needs more has none

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


class Nodes(NamedTuple):
    """The nodes of a branch and bound from the root down, one entry a depth; and what it found.

    Attributes:
        found: position of each message in the best plan; -1 = nowhere.
        open_set: messages that are not placed yet.
        brought: by those that are.
        since: the first place that is left.
        left: how many messages may go in all.
        in_block: how many more in the block of `since`.
        last_bound, last_choice: the child that was tried last.
        chosen_place, chosen: where the last message was placed, and which it is.
    """

    found: I32
    open_set: I64
    brought: F32
    since: I32
    left: I32
    in_block: I32
    last_bound: F32
    last_choice: I64
    chosen_place: I32
    chosen: I32


class Scratch(NamedTuple):
    """Arrays, by what they are of: messages of a user (m), positions of an axis (p), blocks (b).

    Attributes:
        net: (p, m) what a message brings at a position.
        position: (m) where it is placed; -1 = nowhere.
        solo: (m) the most that it brings alone.
        order: (m) by what they bring alone.
    """

    net: F32  # (p, lanes)
    alone: F32  # (m, p)
    position: I32  # (m)
    solo: F32  # (m)
    order: I32  # (m)
    bits: I64  # (m)
    lane_bits: I64  # (lanes)
    lane_position: I32  # (lanes)
    highest: F32  # (p, LANES)
    highest_of_set: F32  # (sets, p)
    pair: F32
    worth: F32  # (sets)
    most: I32  # (b)
    total: F32  # (b + 1, sets) from a block on
    taken: NDArray[np.int16]  # (b, sets)
    seen: Seen
    bounds: F32
    place_at: I32
    place_after: I32
    place_block: I32
    minute: I64  # (p)
    nodes: Nodes


def new_scratch(prepared: Prepared) -> Scratch:
    """Return scratch that is large enough for any user of the problem."""
    t = prepared.tables
    p, m, n = int(t.longest), int(t.widest), int(t.searched)
    n = max(min(n, m), 1)
    lanes, sets = max(LANES, n), 1 << n
    axes = prepared.axes
    b = int(np.diff(axes.block_first).max(initial=0)) + 1
    others = int(t.most_history) + m
    return Scratch(
        net=np.zeros((p, lanes), np.float32),
        alone=np.zeros((m, p), np.float32),
        position=np.zeros(m, np.int32),
        solo=np.zeros(m, np.float32),
        order=np.zeros(m, np.int32),
        bits=np.zeros(m, np.int64),
        lane_bits=np.zeros(lanes, np.int64),
        lane_position=np.zeros(lanes, np.int32),
        highest=np.zeros((p, LANES), np.float32),
        highest_of_set=np.empty((sets, p), np.float32),
        pair=np.zeros((LANES, LANES), np.float32),
        worth=np.zeros(sets, np.float32),
        most=np.zeros(b, np.int32),
        total=np.zeros((b + 1, sets), np.float32),
        taken=np.zeros((b, sets), np.int16),
        seen=room_for_seen(others),
        bounds=np.empty(MOST_BOUNDS, np.float32),
        place_at=np.zeros(p, np.int32),
        place_after=np.zeros(p, np.int32),
        place_block=np.zeros(p, np.int32),
        minute=np.zeros(p, np.int64),
        nodes=Nodes(
            found=np.zeros(lanes, np.int32),
            open_set=np.zeros(lanes + 1, np.int64),
            brought=np.zeros(lanes + 1, np.float32),
            since=np.zeros(lanes + 1, np.int32),
            left=np.zeros(lanes + 1, np.int32),
            in_block=np.zeros(lanes + 1, np.int32),
            last_bound=np.zeros(lanes + 1, np.float32),
            last_choice=np.zeros(lanes + 1, np.int64),
            chosen_place=np.zeros(lanes + 1, np.int32),
            chosen=np.zeros(lanes + 1, np.int32),
        ),
    )
