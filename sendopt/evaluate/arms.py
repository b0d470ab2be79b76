"""Two arms of randomised users, and how far their shares are apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sendopt.evaluate import sequential
from sendopt.evaluate.chance import Group, Vector, spread, user_sums

Mask = NDArray[np.bool_]

#: With fewer in an arm its mean is too far from normal for any interval.
FEWEST_USERS, FEWEST_ANSWERS = 30, 10


@dataclass(frozen=True)
class HoldoutTrial:
    """Sends of randomised users, the suppressed ones too: intention to treat.

    A row holds some sends of one user in one arm, drawn with one chance: all of them, or each in a
    row of its own; what is said of the arms is the same.
    """

    user: Group
    optimised: Mask  # the arm: False = held out
    holdout_share: Vector  # the chance with which the row's user was held out, in (0, 1)
    sent: Vector  # how many sends, at least 1
    answered: Vector  # how many of them
    dismissed: Vector  # how many of them
    opted_out: Vector  # how many of them the user left after
    before: Vector  # of the row's user: share answered before the experiment; NaN = unknown

    def __len__(self) -> int:
        return len(self.answered)

    def rows(self, chosen: Mask) -> HoldoutTrial:
        """Return the chosen rows."""
        return HoldoutTrial(
            self.user[chosen],
            self.optimised[chosen],
            self.holdout_share[chosen],
            self.sent[chosen],
            self.answered[chosen],
            self.dismissed[chosen],
            self.opted_out[chosen],
            self.before[chosen],
        )

    def users(self, *, optimised: bool) -> int:
        """Return how many users are in an arm."""
        return len(np.unique(self.user[self.optimised == optimised]))

    def sends(self, *, optimised: bool) -> int:
        """Return how many sends are in an arm."""
        return int(self.sent[self.optimised == optimised].sum())


@dataclass(frozen=True)
class Estimate:
    """The shares of one outcome in both arms, and what moves their difference."""

    optimised: float
    holdout: float
    hits: Vector  # sends of each row with the outcome
    misses: Vector  # without
    of_hit: Vector  # what each hit of the row adds to the difference beyond its arm's share
    of_miss: Vector
    user: Group  # of the row, numbered from 0
    adjusted: bool = False  # for what the users did before

    @property
    def difference(self) -> float:
        return self.optimised - self.holdout

    @property
    def row(self) -> Vector:
        """What each row adds to the difference beyond its arm's share."""
        return self.hits * self.of_hit + self.misses * self.of_miss

    @property
    def variance(self) -> float:
        """Of the difference; a user's rows hang together."""
        return spread(user_sums(self.row, self.user))[0] ** 2

    @property
    def variance_between(self) -> float:
        """What would be left of the variance after any number of sends to the same users."""
        count = np.bincount(self.user, weights=self.hits + self.misses)
        mean = (np.bincount(self.user, weights=self.row) / count)[self.user]
        apart = self.hits * (self.of_hit - mean) ** 2 + self.misses * (self.of_miss - mean) ** 2
        noise = np.bincount(self.user, weights=apart)
        several = count > 1
        within = float(np.sum(noise[several] * count[several] / (count[several] - 1)))
        return max(self.variance - within, 0.0)


def comparable(trial: HoldoutTrial) -> HoldoutTrial:
    """Return the sends of chances with which some users were held out, and some were not.

    The others' have nobody to be compared with.
    """
    _, stratum = np.unique(trial.holdout_share, return_inverse=True)
    size, treated = np.bincount(stratum), np.bincount(stratum, weights=trial.optimised)
    return trial.rows(((treated > 0) & (treated < size))[stratum])


def compare(trial: HoldoutTrial, outcome: Vector) -> Estimate:
    """Compare the shares of sends with an outcome.

    Where users were held out with several chances, as after a change of the holdout, sends are
    weighed so that both arms hold the same mix of them.

    Args:
        trial: the sends; every chance has both arms, as in `comparable`.
        outcome: how many of each row's sends had it.
    """
    on = trial.optimised
    weight = _stratum_weight(trial)
    of_arm = weight * trial.sent
    share = weight / np.where(on, of_arm[on].sum(), of_arm[~on].sum())
    treated = float(np.sum((share * outcome)[on]))
    held = float(np.sum((share * outcome)[~on]))
    return Estimate(
        optimised=treated,
        holdout=held,
        hits=outcome,
        misses=trial.sent - outcome,
        of_hit=share * np.where(on, 1.0 - treated, held - 1.0),
        of_miss=share * np.where(on, -treated, held),
        user=np.unique(trial.user, return_inverse=True)[1].astype(np.intp),
    )


def adjust(trial: HoldoutTrial, estimate: Estimate) -> Estimate:
    """Take out of the difference what the users' own past explains (CUPED, Deng et al. 2013).

    What users did before the draw differs between the arms by chance alone.
    """
    known = ~np.isnan(trial.before)
    if not known.any():
        return estimate
    mean = np.average(trial.before[known], weights=trial.sent[known])
    before = np.where(known, trial.before, mean)
    if not any(np.ptp(before[arm]) for arm in (trial.optimised, ~trial.optimised)):
        return estimate  # nobody differs from the others of the arm: nothing is explained
    past = compare(trial, trial.sent * before)
    moved = np.bincount(estimate.user, weights=estimate.row)
    explained = np.bincount(past.user, weights=past.row)
    theta = float(moved @ explained) / float(explained @ explained)
    of_send = theta * past.row / trial.sent
    return replace(
        estimate,
        optimised=estimate.optimised - theta * past.difference,
        of_hit=estimate.of_hit - of_send,
        of_miss=estimate.of_miss - of_send,
        adjusted=True,
    )


def enough(trial: HoldoutTrial, outcome: Vector) -> bool:
    """Tell whether both arms hold enough users, and enough sends with and without the outcome."""
    for on in (trial.optimised, ~trial.optimised):
        if min(outcome[on].sum(), (trial.sent - outcome)[on].sum()) < FEWEST_ANSWERS:
            return False
    return min(trial.users(optimised=flag) for flag in (True, False)) >= FEWEST_USERS


def assignment_p_value(trial: HoldoutTrial) -> float:
    """Return how surprising the sizes of the arms are, however often they are looked at.

    Users are the draws, each counted once for every chance with which it was drawn.
    """
    shares = np.unique(trial.holdout_share)
    p_values = []
    for share in shares:
        here = trial.holdout_share == share
        randomised = len(np.unique(trial.user[here]))
        held = len(np.unique(trial.user[here & ~trial.optimised]))
        p_values.append(sequential.ratio_p_value(held, randomised, float(share)))
    return min(1.0, len(shares) * min(p_values))


def _stratum_weight(trial: HoldoutTrial) -> Vector:
    """Return of each row the sends of its chance to be held out, over those in the row's arm."""
    _, stratum = np.unique(trial.holdout_share, return_inverse=True)
    size = np.bincount(stratum, weights=trial.sent)
    treated = np.bincount(stratum, weights=trial.sent * trial.optimised)
    of_arm = np.where(trial.optimised, treated[stratum], (size - treated)[stratum])
    weight: Vector = size[stratum] / of_arm
    return weight
