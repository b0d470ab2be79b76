"""Tenants on which the effect of sending, and of the hour, is planted.

Users differ in how often they come at all, and come more often while they are active; who came, or
was sent to, stays active more easily. The sender knows who is active and draws by it, with chances
that are logged. So active users are sent to more often, and in the evening: whoever compares the
answers of those who were sent to with those of the others compares active users with idle ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.evaluate.excursion import RandomisedRows, against_the_rest, effects
from sendopt.evaluate.metrics import Interval

Vector = NDArray[np.float64]

MESSAGES = 30  # of each user
_TRUTH_USERS = 100_000

SENDING, HOUR = "sending", "hour"

#: What an idle and an active user do more often where the thing was drawn than where the first
#: thing was, by the thing.
_GAINS = {
    SENDING: np.array([[0.0, 0.04], [0.0, 0.16]]),  # kept back, sent
    HOUR: np.array([[0.0, 0.05, 0.02, 0.04], [0.0, 0.05, 0.10, 0.16]]),
}
#: The chance of each thing, for an idle and an active user.
_CHANCES = {
    SENDING: np.array([[0.6, 0.4], [0.15, 0.85]]),
    HOUR: np.array([[0.55, 0.15, 0.15, 0.15], [0.1, 0.1, 0.1, 0.7]]),
}
#: What is compared: sent with kept back; the last hour with all others alike.
_ASKED = {SENDING: np.array([[-1.0, 1.0]]), HOUR: against_the_rest(np.full(4, 0.25))[3:]}

ESTIMATES = ("wcls", "wcls, plain", "unweighted", "naive")


@dataclass(frozen=True)
class Tenant:
    """What a sender logged, and what it could not know."""

    rows: RandomisedRows
    effect: Vector  # of what is asked, on the row's chance of the outcome


def tenant(kind: str, users: int, rng: np.random.Generator) -> Tenant:
    """Return a tenant's log: a row a message, with whether the user was active before as control.

    Args:
        kind: SENDING or HOUR.
        users: each with MESSAGES messages.
        rng: of users and draws.
    """
    gains, chances, asked = _GAINS[kind], _CHANCES[kind], _ASKED[kind][0]
    habit = 0.2 + 0.1 * rng.standard_normal(users)
    active = rng.random(users) < 0.5
    drawn, propensity, outcome, before, effect = ([] for _ in range(5))
    for _ in range(MESSAGES):
        chance = chances[active.astype(np.intp)]
        what = (rng.random(users)[:, np.newaxis] >= chance.cumsum(axis=1)[:, :-1]).sum(axis=1)
        each = (habit + 0.25 * active)[:, np.newaxis] + gains[active.astype(np.intp)]
        of_each = np.clip(each, 0.01, 0.99)
        came = rng.random(users) < of_each[np.arange(users), what]
        drawn.append(what)
        propensity.append(chance[np.arange(users), what])
        outcome.append(came.astype(np.float64))
        before.append(active.astype(np.float64))
        effect.append(of_each @ asked)
        active = rng.random(users) < 0.2 + 0.3 * active + 0.3 * came
    rows = RandomisedRows(
        np.tile(np.arange(users), MESSAGES),
        np.concatenate(drawn).astype(np.intp),
        np.concatenate(propensity),
        np.concatenate(outcome),
        np.concatenate(before)[:, np.newaxis],
    )
    return Tenant(rows, np.concatenate(effect))


def truth(kind: str) -> float:
    """Return the effect in the population, over all that may have happened before a message."""
    return float(tenant(kind, _TRUTH_USERS, np.random.default_rng(0)).effect.mean())


def estimates(kind: str, rows: RandomisedRows) -> dict[str, Interval]:
    """Return what each of ESTIMATES says.

    *Plain* has the textbook's interval, 1.96 cluster-robust standard errors each way. *Unweighted*
    is the same regression as if all chances had been alike; *naive* the difference of the shares,
    with the textbook's interval of two samples.
    """
    asked, things = _ASKED[kind], len(_CHANCES[kind][0])
    even = np.full(things, 1.0 / things)
    alike = RandomisedRows(rows.user, rows.drawn, even[rows.drawn], rows.outcome, rows.controls)
    (found,) = effects(rows, even, asked).intervals()
    return {
        "wcls": found,
        "wcls, plain": _plain(rows, even, asked[0]),
        "unweighted": effects(alike, even, asked).intervals()[0],
        "naive": _naive(rows, asked[0]),
    }


def _plain(rows: RandomisedRows, even: Vector, asked: Vector) -> Interval:
    things = len(even)
    shown = (rows.drawn[:, np.newaxis] == np.arange(1, things)) - even[1:]
    design = np.column_stack([np.ones(len(rows)), rows.controls, shown])
    weighted = design * (even[rows.drawn] / rows.propensity)[:, np.newaxis]
    bread = np.linalg.inv(weighted.T @ design)
    fitted = bread @ weighted.T @ rows.outcome
    scores = weighted * (rows.outcome - design @ fitted)[:, np.newaxis]
    of_user = np.zeros((int(rows.user.max()) + 1, design.shape[1]))
    np.add.at(of_user, rows.user, scores)
    pick = np.r_[np.zeros(design.shape[1] - things + 1), asked[1:]]
    estimate = float(pick @ fitted)
    half = 1.96 * float(np.sqrt(pick @ bread @ of_user.T @ of_user @ bread @ pick))
    return Interval(estimate, estimate - half, estimate + half)


def _naive(rows: RandomisedRows, asked: Vector) -> Interval:
    last = rows.drawn == len(asked) - 1
    one, other = rows.outcome[last], rows.outcome[~last]
    difference = float(one.mean() - other.mean())
    half = 1.96 * float(np.sqrt(one.var() / len(one) + other.var() / len(other)))
    return Interval(difference, difference - half, difference + half)
