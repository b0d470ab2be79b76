"""Plans messages of several campaigns together: prices of capacity, then repair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import InvariantBroken
from sendopt.schedule.joint.moving import tally
from sendopt.schedule.joint.passes import Passes
from sendopt.schedule.joint.plan import JointPlan
from sendopt.schedule.joint.prices import PriceSearch
from sendopt.schedule.joint.problem import JointProblem
from sendopt.schedule.joint.reasons import reasons
from sendopt.schedule.joint.repair import repair
from sendopt.schedule.joint.tables import prepared

Floats = NDArray[np.float64]


def solve(problem: JointProblem, *, prices: Floats | None = None, threads: int = 1) -> JointPlan:
    """Plan all messages so that together they bring the most.

    Args:
        problem: what is planned.
        prices: to begin with, of an earlier plan with the same buckets.
        threads: how many work at once; any number gives the same plan.

    Raises:
        InvariantBroken: there is not one price, finite and >= 0, a bucket.
    """
    if prices is not None:
        _refuse_prices(prices, len(problem.capacity))
    passes = Passes(prepared(problem), threads=threads)
    priced = PriceSearch(passes).run(prices)
    repair(passes, priced.prices)
    return _plan(problem, passes, priced.prices)


def _refuse_prices(prices: Floats, buckets: int) -> None:
    if len(prices) != buckets or not np.isfinite(prices).all() or (prices < 0).any():
        raise InvariantBroken(f"prices: not {buckets} finite numbers >= 0")


def _plan(problem: JointProblem, passes: Passes, prices: Floats) -> JointPlan:
    """Return the plan that the passes hold."""
    load = np.zeros(len(prices) + 1, np.int64)
    value = float(tally(passes.prepared.tables, passes.slot, load))
    bound_by, given_up = reasons(passes, problem.grids.allowed)
    return JointPlan(
        slot=passes.slot,
        prices=prices,
        value=value,
        bound=float(passes.bound.sum() + prices @ passes.prepared.capacity),
        load=load[:-1],
        bound_by=bound_by,
        given_up=given_up,
        user_bound=passes.bound,
    )
