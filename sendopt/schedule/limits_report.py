"""Says what limits over campaigns do to a plan: what each costs, and who loses to whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations

import numpy as np

from sendopt.clock import duration_text
from sendopt.records import CampaignId, Channel, SendingLimits
from sendopt.schedule import joint
from sendopt.schedule.assign import Assignment
from sendopt.schedule.joint import JointPlan, JointProblem
from sendopt.schedule.user_limits import UserLimit

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class LimitCost:
    """What one limit costs beside all others: expected responses that a plan without it has more.

    No plan is known to be the best one, only how far it may be from that: so it is an interval.
    """

    limit: str  # in words
    kind: str  # an Exclusion
    at_least: float
    at_most: float


@dataclass(frozen=True, slots=True)
class CapacityUse:
    """What some minutes take of a channel's messages, and what is planned for them."""

    begins_at: datetime
    minutes: int
    channel: Channel
    takes: int  # beside what falls due already
    planned_count: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two campaigns for the same users, and which messages to these gave way."""

    campaign_ids: tuple[CampaignId, CampaignId]
    shared_count: int  # users
    moved_counts: tuple[int, int]  # messages to them that are not at their own best time, or end
    lost: tuple[float, float]  # expected responses that these gave up


@dataclass(frozen=True, slots=True)
class LimitsReport:
    """What limits over all campaigns do to those that are planned.

    Responses are weighed by `response_value`, and less what messages cost. They are predicted from
    past behaviour, not measured.
    """

    version: int  # of the tenant's limits
    expected: float  # responses
    best_possible: float  # no plan within the limits expects more
    costs: tuple[LimitCost, ...]
    capacity: tuple[CapacityUse, ...]  # in order of time; empty = nothing is limited
    conflicts: tuple[Conflict, ...]


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
        yield _cost(_words(limit), limit.bar, found, _without_rule(problem, place))
    if assignment.cut is not None:
        most = " and ".join(
            f"{each.per_minute:,} a minute" + (f" on {each.channel}" if each.channel else "")
            for each in limits.capacities
        )
        endless = np.full(len(problem.capacity), len(problem.messages), np.int64)
        yield _cost(most, "capacity", found, replace(problem, capacity=endless))


def _cost(words: str, kind: str, found: JointPlan, without: JointProblem) -> LimitCost:
    freed = joint.solve(without)
    at_least = max(freed.value - found.bound, 0.0)
    return LimitCost(words, kind, at_least, max(freed.bound - found.value, at_least))


def _without_rule(problem: JointProblem, place: int) -> JointProblem:
    rules = problem.campaigns.rules & ~(1 << place)
    return replace(problem, campaigns=replace(problem.campaigns, rules=rules))


def _words(limit: UserLimit) -> str:
    within = duration_text(limit.within * _MINUTE)
    of = "" if limit.message_type is None else f" of {limit.message_type}"
    match limit.bar:
        case "least_gap":
            return f"{within} between messages to a user"
        case _:
            return f"at most {limit.at_most}{of} to a user in {within}"


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
