"""Which candidate times limits on messages to one user put out of the question."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sendopt.compiled import compiled
from sendopt.schedule.joint import JointProblem

NO_MINUTE = np.iinfo(np.int64).min


def barred_beside(problem: JointProblem, planned_minute: NDArray[np.int64]) -> NDArray[np.int16]:
    """Return which rule forbids each candidate time of each message, the first of several.

    A time is forbidden if the message at it would stand in a window that then holds too many:
    of what stands already, and of the user's other messages where they are planned.

    Args:
        problem: whose rules are all rolling ones.
        planned_minute: where each message is planned; NO_MINUTE = nowhere.

    Returns:
        One entry a score, at its place; -1 = no rule does.
    """
    messages, grids, rules, history = (
        problem.messages,
        problem.grids,
        problem.rules,
        problem.history,
    )
    found = np.full(len(problem.scores), -1, np.int16)
    _bar(
        messages.first,
        problem.campaigns.rules[messages.campaign],
        messages.grid,
        messages.score_at,
        grids.first,
        grids.minute,
        rules.at_most,
        rules.window_minutes,
        history.first,
        history.minute,
        history.rules,
        planned_minute,
        found,
    )
    return found


def planned_minutes(problem: JointProblem, slot: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return when the slot of each message begins; NO_MINUTE = it has none (-1)."""
    grids = problem.grids
    at = grids.first[problem.messages.grid] + np.maximum(slot, 0)
    return np.where(slot < 0, NO_MINUTE, grids.minute[at])


@compiled()
def _bar(  # type: ignore[no-untyped-def]  # noqa: C901, PLR0912, PLR0917
    first,
    counted,
    grid,
    score_at,
    grid_first,
    minute,
    at_most,
    window,
    history_first,
    history_minute,
    history_rules,
    planned_minute,
    found,
):
    most = 0
    for user in range(len(first) - 1):
        count = history_first[user + 1] - history_first[user] + first[user + 1] - first[user]
        most = max(most, count)
    times = np.empty(most, np.int64)
    for user in range(len(first) - 1):
        for message in range(first[user], first[user + 1]):
            begin, end = grid_first[grid[message]], grid_first[grid[message] + 1]
            for rule in range(len(at_most)):
                if not (counted[message] >> rule) & 1:
                    continue
                known = 0
                for old in range(history_first[user], history_first[user + 1]):
                    if (history_rules[old] >> rule) & 1:
                        times[known] = history_minute[old]
                        known += 1
                for other in range(first[user], first[user + 1]):
                    if (
                        other != message
                        and planned_minute[other] != NO_MINUTE
                        and (counted[other] >> rule) & 1
                    ):
                        times[known] = planned_minute[other]
                        known += 1
                if known < at_most[rule]:
                    continue
                times[:known].sort()
                before = 0  # how many of them lie before the slot
                for slot in range(begin, end):
                    cell = score_at[message] + slot - begin
                    while before < known and times[before] < minute[slot]:
                        before += 1
                    if found[cell] >= 0:
                        continue
                    # A window of one more than may be, that begins `back` messages before it.
                    for back in range(at_most[rule] + 1):
                        ahead = at_most[rule] - back
                        if back > before or ahead > known - before:
                            continue
                        earliest = times[before - back] if back > 0 else minute[slot]
                        latest = times[before + ahead - 1] if ahead > 0 else minute[slot]
                        if latest - earliest < window[rule]:
                            found[cell] = rule
                            break
