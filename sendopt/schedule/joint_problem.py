"""States what messages of several campaigns share: users, what stands already, capacity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sendopt.frequency import UserLimit
from sendopt.schedule.joint import Campaigns, Grids, History, JointProblem, Messages
from sendopt.schedule.joint_rules import as_rules, counted_by, holding_for
from sendopt.schedule.message_table import MessageTable
from sendopt.schedule.room import MINUTE_US
from sendopt.schedule.slot_grid import SlotGrid
from sendopt.schedule.standing import Standing


def problem_of(
    table: MessageTable,
    limits: Sequence[UserLimit],
    standing: Standing,
    *,
    scores: NDArray[np.float32],
    cost: NDArray[np.float32],
) -> JointProblem:
    """Return the problem of a table's messages without capacities.

    Args:
        table: the messages.
        limits: on messages to one user.
        standing: what counts against them already.
        scores: how likely each is answered, one entry a cell.
        cost: of each message, in responses.
    """
    campaigns = [draft.asked.campaign for draft in table.drafts]
    return JointProblem(
        messages=Messages(table.first, table.draft, table.block, table.first_cell, cost),
        campaigns=Campaigns(
            np.array([campaign.response_value for campaign in campaigns], np.float64),
            np.array([holding_for(limits, campaign) for campaign in campaigns], np.int64),
        ),
        scores=scores,
        grids=_grids(table),
        capacity=np.zeros(0, np.int64),
        rules=as_rules(limits),
        history=_history(table, limits, standing),
    )


def _grids(table: MessageTable) -> Grids:
    grids = [table.scored(block).grid for block in table.blocks]
    allowed = [np.zeros(len(grid.slots), np.bool_) for grid in grids]
    for grid, its in zip(grids, allowed, strict=True):
        its[grid.allowed] = True
    first = np.cumsum([0, *(len(grid.slots) for grid in grids)], dtype=np.int64)
    return Grids(
        first,
        np.concatenate([np.zeros(0, np.int64), *map(_minutes, grids)]),
        np.concatenate([np.zeros(0, np.bool_), *allowed]),
        np.zeros((int(first[-1]), 0), np.int32),
    )


def _minutes(grid: SlotGrid) -> NDArray[np.int64]:
    """Return the minute of each slot, strictly ascending.

    Of two in one minute the earlier lies in the one before: it is over, most likely, and the later
    one is what is left of the window.
    """
    place = np.arange(len(grid.slots))
    minute = grid.starts_us // MINUTE_US - place
    found: NDArray[np.int64] = np.minimum.accumulate(minute[::-1])[::-1] + place
    return found


def _history(table: MessageTable, limits: Sequence[UserLimit], standing: Standing) -> History:
    number = {user: index for index, user in enumerate(table.users)}
    user = np.array([number.get(user, -1) for user in standing.user_id], np.int64)
    # Later rather than earlier: most of it lies before what is planned now.
    minute = -(-standing.at_us // MINUTE_US)
    types = [*standing.message_types, None]  # -1 finds the last
    counts = np.array([counted_by(limits, each) for each in types], np.int64)
    rules = counts[standing.message_type]
    order = np.lexsort((minute, user))
    order = order[user[order] >= 0]
    first = np.searchsorted(user[order], np.arange(len(table.users) + 1))
    return History(first.astype(np.int64), minute[order], rules[order])
