"""Propensities that stay exact under limits: a plan for everybody first, chance afterwards.

The ghost plan is made for all users, held out ones included, before anything is drawn. Then each
user is held out with chance h; of the others, with chance ε exactly one of the user's n messages
is drawn anew among the times that are free beside the rest of its ghost plan. Nobody's draw moves
anybody else, since the ghost plan leaves room for draws; so what is recorded is the chance itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.schedule.joint.forbidden import Cells
from sendopt.schedule.joint.problem import JointProblem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SAFE = 5.0  # standard deviations: the chance that any bucket overflows is below 1e-6


def share_that_stays(first: Ints, *, held_out: float, explored: float) -> float:
    """Return with which chance a message is sent where the ghost plan has it.

    Args:
        first: messages of each user, as in `Messages`.
        held_out: chance of a user to be held out.
        explored: chance of one of the others to have a message drawn anew.
    """
    count = np.diff(first)
    mean = float((1.0 / count[count > 0]).mean()) if (count > 0).any() else 1.0
    return (1.0 - held_out) * (1.0 - explored * mean)


def ghost_capacity(capacity: Ints, expected: Floats, *, stays: float, safe: float = _SAFE) -> Ints:
    """Return the capacity that a ghost plan may use, so that draws hardly ever overfill a bucket.

    Args:
        capacity: of each bucket.
        expected: messages that are drawn into it.
        stays: with which chance a message is sent where the ghost plan has it.
        safe: standard deviations of room.
    """
    if stays <= 0.0:
        return np.zeros(len(capacity), np.int64)
    spread = np.sqrt(expected + capacity * (1.0 - stays))
    room = (capacity - expected - safe * spread) / stays
    return np.clip(np.floor(room), 0, capacity).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Redraws:
    """Where a message goes if it is the one that is drawn anew.

    Attributes:
        cells: the candidate times of some messages.
        chance: of each cell.
        none: of each message, that it is not sent.
    """

    cells: Cells
    chance: Floats
    none: Floats

    def propensities(self, slot: NDArray[np.int16], count: Ints, **shares: float) -> Floats:
        """Return with which chance each cell is sent: with `held_out` and `explored` as above.

        Args:
            slot: of the messages in the ghost plan.
            count: messages of each one's user.
            shares: `held_out` and `explored`.
        """
        drawn = shares["explored"] / count
        own = np.arange(len(self.chance)) - np.repeat(self.cells.first[:-1], self.cells.lengths)
        at_ghost = own == np.repeat(slot, self.cells.lengths)
        each = np.repeat(drawn, self.cells.lengths)
        mixed = (1.0 - each) * at_ghost + each * self.chance
        chance: Floats = (1.0 - shares["held_out"]) * mixed
        return chance


def redraw_distributions(
    problem: JointProblem, cells: Cells, *, temperature: float, no_send: float
) -> Redraws:
    """Return softmax distributions over what is free, with `no_send` for not sending.

    Args:
        problem: of the ghost plan.
        cells: of some of its messages, with what is free beside it.
        temperature: > 0, in the unit of value: where one slot brings so much more than another, it
            is e times as likely.
        no_send: chance of no send; 1 where nothing is free.
    """
    rows = np.repeat(np.arange(len(cells.lengths)), cells.lengths)
    messages = cells.messages[rows]
    own = np.arange(len(rows)) - cells.first[rows]
    scores = problem.scores[problem.messages.score_at[messages] + own].astype(np.float64)
    worth = problem.campaigns.value[problem.messages.campaign[messages]] * scores
    worth = np.where(cells.free, worth / temperature, -np.inf)
    some = cells.lengths > 0
    begins = cells.first[:-1][some]
    top = np.full(len(some), -np.inf)
    total = np.zeros(len(some))
    if len(rows):
        top[some] = np.maximum.reduceat(worth, begins)
    weight = np.where(cells.free, np.exp(worth - np.where(np.isfinite(top), top, 0.0)[rows]), 0.0)
    if len(rows):
        total[some] = np.add.reduceat(weight, begins)
    none = np.where(total > 0, no_send, 1.0)
    share = np.divide(1.0 - none, total, out=np.zeros(len(total)), where=total > 0)
    return Redraws(cells, weight * share[rows], none)


def expected_load(
    problem: JointProblem, redraws: Redraws, *, count: Ints, explored: float
) -> Floats:
    """Return how many messages are drawn into each bucket on average, of those messages.

    Args:
        problem: with the buckets.
        redraws: of some messages.
        count: messages of each one's user.
        explored: chance of a user to have a message drawn anew, not held out.
    """
    cells = redraws.cells
    grids, lengths = problem.grids, cells.lengths
    rows = np.repeat(np.arange(len(lengths)), lengths)
    at = grids.first[problem.messages.grid[cells.messages[rows]]]
    at = at + np.arange(len(rows)) - cells.first[rows]
    drawn = redraws.chance * (explored / count)[rows]
    load = np.zeros(len(problem.capacity) + 1)
    for k in range(grids.buckets.shape[1]):
        np.add.at(load, grids.buckets[at, k], drawn)
    return load[:-1]
