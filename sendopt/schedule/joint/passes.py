"""One pass over users under given prices, in chunks that threads share.

How users are chunked depends on their number alone, loads are integers, and sums are taken in the
order of chunks: any number of threads gives the same bits.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, no-any-return"
# ruff: noqa: PLR0917 - compiled code takes arrays, one by one

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.parallel import in_turn
from sendopt.schedule.joint.kernel import entry
from sendopt.schedule.joint.net import CLOSED
from sendopt.schedule.joint.response import respond
from sendopt.schedule.joint.scratch import Scratch, new_scratch
from sendopt.schedule.joint.slots import write_slots
from sendopt.schedule.joint.tables import Prepared
from sendopt.schedule.joint.user import best_plan

_USERS_AT_ONCE = 4096

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Demand:
    """What users take under prices.

    Attributes:
        bound: what their plans bring at most, less what they pay.
        load: messages in each bucket.
    """

    bound: float
    load: Ints


class Passes:
    """Solves users of one problem; keeps the last plan of each that was solved.

    Attributes:
        slot: of each message, within its grid; -1 = none.
        bound: of each user: what any plan of theirs brings at most, less what it pays.
    """

    def __init__(self, prepared: Prepared, *, threads: int) -> None:
        self.prepared = prepared
        self.slot = np.full(len(prepared.tables.grid), -1, np.int16)
        self.bound = np.zeros(len(prepared.tables.first) - 1)
        self.threads = threads
        self._idle: list[Scratch] = []

    def demand(self, users: Ints, prices: Floats) -> Demand:
        """Return what users take under prices of the buckets."""
        price, highest = self.of_slots(prices)
        load = np.zeros(len(prices), np.int64)
        bound = 0.0

        def one(chunk: Ints) -> tuple[float, Ints]:
            taken = np.zeros(len(prices) + 1, np.int64)
            tables, axes, _ = self.prepared
            with self.scratch() as work:
                into = (self.slot, self.bound, taken)
                summed = _solve(chunk, price, highest, tables, axes, work, *into)
            return summed, taken[:-1]

        for part, taken in in_turn(one, chunks(users), at_once=self.threads):
            bound += part
            load += taken
        return Demand(bound, load)

    def response(self, users: Ints, prices: Floats, by: Floats) -> Floats:
        """Return how loads change by the price of each bucket, (buckets, buckets).

        Users were solved last under the same prices.

        Args:
            users: whom to ask.
            prices: of the buckets.
            by: how much more each bucket is made to cost; of one that costs no more, nothing
                changes.
        """
        price, highest = self.of_slots(prices)
        raised = by.astype(np.float32)

        def one(chunk: Ints) -> Floats:
            change = np.zeros((len(prices), len(prices) + 1))
            tables, axes, _ = self.prepared
            with self.scratch() as work:
                respond(chunk, price, highest, raised, tables, axes, work, self.slot, change)
            return change[:, :-1]

        change = np.zeros((len(prices), len(prices)))
        for part in in_turn(one, chunks(users), at_once=self.threads):
            change += part
        return np.divide(change, by[:, None], out=change, where=by[:, None] > 0)

    @contextmanager
    def scratch(self) -> Iterator[Scratch]:
        work = self._idle.pop() if self._idle else new_scratch(self.prepared)
        yield work
        self._idle.append(work)

    def of_slots(self, prices: Floats) -> tuple[NDArray[np.float32], np.float32]:
        """Return the price of each slot of each grid, CLOSED where it is not open; the highest."""
        tables = self.prepared.tables
        padded = np.append(prices, 0.0)
        price = padded[tables.bucket].sum(axis=1).astype(np.float32)
        highest = price.max(initial=0.0)
        price[~tables.open] = CLOSED
        return price, np.float32(highest)


def chunks(users: Ints) -> list[Ints]:
    """Return users in the portions that threads take."""
    return [users[i : i + _USERS_AT_ONCE] for i in range(0, len(users), _USERS_AT_ONCE)]


@entry
def _solve(users, price, highest_price, t, a, w, slot, bound, load):
    summed = 0.0
    for user in users:
        bound[user] = best_plan(user, price, highest_price, t, a, w)
        summed += bound[user]
        write_slots(user, t, a, w, slot, load)
    return summed
