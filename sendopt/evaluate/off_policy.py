"""What another policy would have earned, from sends whose times were randomised with known chances.

Inverse propensity scores (IPS), self-normalised (SNIPS), and doubly robust (DR) are estimates;
the direct method (DM) and switch-DR rest on a model where the log is thin, are biased by it, and
are shown only to compare. Symbols: w importance weight, y reward, q predicted reward.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.evaluate.chance import (
    FEWEST_FOR_TEST,
    Group,
    Vector,
    clustered_mean,
    spread,
    t_above,
    t_beyond,
    user_sums,
    z_beyond,
)
from sendopt.evaluate.metrics import Gain, Interval
from sendopt.evaluate.refusal import Refusal

IPS, SNIPS, DR, SWITCH_DR, DM = "ips", "snips", "dr", "switch_dr", "dm"

#: A log that weighs less than so many sends of the target's own says nothing about it: below,
#: intervals come out short because the heavy sends that would widen them were never drawn.
FEWEST_EFFECTIVE_SENDS = 200

_HEAVY = 10.0  # weight beyond which switch-DR asks the model instead
_TOLERATED_MASS = 1e-9  # of the target, where nothing was ever drawn
_WEIGHT_ALARM = 4.0  # standard errors between the mean weight and 1; by chance, 1 in 16,000
_STRATA_ALARM = 1.0 / 16_000  # by chance, of any stratum's mean weight
_FOLDS = 5
_PRIOR_SENDS = 10.0


@dataclass(frozen=True)
class Strata:
    """Sends divided by something that was known before the draw, and that it may have gone by."""

    by: str  # such as `platform`
    names: tuple[str, ...]
    number: Group  # of each send, into `names`


@dataclass(frozen=True)
class Logged:
    """Sends as they were logged, one row each, beside what the target would have done there.

    `predicted` and `expected` come from a model that had not seen the outcome of its row: one
    fitted to earlier sends or, as `cross_fitted` does, to other users.
    """

    user: Group
    reward: Vector  # 0..1
    propensity: Vector  # chance of the time that was drawn; NaN = never logged
    target: Vector  # the target's chance of that same time
    predicted: Vector  # q at that time
    expected: Vector  # mean of q over the times, as the target draws them
    unreachable: Vector  # the target's chance of times that could not be drawn here
    strata: tuple[Strata, ...] = ()  # in each of which weights must average 1

    def __len__(self) -> int:
        return len(self.reward)


@dataclass(frozen=True)
class Support:
    """How much the log can say about a target."""

    sends: int
    users: int
    effective_sends: float  # (sum w)^2 / sum w^2: as many as of the target's own would weigh
    mean_weight: float  # 1 up to chance, if the propensities are those of these times
    max_weight: float
    clipped_share: float  # of the sends, heavier than 10: what switch-DR leaves to the model
    unreachable: float  # share of the target that this log can never show


@dataclass(frozen=True)
class Value:
    """The share of sends that the target would have had answered."""

    support: Support
    estimates: Mapping[str, Interval]  # by estimator; trust SNIPS and DR


def evaluate(logged: Logged) -> Value | Refusal:
    """Return the value of the target, or why this log cannot tell it."""
    unknown = ~(logged.propensity > 0)  # true for NaN
    if len(logged) == 0 or unknown.any():
        return _no_propensity(int(unknown.sum()), len(logged))
    support = support_of(logged)
    return refusal(logged, support) or Value(support, estimates(logged, support))


def support_of(logged: Logged) -> Support:
    """Measure how far the logged sends are from those of the target."""
    weight = logged.target / logged.propensity
    square = float(np.sum(weight**2))
    return Support(
        sends=len(logged),
        users=len(np.unique(logged.user)),
        effective_sends=float(weight.sum()) ** 2 / square if square else 0.0,
        mean_weight=float(weight.mean()),
        max_weight=float(weight.max()),
        clipped_share=float(np.mean(weight > _HEAVY)),
        unreachable=float(logged.unreachable.mean()),
    )


def refusal(logged: Logged, support: Support) -> Refusal | None:
    """Return why nothing can be said about the target; None = something can."""
    if (logged.propensity >= 1.0).all():
        return Refusal(
            "no_support",
            "every time was certain: the hours never varied by chance",
            "let the sender draw a share of its times at random and log their propensity",
        )
    if support.unreachable > _TOLERATED_MASS:
        return Refusal(
            "no_support",
            f"{support.unreachable:.1%} of the target's sends go out at times "
            "that were never or hardly drawn",
            "draw from these times too, or compare with a target that keeps to the others",
        )
    if support.effective_sends < FEWEST_EFFECTIVE_SENDS:
        return Refusal(
            "too_few_effective_sends",
            f"{support.sends:,} sends weigh as much as {support.effective_sends:,.0f} of the "
            f"target's own, and {FEWEST_EFFECTIVE_SENDS} are needed",
            "log more sends, or draw more of them at random",
        )
    if support.users < FEWEST_FOR_TEST:
        return Refusal(
            "too_few_users",
            f"only {support.users} of the {FEWEST_FOR_TEST} users that are needed got these sends: "
            "how far users differ is not known",
            "draw times for more users",
        )
    weight = clustered_mean(logged.target / logged.propensity, logged.user)
    if abs(weight.estimate - 1.0) > _WEIGHT_ALARM * weight.standard_error:
        return Refusal(
            "no_support",
            f"importance weights average {support.mean_weight:.2f} where 1 is expected: the "
            "propensities are not those of the times that are compared, or the target wants times "
            "that were never or hardly drawn",
            "log the chance of the very time that was drawn, after all constraints, and compare "
            "among the times that could be drawn",
        )
    return unbalanced(logged)


def estimates(logged: Logged, support: Support) -> dict[str, Interval]:
    """Return every estimate with its 95 % interval, clustered by user, in the order of trust."""
    weight, q = logged.target / logged.propensity, logged.expected
    ones = np.ones(len(logged))
    doubly = q + weight * (logged.reward - logged.predicted)
    effective = support.effective_sends
    return {
        SNIPS: _share(logged.user, weight * logged.reward, weight, effective),
        DR: _share(logged.user, doubly, ones, effective),
        IPS: _ratio(logged.user, weight * logged.reward, ones),
        SWITCH_DR: _ratio(logged.user, np.where(weight > _HEAVY, q, doubly), ones),
        DM: _ratio(logged.user, q, ones),
    }


def gain(one: Logged, other: Logged) -> dict[str, Gain]:
    """Return SNIPS and DR of what `one` target earns more than another on the same sends."""
    w, v = one.target / one.propensity, other.target / other.propensity
    doubly = one.expected + w * (one.reward - one.predicted)
    others = other.expected + v * (other.reward - other.predicted)
    ones = np.ones(len(one))
    first, second = _mean(w * one.reward, w), _mean(v * one.reward, v)
    moved = w / w.mean() * (one.reward - first) - v / v.mean() * (one.reward - second)
    return {
        SNIPS: _gain(first - second, user_sums(moved, one.user), len(one)),
        DR: _gain(
            _mean(doubly - others, ones), _influence(one.user, doubly - others, ones), len(one)
        ),
    }


def cross_fitted(
    user: Group, slot: Group, reward: Vector, slots: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return q(row, slot): the answer rate of each slot among users of other folds.

    Rates are pulled to the mean as if by ten more sends. Shape: (rows, slots).
    """
    _, number = np.unique(user, return_inverse=True)
    fold = rng.permutation(number.max() + 1)[number] % _FOLDS
    rates = np.empty((_FOLDS, slots))
    for held in range(_FOLDS):
        seen = fold != held
        mean = float(reward[seen].mean()) if seen.any() else 0.5
        sends = np.bincount(slot[seen], minlength=slots)
        answers = np.bincount(slot[seen], weights=reward[seen], minlength=slots)
        rates[held] = (answers + _PRIOR_SENDS * mean) / (sends + _PRIOR_SENDS)
    q: NDArray[np.float64] = rates[fold]
    return q


def unbalanced(logged: Logged) -> Refusal | None:
    """Refuse a log whose weights do not average 1 in a stratum; None = in each they may.

    Where the sender drew by something and logged a chance that does not know it, weights still
    average 1 over all sends, and compare the answers of strata as if they were those of times.

    The error is the largest of three: by how much sends of one user hang together; of all sends'
    weights, which tells what is due where the target's time was never drawn; of the stratum's own.
    """
    weight = logged.target / logged.propensity
    z = z_beyond(_STRATA_ALARM / 2.0 / max(sum(len(each.names) for each in logged.strata), 1))
    for strata in logged.strata:
        sends = np.bincount(strata.number, minlength=len(strata.names))
        off = np.bincount(strata.number, weight - 1.0, len(strata.names))
        own = np.bincount(strata.number, (weight - 1.0) ** 2, len(strata.names))
        pair, of_pair = np.unique(
            logged.user * len(strata.names) + strata.number, return_inverse=True
        )
        of_users = np.bincount(
            pair % len(strata.names), np.bincount(of_pair, weight - 1.0) ** 2, len(strata.names)
        )
        due = sends * float(np.mean((weight - 1.0) ** 2))
        beyond = np.abs(off) > z * np.sqrt(np.maximum(np.maximum(own, of_users), due))
        if beyond.any():
            worst = int(np.argmax(np.where(beyond, np.abs(off), 0.0)))
            return Refusal(
                "no_support",
                f"importance weights average {1.0 + off[worst] / sends[worst]:.2f} where 1 is "
                f"expected, in the {sends[worst]:,} sends whose {strata.by} is "
                f"{strata.names[worst]}: the sender drew by it, and the propensities do not know",
                f"log the chance that the time had for this very send, given its {strata.by}",
            )
    return None


def _share(user: Group, value: Vector, weight: Vector, effective: float) -> Interval:
    """Return sum(value) / sum(weight), a share, with Wilson's interval for weighted clusters.

    Wilson's binomial interval at the effective sample size: as many independent draws as have
    this estimate's variance, but no more than the weights leave. A symmetrical interval is too
    short where answers (or silences) are few and weights large.
    """
    plain = _ratio(user, value, weight)
    share = min(max(plain.estimate, 0.0), 1.0)
    error, t = _error(_influence(user, value, weight), len(value))
    inside = min(max(share, 1.0 / (effective + 2.0)), 1.0 - 1.0 / (effective + 2.0))
    binomial = inside * (1.0 - inside)
    size = min(effective, binomial / error**2) if error else effective
    centre = (inside + t * t / (2.0 * size)) / (1.0 + t * t / size)
    half = t / (1.0 + t * t / size) * np.sqrt(binomial / size + (t / (2.0 * size)) ** 2)
    return Interval(
        plain.estimate,
        min(plain.estimate, float(centre - half)),
        max(plain.estimate, float(centre + half)),
    )


def _ratio(user: Group, value: Vector, weight: Vector) -> Interval:
    """Return sum(value) / sum(weight) with a cluster-robust linearised interval."""
    estimate = _mean(value, weight)
    error, t = _error(_influence(user, value, weight), len(value))
    return Interval(estimate, estimate - t * error, estimate + t * error)


def _mean(value: Vector, weight: Vector) -> float:
    return float(value.sum() / weight.sum())


def _influence(user: Group, value: Vector, weight: Vector) -> Vector:
    """Return how much each user moves sum(value) / sum(weight)."""
    return user_sums((value - _mean(value, weight) * weight) / weight.mean(), user)


def _gain(estimate: float, influence: Vector, rows: int) -> Gain:
    error, t = _error(influence, rows)
    _, freedom = spread(influence)
    by_chance = 0.0 if estimate < 0.0 else 1.0  # where nobody differed
    return Gain(
        estimate,
        estimate - t * error,
        estimate + t * error,
        p_below=t_above(-estimate / error, freedom) if error > 0.0 else by_chance,
    )


def _error(influence: Vector, rows: int) -> tuple[float, float]:
    """Return the standard error of a mean of rows, and what a 95 % interval multiplies it by."""
    error, freedom = spread(influence)
    return error / rows, t_beyond(0.025, freedom)


def _no_propensity(unknown: int, sends: int) -> Refusal:
    if sends == 0:
        return Refusal(
            "no_propensity",
            "no send carries the chance with which its time was drawn",
            "log the propensity of every send; a draw that was certain has 1",
        )
    return Refusal(
        "no_propensity",
        f"{unknown:,} of {sends:,} sends do not carry the chance with which their time was drawn",
        "log the propensity of every send, above 0",
    )
