"""From demand that nearly fits to a plan that does: messages move, and few are left unsent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.parallel import in_turn
from sendopt.schedule.joint.moving import drop, other_plans, take, tally
from sendopt.schedule.joint.passes import Passes, chunks

_ROUNDS = 8
_A_MESSAGE, _A_BUCKET = 30, 200  # holders that are asked, by excess messages and by bucket

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def room_of(passes: Passes) -> Ints:
    """Return what each bucket can still take, below 0 where it holds too many; last: no bucket."""
    load = np.zeros(len(passes.prepared.capacity) + 1, np.int64)
    tally(passes.prepared.tables, passes.slot, load)
    room = np.append(passes.prepared.capacity, 0) - load
    room[-1] = len(passes.slot) + 1
    return room


def repair(passes: Passes, prices: Floats) -> None:
    """Move messages out of buckets that hold too many, those that lose the least first.

    Args:
        passes: with the plans of everybody. Changed.
        prices: under which they were made.
    """
    room = room_of(passes)
    for _ in range(_ROUNDS):
        if (room >= 0).all():
            return
        asked = _some_holders(passes, room)
        regret, other = alternatives(passes, asked, prices, room)
        by_regret = asked[np.argsort(regret[asked], kind="stable")]
        take(by_regret, True, passes.prepared.tables, passes.slot, other, room)  # noqa: FBT003
    held = _buckets(passes)
    over = np.flatnonzero((room[held] < 0).any(axis=1))
    tables = passes.prepared.tables
    worth = (
        tables.value[tables.campaign[over]]
        * tables.scores[tables.score_at[over] + passes.slot[over]]
        - tables.cost[over]
    )
    drop(over[np.argsort(worth, kind="stable")], tables, passes.slot, room)


def alternatives(
    passes: Passes, users: Ints, prices: Floats, room: Ints
) -> tuple[Floats, NDArray[np.int16]]:
    """Return what each user loses by a plan that takes no more than there is room, and that plan.

    Only the entries of `users` and their messages are told.
    """
    price, highest = passes.of_slots(prices)
    regret = np.zeros(len(passes.bound))
    other = np.empty_like(passes.slot)
    tables, axes, _ = passes.prepared

    def one(chunk: Ints) -> None:
        with passes.scratch() as work:
            into = (passes.slot, other, regret)
            other_plans(chunk, price, highest, room, tables, axes, work, *into)

    for _ in in_turn(one, chunks(users), at_once=passes.threads):
        pass
    return regret, other


def _buckets(passes: Passes) -> NDArray[np.int32]:
    """Return the buckets that each message loads, (messages, 2); -1 = none."""
    tables = passes.prepared.tables
    if not len(tables.minute):
        return np.full((len(passes.slot), 2), -1, np.int32)
    at = tables.grid_first[tables.grid] + np.maximum(passes.slot, 0)
    held = tables.bucket[np.minimum(at, len(tables.minute) - 1)]
    held[passes.slot < 0] = -1
    return held


def _some_holders(passes: Passes, room: Ints) -> Ints:
    """Return users with messages in buckets that hold too many: enough, spread over all."""
    held = _buckets(passes)
    rows, column = np.nonzero(room[held] < 0)
    bucket = held[rows, column]
    order = np.argsort(bucket, kind="stable")
    rows, bucket = rows[order], bucket[order]
    begins = np.flatnonzero(np.diff(bucket, prepend=-1))
    ends = np.append(begins[1:], len(rows))
    chosen = []
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        excess = -int(room[bucket[begin]])
        asked = min(_A_MESSAGE * excess + _A_BUCKET, end - begin)
        chosen.append(rows[np.linspace(begin, end - 1, asked).astype(np.int64)])
    messages = np.concatenate(chosen)
    users = np.searchsorted(passes.prepared.tables.first, messages, side="right") - 1
    return np.unique(users)
