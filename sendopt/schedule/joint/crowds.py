"""Plans for crowds: shares of those who are alike, since no price can tell them apart.

At a price at which two plans are worth the same to a user they are so to everybody who is alike:
all change at once, and demand never fits. So each plan gets its share of a crowd, as the best
mixture of plans says. That is a linear program whose columns are plans of one member each, found by
the prices of the program before (G. B. Dantzig and P. Wolfe, Decomposition principle for linear
programs, Operations Research 8, 1960).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from sendopt.schedule.joint.alike import Crowds
from sendopt.schedule.joint.columns import Pool
from sendopt.schedule.joint.passes import Passes

#: Who stand for all others in the program: one in so many, no fewer than these and no more. Up to
#: the fewest are planned by it.
_ONE_IN, _FEWEST, _MOST = 25, 600, 2_000
_ROUNDS, _NEAR = 60, 4  # of the program; prices near its own that are tried in each
_MOST_PLANS = 20_000  # in the program, which takes seconds then: it ends as far as it has come
_SPREAD = 0.15  # standard deviation of the logarithm of those
#: Of the program, at which it ends: that of everybody, and one in which some stand for others.
_GAP, _GAP_OF_SAMPLE = 1e-6, 5e-4
_SEED = 20_503

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def mix_crowds(passes: Passes, crowds: Crowds, prices: Floats) -> Floats:
    """Return prices under which demand nearly fits, and leave plans that do in the passes.

    Args:
        passes: of the problem.
        crowds: of its users, at least one.
        prices: to begin with.
    """
    rng = np.random.default_rng(_SEED)
    capacity, groups = passes.prepared.capacity, np.split(crowds.users, crowds.first[1:-1])
    most = min(max(len(crowds.others) // _ONE_IN, _FEWEST), _MOST)
    others = np.sort(rng.permutation(crowds.others)[:most])
    are_all = len(others) == len(crowds.others)
    alone = np.full(len(others), len(crowds.others) / max(len(others), 1))
    pool = _pool_of(passes, [*groups, *others[:, None]], np.append(np.diff(crowds.first), alone))
    gap = _GAP if are_all else _GAP_OF_SAMPLE
    prices, share = _best_mixture(passes, pool, prices, capacity, rng, gap=gap)
    if are_all:
        groups += [*others[:, None]]
    else:  # the others take what they want at these prices, and crowds what that leaves
        left = np.maximum(capacity - passes.demand(crowds.others, prices).load, 0)
        pool = pool.of_first(len(groups))
        _, share = _best_mixture(passes, pool, prices, left, rng, gap=_GAP)
    passes.demand(np.sort(np.append(crowds.users, crowds.others)), prices)  # what bounds the plan
    for place, members in enumerate(groups):
        columns = np.flatnonzero((np.array(pool.user) == place) & (share > 0))
        given = np.full(len(members), -1)
        taken = np.repeat(columns, _rounded(share[columns], len(members)))
        given[: len(taken)] = taken
        in_turn = rng.permutation(members)  # so that no name comes to the best plan before others
        for user, column in zip(in_turn.tolist(), given.tolist(), strict=True):
            pool.write(passes.slot, user, column)
    return prices


def _pool_of(passes: Passes, groups: list[Ints], count: Ints | Floats) -> Pool:
    first = np.array([members[0] for members in groups])
    return Pool(passes.prepared.tables, len(passes.prepared.capacity), first, count.astype(float))


def _best_mixture(
    passes: Passes,
    pool: Pool,
    prices: Floats,
    capacity: Ints,
    rng: np.random.Generator,
    *,
    gap: float,
) -> tuple[Floats, Floats]:
    """Return the prices of the best mixture, and how many users get each plan of the pool."""
    users, count = pool.users, pool.count
    passes.demand(users, prices)
    pool.add(passes.slot)
    best, least = prices, np.inf
    most = np.append(capacity, count).astype(np.float64)
    for _ in range(_ROUNDS):
        solved = linprog(-np.array(pool.worth), A_ub=pool.rows(), b_ub=most, method="highs")
        found = np.maximum(-solved.ineqlin.marginals[: len(prices)], 0.0)
        passes.demand(users, found)
        dual = float(passes.bound[users] @ count + found @ capacity)
        if dual < least:
            best, least = found, dual
        is_near = -solved.fun >= (1.0 - gap) * least
        if not pool.add(passes.slot) or is_near or len(pool.user) > _MOST_PLANS:
            break
        for _ in range(_NEAR):
            noise = rng.normal(0.0, _SPREAD, len(prices))
            passes.demand(users, 0.5 * (best + found) * np.exp(noise))
            pool.add(passes.slot)
    share = np.zeros(len(pool.user))
    share[: len(solved.x)] = solved.x
    return best.astype(np.float32).astype(np.float64), share


def _rounded(share: Floats, most: int) -> Ints:
    """Return whole numbers with the same sum, at most `most`, as near as may be to the shares."""
    counts = np.floor(share + 1e-9).astype(np.int64)
    left = min(round(float(share.sum())), most) - int(counts.sum())
    if left > 0:
        counts[np.argsort(counts - share, kind="stable")[:left]] += 1
    return counts
