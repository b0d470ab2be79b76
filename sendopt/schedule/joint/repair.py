"""From demand that nearly fits to a plan that does: messages move, and few are left unsent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.parallel import in_turn
from sendopt.schedule.joint.moving import drop, other_plans, take, tally
from sendopt.schedule.joint.passes import Passes, chunks

_ROUNDS = 8
_A_MESSAGE, _A_BUCKET = 100, 200  # holders that are asked, by excess messages and by bucket
#: By which share prices fall, turn by turn, until enough users want what is left.
_DISCOUNTS = (0.01, 0.03, 0.1, 0.3, 1.0, 1.0)
_EVERYBODY = 50_000  # users, of whom all are asked who might use what is left
_LEFT = 2e-6  # share of the plan's worth that may stay unused
_ROUNDING = 1e-7

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def room_of(passes: Passes) -> Ints:
    """Return what each bucket can still take, below 0 where it holds too many; last: no bucket."""
    load = np.zeros(len(passes.prepared.capacity) + 1, np.int64)
    tally(passes.prepared.tables, passes.slot, load)
    room = np.append(passes.prepared.capacity, 0) - load
    room[-1] = len(passes.slot) + 1
    return room


def repair(passes: Passes, prices: Floats, among: Ints | None = None) -> None:
    """Move messages out of buckets that hold too many, those that lose the least first.

    Args:
        passes: with the plans of everybody. Changed.
        prices: under which they were made.
        among: users who may be moved; None = everybody.
    """
    room = room_of(passes)
    for _ in range(_ROUNDS):
        if (room >= 0).all():
            return
        asked = _some_holders(passes, room) if among is None else among
        regret, other = alternatives(passes, asked, prices, room)
        _take(passes, asked, regret, other, prices=prices, room=room, least_gain=-1.0)
    _drop(passes, room)


def fill(passes: Passes, prices: Floats, among: Ints) -> None:
    """Use what is left of buckets that have a price: users move there who gain by it.

    All prices are lowered, by little at first: whoever comes then has lost no more than that by
    coming, and what a user leaves is worth nearly its price to others. At last they are nothing, so
    that the plan itself is worth more after each move.

    Args:
        passes: with plans that fit. Changed.
        prices: under which they were made.
        among: users who may be moved.
    """
    tables = passes.prepared.tables
    best, best_worth = passes.slot.copy(), tally(tables, passes.slot, _loads(prices))
    for discount in _DISCOUNTS:
        room = room_of(passes)
        left = np.maximum(room[:-1], 0) * (prices > 0)
        if prices @ left <= _LEFT * best_worth:
            break
        asked = among
        if len(among) > _EVERYBODY:
            some = min(_A_MESSAGE * int(left.sum()) + _EVERYBODY, len(among))
            asked = among[np.linspace(0, len(among) - 1, some).astype(np.int64)]
        lowered = (1.0 - discount) * prices
        regret, other = alternatives(passes, asked, lowered, room)
        least = _ROUNDING * best_worth / max(len(passes.slot), 1)
        gains = asked[regret[asked] < -least]
        _take(passes, gains, regret, other, prices=lowered, room=room, least_gain=least)
        worth = tally(tables, passes.slot, _loads(prices))
        if worth > best_worth:
            best, best_worth = passes.slot.copy(), worth
    passes.slot[:] = best


def _loads(prices: Floats) -> Ints:
    return np.zeros(len(prices) + 1, np.int64)


def _take(
    passes: Passes,
    users: Ints,
    regret: Floats,
    other: NDArray[np.int16],
    *,
    prices: Floats,
    room: Ints,
    least_gain: float,
) -> None:
    price, highest = passes.of_slots(prices)
    in_order = users[np.argsort(regret[users], kind="stable")]
    tables, axes, _ = passes.prepared
    with passes.scratch() as work:
        into = (room, tables, axes, work, passes.slot, other)
        take(in_order, least_gain, price, highest, *into)


def _drop(passes: Passes, room: Ints) -> None:
    """Leave unsent what is still too much, the least worth first."""
    over = np.flatnonzero((room[_buckets(passes)] < 0).any(axis=1))
    tables = passes.prepared.tables
    scores = tables.scores[tables.score_at[over] + passes.slot[over]]
    worth = tables.value[tables.campaign[over]] * scores - tables.cost[over]
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
