"""Plans messages of several campaigns together: prices of capacity, then repair."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sendopt.errors import InvariantBroken
from sendopt.schedule.joint.alike import crowds_of
from sendopt.schedule.joint.columns import MOST_USERS, mix
from sendopt.schedule.joint.crowds import mix_crowds
from sendopt.schedule.joint.moving import tally
from sendopt.schedule.joint.passes import Passes
from sendopt.schedule.joint.plan import NOTHING_BINDS, JointPlan
from sendopt.schedule.joint.prices import PriceSearch
from sendopt.schedule.joint.problem import JointProblem
from sendopt.schedule.joint.reasons import give_reasons
from sendopt.schedule.joint.repair import fill, repair
from sendopt.schedule.joint.tables import prepared

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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
    found = _price(passes, prices)
    everybody = np.arange(problem.messages.users)
    repair(passes, found)
    fill(passes, found, everybody)
    if len(everybody) <= MOST_USERS and (found > 0).any():
        mix(passes, found)
    messages = len(problem.messages)
    bound_by, given_up = np.full(messages, NOTHING_BINDS, np.int8), np.zeros(messages, np.float32)
    give_reasons(passes, problem.grids.allowed, everybody, bound_by, given_up)
    return _plan(passes, found, bound_by, given_up)


def _price(passes: Passes, prices: Floats | None) -> Floats:
    """Return prices under which demand nearly fits, and leave plans that do in the passes."""
    capacity = passes.prepared.capacity
    users = np.flatnonzero(np.diff(passes.prepared.tables.first) > 0)
    crowds = crowds_of(passes, users)
    search = PriceSearch(passes, users, capacity)
    if not len(capacity) or not len(crowds.users):
        return search.run(prices).prices
    return mix_crowds(passes, crowds, search.by_sign() if prices is None else prices)


def resolve(
    problem: JointProblem, plan: JointPlan, changed_users: Ints, *, threads: int = 1
) -> JointPlan:
    """Plan some users anew under the prices of a plan; nobody else is moved.

    Args:
        problem: as it is now. It has the messages of the plan, in the same order; candidate times,
            scores, costs and history may be others for the users who changed.
        plan: as it was. Where what stands does not fit the capacity any more, only users who
            changed give way.
        changed_users: positions of the users to plan.
        threads: how many work at once.

    Raises:
        InvariantBroken: the plan is of other messages, users or buckets.
    """
    users = np.unique(np.asarray(changed_users, np.int64))
    _refuse_prices(plan.prices, len(problem.capacity))
    if len(plan.slot) != len(problem.messages) or len(plan.user_bound) != problem.messages.users:
        raise InvariantBroken("plan: not of the messages and users of the problem")
    if len(users) and (users[0] < 0 or users[-1] >= problem.messages.users):
        raise InvariantBroken("changed_users: unknown")
    passes = Passes(prepared(problem), threads=threads)
    passes.slot[:], passes.bound[:] = plan.slot, plan.user_bound
    passes.demand(users, plan.prices)
    repair(passes, plan.prices, users)
    bound_by, given_up = plan.bound_by.copy(), plan.given_up.copy()
    give_reasons(passes, problem.grids.allowed, users, bound_by, given_up)
    return _plan(passes, plan.prices, bound_by, given_up)


def cost_of(
    problem: JointProblem,
    plan: JointPlan,
    *,
    without_rules: int = 0,
    without_buckets: Ints | None = None,
    threads: int = 1,
) -> tuple[float, float]:
    """Return between which values a limit costs what it costs, in the unit of value.

    That is what the best plan without it would bring more. The interval is as wide as both plans
    may be off; an end below 0 is told as 0.

    Args:
        problem: with the limit.
        plan: of it.
        without_rules: which rules to leave out, as a mask.
        without_buckets: whose capacity is no limit.
        threads: how many work at once.
    """
    campaigns, capacity = problem.campaigns, problem.capacity.copy()
    if without_buckets is not None:
        capacity[without_buckets] = len(problem.messages)
    free = replace(
        problem,
        campaigns=replace(campaigns, rules=campaigns.rules & ~np.int64(without_rules)),
        capacity=capacity,
    )
    other = solve(free, prices=plan.prices, threads=threads)
    return max(other.value - plan.bound, 0.0), max(other.bound - plan.value, 0.0)


def _refuse_prices(prices: Floats, buckets: int) -> None:
    if len(prices) != buckets or not np.isfinite(prices).all() or (prices < 0).any():
        raise InvariantBroken(f"prices: not {buckets} finite numbers >= 0")


def _plan(
    passes: Passes,
    prices: Floats,
    bound_by: NDArray[np.int8],
    given_up: NDArray[np.float32],
) -> JointPlan:
    """Return the plan that the passes hold."""
    load = np.zeros(len(prices) + 1, np.int64)
    value = float(tally(passes.prepared.tables, passes.slot, load))
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
