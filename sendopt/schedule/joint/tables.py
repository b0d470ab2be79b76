"""A problem as the compiled loops take it: tuples of arrays of fixed types."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sendopt.schedule.joint.axes import Axes, axes_of
from sendopt.schedule.joint.problem import JointProblem

MOST_SEARCHED = 10  # messages of one user that are planned by exact search; the rest one by one
_MOST_CELLS = 1 << 20  # of a table with one entry a slot and subset of those messages


class Limits(NamedTuple):
    """The rules; see `Rules`."""

    at_most: NDArray[np.int64]
    window: NDArray[np.int64]
    by_day: NDArray[np.bool_]
    day_offset: NDArray[np.int64]


class Old(NamedTuple):
    """What stands already; see `History`."""

    first: NDArray[np.int64]
    minute: NDArray[np.int64]
    rules: NDArray[np.int64]


class Tables(NamedTuple):
    """What does not change while prices are sought. Flat, as `JointProblem` says.

    `disjoint[disjoint_first[s]:]` are the sets that share nothing with set s, ascending: the first
    2^(n - |s|) of them are those within n messages.
    """

    first: NDArray[np.int64]
    grid: NDArray[np.int32]
    score_at: NDArray[np.int64]
    cost: NDArray[np.float32]
    campaign: NDArray[np.int16]
    scores: NDArray[np.float32]
    value: NDArray[np.float64]  # of a campaign
    counted: NDArray[np.int64]  # rules of a campaign
    barred: NDArray[np.bool_]  # campaigns of which a rule lets nothing through
    grid_first: NDArray[np.int64]
    minute: NDArray[np.int64]
    open: NDArray[np.bool_]  # allowed, and no bucket of capacity 0
    bucket: NDArray[np.int32]  # (slots, 2)
    limits: Limits
    old: Old
    phase: NDArray[np.int32]
    disjoint_first: NDArray[np.int64]
    disjoint: NDArray[np.int16]
    searched: np.int64  # messages of one user that are searched exactly
    widest: np.int64  # messages of any user
    longest: np.int64  # slots of any axis
    most_history: np.int64  # of any user


class Prepared(NamedTuple):
    """A problem ready to be solved."""

    tables: Tables
    axes: Axes
    capacity: NDArray[np.int64]


def prepared(problem: JointProblem) -> Prepared:
    """Return the tables of a problem, with the time axes of its users."""
    bucket = _buckets(problem)
    is_open = _is_open(problem, bucket)
    axes = axes_of(problem, is_open)
    longest = int(np.diff(axes.first).max(initial=1))
    return Prepared(
        _tables(problem, bucket, is_open, longest=longest),
        axes,
        _array(problem.capacity, np.int64),
    )


def tables_of(problem: JointProblem) -> Tables:
    """Return the tables alone, of a problem that is not to be solved."""
    bucket = _buckets(problem)
    return _tables(problem, bucket, _is_open(problem, bucket), longest=1)


def _buckets(problem: JointProblem) -> NDArray[np.int32]:
    grids = problem.grids
    bucket = np.full((len(grids.minute), 2), -1, np.int32)
    bucket[:, : grids.buckets.shape[1]] = grids.buckets
    return bucket


def _is_open(problem: JointProblem, bucket: NDArray[np.int32]) -> NDArray[np.bool_]:
    takes = np.append(problem.capacity, 1) > 0  # -1 finds the last one
    found: NDArray[np.bool_] = problem.grids.allowed & takes[bucket].all(axis=1)
    return found


def _tables(
    problem: JointProblem,
    bucket: NDArray[np.int32],
    is_open: NDArray[np.bool_],
    *,
    longest: int,
) -> Tables:
    messages, grids, rules = problem.messages, problem.grids, problem.rules
    first, disjoint = _disjoint_sets(MOST_SEARCHED)
    users = messages.users
    counted = problem.campaigns.rules & ((1 << len(rules)) - 1)
    bars = sum((1 << r for r in np.flatnonzero(rules.at_most == 0).tolist()), 0)
    return Tables(
        first=_array(messages.first, np.int64),
        grid=_array(messages.grid, np.int32),
        score_at=_array(messages.score_at, np.int64),
        cost=_array(messages.cost, np.float32),
        campaign=_array(messages.campaign, np.int16),
        scores=_array(problem.scores, np.float32),
        value=_array(problem.campaigns.value, np.float64),
        counted=_array(counted, np.int64),
        barred=_array((counted & bars) != 0, np.bool_),
        grid_first=_array(grids.first, np.int64),
        minute=_array(grids.minute, np.int64),
        open=_array(is_open, np.bool_),
        bucket=bucket,
        limits=Limits(
            _array(rules.at_most, np.int64),
            _array(rules.window_minutes, np.int64),
            _array(rules.by_day, np.bool_),
            _array(rules.day_offset, np.int64),
        ),
        old=Old(
            _array(problem.history.first, np.int64),
            _array(problem.history.minute, np.int64),
            _array(problem.history.rules, np.int64),
        ),
        phase=np.zeros(users, np.int32)
        if problem.phase is None
        else _array(problem.phase, np.int32),
        disjoint_first=first,
        disjoint=disjoint,
        searched=np.int64(min(MOST_SEARCHED, (_MOST_CELLS // longest).bit_length() - 1)),
        widest=np.int64(np.diff(messages.first).max(initial=1)),
        longest=np.int64(longest),
        most_history=np.int64(np.diff(problem.history.first).max(initial=0)),
    )


def _array(column: NDArray[np.generic], dtype: type) -> NDArray:  # type: ignore[type-arg]
    """Return it as compiled loops take it; copied only where it is not so."""
    return np.ascontiguousarray(column, dtype)


@cache
def _disjoint_sets(members: int) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    sets = np.arange(1 << members)
    lists = [sets[(sets & each) == 0] for each in sets]
    first = np.concatenate([[0], np.cumsum([len(each) for each in lists])])
    return first.astype(np.int64), np.concatenate(lists).astype(np.int16)
