"""The best mixture of plans that users would take at some prices: a program for few users.

With few users in a bucket a price moves many of them at once, and no prices make demand fit. So
plans of each user are gathered by column generation, and one is chosen for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, vstack

from sendopt.schedule.joint.moving import tally
from sendopt.schedule.joint.passes import Passes
from sendopt.schedule.joint.tables import Tables

MOST_USERS = 600  # of a problem that is solved so
_ROUNDS, _NEAR = 10, 5  # of the program; prices around its own that are tried in each
_SPREAD = 0.15  # standard deviation of the logarithm of those
_GAP, _NODES = 1e-3, 300
_SEED = 20_502

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(eq=False)
class Pool:
    """Plans of users, one a column.

    Attributes:
        users: whose.
        count: for how many users, alike, each of them stands.
        user: whose plan a column is, by its place in `users`.
    """

    tables: Tables
    buckets: int
    users: Ints
    count: Floats
    known: set[tuple[int, bytes]] = field(default_factory=set)
    user: list[int] = field(default_factory=list)
    plan: list[NDArray[np.int16]] = field(default_factory=list)
    worth: list[float] = field(default_factory=list)
    load: list[Floats] = field(default_factory=list)

    def add(self, slot: NDArray[np.int16]) -> bool:
        """Add the plan that each user has; return whether one is new."""
        t, known = self.tables, len(self.known)
        for place, user in enumerate(self.users.tolist()):
            plan = slot[t.first[user] : t.first[user + 1]]
            if len(plan) and (place, plan.tobytes()) not in self.known:
                self.known.add((place, plan.tobytes()))
                self._append(place, int(t.first[user]), plan.copy())
        return len(self.known) > known

    def write(self, slot: NDArray[np.int16], user: int, column: int) -> None:
        """Give a user the plan of a column, of itself or of somebody alike; -1 = nothing."""
        plan = self.plan[column] if column >= 0 else -1
        slot[self.tables.first[user] : self.tables.first[user + 1]] = plan

    def of_first(self, users: int) -> Pool:
        """Return what is gathered of the first of the users."""
        some = Pool(self.tables, self.buckets, self.users[:users], self.count[:users])
        kept = [column for column, user in enumerate(self.user) if user < users]
        some.known = {each for each in self.known if each[0] < users}
        some.user = [self.user[column] for column in kept]
        some.plan = [self.plan[column] for column in kept]
        some.worth = [self.worth[column] for column in kept]
        some.load = [self.load[column] for column in kept]
        return some

    def _append(self, place: int, first: int, plan: NDArray[np.int16]) -> None:
        t, load, worth = self.tables, np.zeros(self.buckets + 1), 0.0
        for m, s in enumerate(plan.tolist(), start=first):
            if s >= 0:
                score = float(t.scores[t.score_at[m] + s])
                worth += float(t.value[t.campaign[m]]) * score - float(t.cost[m])
                np.add.at(load, t.bucket[t.grid_first[t.grid[m]] + s], 1.0)
        self.user.append(place)
        self.plan.append(plan)
        self.worth.append(worth)
        self.load.append(load[:-1])

    def rows(self) -> csr_array:
        """Return the limits: of buckets first, then of the plans of each user."""
        columns, users = len(self.user), len(self.users)
        of_user = csr_array(
            (np.ones(columns), (self.user, np.arange(columns))), shape=(users, columns)
        )
        return vstack([csr_array(np.array(self.load).T), of_user])


def mix(passes: Passes, prices: Floats) -> None:
    """Choose a gathered plan for each user so that all fit and bring the most.

    Args:
        passes: with plans that fit. They stay where no mixture is better.
        prices: under which they were made.
    """
    tables, _, capacity = passes.prepared
    present, bound = passes.slot.copy(), passes.bound.copy()
    everybody = np.arange(len(bound))
    worth = tally(tables, present, np.zeros(len(prices) + 1, np.int64))
    users = np.flatnonzero(np.diff(tables.first) > 0)
    rng = np.random.default_rng(_SEED)
    pool = Pool(tables, len(prices), everybody, np.ones(len(bound)))
    most = np.append(capacity, pool.count).astype(np.float64)
    pool.add(present)
    for _ in range(_ROUNDS):
        for near in range(_NEAR):
            noise = rng.normal(0.0, _SPREAD, len(prices)) if near else 0.0
            passes.demand(users, prices * np.exp(noise))
            pool.add(passes.slot)
        relaxed = linprog(-np.array(pool.worth), A_ub=pool.rows(), b_ub=most, method="highs")
        if relaxed.status != 0:
            break
        prices = np.maximum(-relaxed.ineqlin.marginals[: len(prices)], 0.0)
    solved = milp(
        -np.array(pool.worth),
        constraints=LinearConstraint(pool.rows(), ub=most),
        bounds=Bounds(0, 1),
        integrality=np.ones(len(pool.user)),
        options={"mip_rel_gap": _GAP, "node_limit": _NODES},
    )
    passes.slot[:], passes.bound[:] = present, bound
    if solved.x is None or -solved.fun <= worth:
        return
    passes.slot[:] = -1
    for i in np.flatnonzero(solved.x > 0.5).tolist():
        pool.write(passes.slot, pool.user[i], i)
