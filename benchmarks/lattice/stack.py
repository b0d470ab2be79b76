"""The stack: ours, EB and everybody's hours, weighted by what users answered in the last weeks.

The log is known until 28 days before its end; then every pair of an answered and an unanswered send
of one user in those days says which of both scores should be higher. A logistic regression on the
differences within pairs is the pairwise form of a conditional logit within users, in which no
user's level has a say. Within user-days there would be no pair where a day has one send.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression

from lattice import rules, table
from lattice.arrays import DAY, Numbers, Vector
from lattice.program import Program
from lattice.rules import Counts
from lattice.tenant import Tenant, drawn
from lattice.worlds import Planted

_TUNED_DAYS = 28
_FEWEST_PAIRS = 200
_INVERSE_RIDGE = 1.0


@dataclass(frozen=True)
class _Sends:
    """Sends of the last days; the rows of a user stand together."""

    user: Numbers
    at: Vector
    clock_hour: Numbers
    answered: Vector
    platform: Numbers
    message_type: Numbers


def score(
    planted: Planted,
    program: Program,
    tenant: Tenant,
    folder: Path,
    *,
    ours: Vector,
    simple: dict[str, Vector],
) -> Vector | None:
    """Return the stack's score of every hour that is asked about; None = too few pairs.

    Raises:
        Refused: if the program does not score the last days.
    """
    until = planted.world.end.timestamp() - _TUNED_DAYS * DAY
    early, sends = _until(planted, np.unique(tenant.questions.user), until)
    first, second = _pairs(sends)
    if len(first) < _FEWEST_PAIRS:
        return None
    decisions = folder / "tuned.parquet"
    pq.write_table(_decisions(planted, sends, until), decisions)
    scores = program.scores(tenant.log, decisions, planted.world.window, folder)
    users, row = np.unique(sends.user, return_inverse=True)
    by_hour = rules.by_hour(early, users)
    at = {name: score[row, sends.clock_hour] for name, score in by_hour.items()}
    columns = _columns(scores, at)
    weight = _fit(columns[first] - columns[second])
    stacked: Vector = _columns(ours, simple) @ weight
    return stacked


def _columns(ours: Vector, simple: dict[str, Vector]) -> Vector:
    logit = np.log(ours) - np.log1p(-ours)
    return np.stack([logit, simple[rules.EB], np.log(simple[rules.POPULATION])], axis=-1)


def _until(planted: Planted, users: Numbers, until: float) -> tuple[Counts, _Sends]:
    """Return what was counted before `until`, and the sends of `users` after it."""
    world = planted.world
    early, by_cohort = Counts.nothing(world.users), []
    for cohort, recorded, _ in drawn(world, planted.seed):
        early.add(cohort, recorded, until=until)
        sends, answered = recorded.sends, recorded.answered(world.window.total_seconds())
        rows = np.flatnonzero((sends.at >= until) & np.isin(cohort.first + sends.user, users))
        user, at = sends.user[rows], sends.at[rows]
        by_cohort.append(
            (
                cohort.first + user,
                at,
                rules.clock_hour(cohort, user, at),
                answered[rows].astype(np.float64),
                cohort.platform[user],
                sends.message_type[rows],
            )
        )
    return early, _Sends(*(np.concatenate(column) for column in zip(*by_cohort, strict=True)))


def _pairs(sends: _Sends) -> tuple[Numbers, Numbers]:
    """Return the rows of every pair of an answered and an unanswered send of one user."""
    answered, silent = np.flatnonzero(sends.answered), np.flatnonzero(sends.answered == 0.0)
    begin = np.searchsorted(sends.user[silent], sends.user[answered], side="left")
    often = np.searchsorted(sends.user[silent], sends.user[answered], side="right") - begin
    within = np.arange(often.sum()) - np.repeat(np.cumsum(often) - often, often)
    return np.repeat(answered, often), silent[np.repeat(begin, often) + within]


def _fit(difference: Vector) -> Vector:
    both = np.r_[difference, -difference]
    label = np.repeat([1, 0], len(difference))
    fitted = LogisticRegression(fit_intercept=False, C=_INVERSE_RIDGE).fit(both, label)
    weight: Vector = fitted.coef_[0]
    return weight


def _decisions(planted: Planted, sends: _Sends, until: float) -> pa.Table:
    world, rows = planted.world, np.arange(len(sends.user))
    kinds = () if world.sender is None else world.sender.message_types
    return pa.table(
        {
            "decision_id": table.user_ids(rows),
            "user_id": table.user_ids(sends.user),
            "as_of": table.stamps(np.full(len(rows), until)),
            "candidate_at": table.stamps(sends.at),
            "platform": table.names(world.habits.platforms, sends.platform),
            "message_type": table.names(kinds, sends.message_type),
        }
    )
