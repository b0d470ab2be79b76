"""Chooses times of campaigns together, under limits that reach over all of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.frequency import UserLimit, user_limits
from sendopt.records import BARS, EndReason, Exclusion, SendingLimits, UserId
from sendopt.schedule import joint
from sendopt.schedule.bars import ENDS, NO_BAR
from sendopt.schedule.binned import Binned, binned
from sendopt.schedule.draft import Draft
from sendopt.schedule.joint import JointPlan, JointProblem
from sendopt.schedule.joint_problem import problem_of
from sendopt.schedule.message_table import MessageTable
from sendopt.schedule.scored import Scored
from sendopt.schedule.standing import Standing
from sendopt.schedule.worth import worth_of


@dataclass(frozen=True, eq=False)
class Assignment:
    """Messages that got into each other's way, and how it was settled.

    Attributes:
        table: the messages.
        problem: over slots, without capacities.
        limits: on messages to one user.
        cut: the problem that was solved, if there are capacities.
        found: how it was solved; its slots are bins where there are capacities.
        slot: of each message, of its grid; -1 = none.
        barred_bins: what bars each bin of each message beside the others of its user, as a number
            of `BARS`; one entry a score of the cut problem.
    """

    table: MessageTable
    problem: JointProblem
    limits: Sequence[UserLimit]
    cut: Binned | None
    found: JointPlan
    slot: NDArray[np.int64]
    barred_bins: NDArray[np.int8]


def assign(
    drafts: Sequence[Draft],
    limits: SendingLimits,
    standing: Standing,
    *,
    is_explained: bool = False,
) -> Assignment | None:
    """Write into drafts the time of each message where nothing is explored.

    What stands already bars some times; and where messages get into each other's way, those times
    are taken at which all of them together are worth most.

    Args:
        drafts: the campaigns.
        limits: over all campaigns.
        standing: what counts against them already.
        is_explained: whether the assignment is wanted where what stands alone bars times.

    Returns:
        None where no message can be in the way of another.
    """
    channels = {draft.asked.campaign.channel for draft in drafts}
    of_user, capacities = user_limits(limits), limits.capacities_on(channels)
    has_message = [
        _has_message(draft, standing.served.get(place, frozenset()))
        for place, draft in enumerate(drafts)
    ]
    for draft, has in zip(drafts, has_message, strict=True):
        parts = [part for scored in draft.scored for part in _parted(scored, has)]
        if capacities:
            parts = [part for scored in parts for part in _parted(scored, draft.knowing.arm)]
        draft.scored = parts
    table = MessageTable.of(drafts, has_message)
    problem = problem_of(
        table,
        of_user,
        standing,
        scores=np.zeros(table.cells, np.float32),
        cost=np.full(len(table.user), limits.message_cost, np.float32),
    )
    _bar(table, problem, of_user, np.full(len(table.user), -1, np.int16))
    for draft in drafts:
        draft.choose()
    # Nobody gets two messages: each has its own best time of those that are left already.
    is_settled = len(drafts) == 1 and not capacities and not limits.message_cost
    if is_settled and not is_explained:
        return None
    _weigh(table, problem)
    cut = binned(problem, table, of_user, capacities, standing.due) if capacities else None
    found = joint.solve(problem if cut is None else cut.problem)
    slot = found.slot.astype(np.int64)
    if cut is not None:
        slot = cut.slots(table, slot)
    barred_bins = np.zeros(0, np.int8)
    if not is_settled:
        _write(table, slot, _bars(found.bound_by, of_user))
        if cut is None:
            _bar(table, problem, of_user, found.slot)
        else:
            barred_bins = _bar_bins(table, cut, of_user, found)
    return Assignment(table, problem, of_user, cut, found, slot, barred_bins)


def _has_message(draft: Draft, served: Collection[UserId]) -> NDArray[np.bool_]:
    """Tell which members have a message to place.

    Who has a send of the campaign already has none: that send stands. Nor has who is kept back,
    since nothing is sent to them.
    """
    is_served = [member.user_id in served for member in draft.asked.members]
    return ~draft.kept_back & ~np.array(is_served, np.bool_)


def _parted(scored: Scored, by: NDArray[np.bool_] | NDArray[np.object_]) -> list[Scored]:
    """Return the members apart from each other between whom a column of the audience differs."""
    its = by[scored.rows]
    values = dict.fromkeys(its.tolist())
    return [scored.among(its == value) for value in values] if len(values) > 1 else [scored]


def _bar(
    table: MessageTable,
    problem: JointProblem,
    limits: Sequence[UserLimit],
    slot: NDArray[np.int16],
) -> None:
    """Note what each limit bars beside what stands and the slots that are planned; -1 = none."""
    barred = _barred(problem, limits, slot)
    for block in table.blocks:
        scored = table.drafts[block.draft].scored
        scored[block.scored] = scored[block.scored].under(table.of_block(barred, block))


def _bar_bins(
    table: MessageTable, cut: Binned, limits: Sequence[UserLimit], found: JointPlan
) -> NDArray[np.int8]:
    """Note the same where candidate times are cut: one is barred where all of its bins are.

    Returns:
        What bars each bin, one entry a score of the cut problem.
    """
    barred = _barred(cut.problem, limits, found.slot)
    for number, block in enumerate(table.blocks):
        scored = table.drafts[block.draft].scored
        grid = table.scored(block).grid
        if len(scored[block.scored].rows) and len(cut.slot[cut.bins(number)]):
            of_slots = cut.bars_of_slots(barred, number, grid=grid)
            scored[block.scored] = scored[block.scored].under(of_slots)
    return barred


def _barred(
    problem: JointProblem, limits: Sequence[UserLimit], slot: NDArray[np.int16]
) -> NDArray[np.int8]:
    """Return what bars each time beside a plan, as a number of `BARS`; one entry a score."""
    numbers = [*(BARS.index(limit.bar) for limit in limits), NO_BAR]  # -1 finds the last
    found: NDArray[np.int8] = np.array(numbers, np.int8)[joint.forbidden_beside(problem, slot)]
    return found


def _weigh(table: MessageTable, problem: JointProblem) -> None:
    """Fill in what each message is worth at each time, and what it costs."""
    costs = np.zeros(len(problem.scores), np.bool_)
    for block in table.blocks:
        draft = table.drafts[block.draft]
        worth, known = worth_of(table.scored(block), draft.knowing, draft.choices)
        table.of_block(problem.scores, block)[:] = worth
        table.of_block(costs, block)[:] = known[:, np.newaxis]
    # Of what nobody knows how likely it is answered, nobody knows whether it is worth its cost.
    problem.messages.cost[~costs[table.first_cell]] = 0.0


def _write(table: MessageTable, slot: NDArray[np.int64], bars: NDArray[np.object_]) -> None:
    """Write into drafts where messages go, and what keeps or ends those that had to give way."""
    for which, draft in enumerate(table.drafts):
        mine = table.draft == which
        rows, to, bar, choices = table.row[mine], slot[mine], bars[mine], draft.choices
        moved = to != choices.slot[rows]
        choices.slot[rows] = to
        told = moved & (bar != None)  # noqa: E711 - entry by entry
        choices.binding_constraint[rows[told]] = bar[told]
        ended = moved & (to < 0)
        choices.propensity[rows[ended]], choices.explored[rows[ended]] = np.nan, None
        choices.suppressed_by[rows[ended]] = [_END[each] for each in bar[ended]]


#: How a message ends that finds no time; None = every time is worth less than it costs.
_END: dict[Exclusion | None, EndReason] = dict(ENDS) | {None: EndReason.NOT_WORTH_ITS_COST}


def _bars(bound_by: NDArray[np.int8], limits: Sequence[UserLimit]) -> NDArray[np.object_]:
    """Return what each code of a joint plan stands for; None = nothing, or a message's cost."""
    found: NDArray[np.object_] = np.full(len(bound_by), None, np.object_)
    for number, limit in enumerate(limits):
        found[bound_by == number] = limit.bar
    found[bound_by == joint.BY_CAPACITY] = Exclusion.CAPACITY
    return found
