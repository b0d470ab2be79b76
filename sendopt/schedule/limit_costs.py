"""Says what limits over campaigns do to a plan, by planning once more without each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from sendopt.clock import duration_text
from sendopt.frequency import UserLimit
from sendopt.records import Exclusion, SendingLimits
from sendopt.schedule import joint
from sendopt.schedule.assign import Assignment
from sendopt.schedule.limits_report import CapacityUse, Conflict, LimitCost, LimitsReport

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


def report_of(assignment: Assignment, limits: SendingLimits) -> LimitsReport:
    """Return the report. It plans once more for every limit: without it."""
    found = assignment.found
    return LimitsReport(
        limits.version,
        found.value,
        found.bound,
        tuple(_costs(assignment, limits)),
        tuple(_uses(assignment)),
        tuple(_conflicts(assignment)),
    )


def _costs(assignment: Assignment, limits: SendingLimits) -> Iterator[LimitCost]:
    problem = assignment.problem if assignment.cut is None else assignment.cut.problem
    found = assignment.found
    for place, limit in enumerate(assignment.limits):
        between = joint.cost_of(problem, found, without_rules=1 << place)
        yield _cost(_words(limit), limit.bar, between, found.given_up[found.bound_by == place])
    if assignment.cut is not None:
        most = " and ".join(
            f"{each.per_minute:,} a minute" + (f" on {each.channel}" if each.channel else "")
            for each in limits.capacities
        )
        every = np.arange(len(problem.capacity))
        between = joint.cost_of(problem, found, without_buckets=every)
        lost = found.given_up[found.bound_by == joint.BY_CAPACITY]
        yield _cost(most, Exclusion.CAPACITY, between, lost)


def _cost(
    words: str, kind: Exclusion, between: tuple[float, float], lost: NDArray[np.float32]
) -> LimitCost:
    median, greatest = (float(np.median(lost)), float(lost.max())) if len(lost) else (0.0, 0.0)
    return LimitCost(words, kind, *between, len(lost), median, greatest)


def _words(limit: UserLimit) -> str:
    cap = limit.cap
    within = duration_text(cap.within)
    if limit.bar is Exclusion.LEAST_GAP:
        return f"{within} between messages to a user"
    of = "" if cap.message_type is None else f" of {cap.message_type}"
    return f"at most {cap.at_most}{of} to a user in {within}"


def _uses(assignment: Assignment) -> Iterator[CapacityUse]:
    cut = assignment.cut
    if cut is None:
        return
    room, load = cut.room, assignment.found.load
    groups = room.shares.shape[1]
    shape = len(room.channels), groups, room.bins
    size = int(np.prod(shape))
    takes = room.capacity[:size].reshape(shape).sum(axis=1)
    planned = load[:size].reshape(shape).sum(axis=1)
    for at in range(room.bins):
        for number, channel in enumerate(room.channels):
            yield CapacityUse(
                _EPOCH + (room.begin + at * room.length) * _MINUTE,
                room.length,
                channel,
                int(takes[number, at]),
                int(planned[number, at]),
            )


def _conflicts(assignment: Assignment) -> Iterator[Conflict]:
    table, found = assignment.table, assignment.found
    count = len(table.drafts)
    has = np.zeros((count, len(table.users)), np.bool_)
    has[table.draft, table.user] = True
    lost = np.zeros((count, len(table.users)))
    lost[table.draft, table.user] = found.given_up
    names = [draft.asked.campaign.campaign_id for draft in table.drafts]
    for one, other in combinations(range(count), 2):
        shared = has[one] & has[other]
        if shared.any():
            yield Conflict(
                (names[one], names[other]),
                int(shared.sum()),
                (int((lost[one, shared] > 0).sum()), int((lost[other, shared] > 0).sum())),
                (float(lost[one, shared].sum()), float(lost[other, shared].sum())),
            )
