"""Two arms of randomised users, and how far their shares are apart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sendopt.evaluate import sequential

Vector = NDArray[np.float64]
Group = NDArray[np.intp]
Mask = NDArray[np.bool_]

#: With fewer in an arm its mean is too far from normal for any interval.
FEWEST_USERS, FEWEST_ANSWERS = 30, 10


@dataclass(frozen=True)
class Trial:
    """Sends of randomised users, one row each, the suppressed ones too: intention to treat."""

    user: Group
    optimised: Mask  # the arm: False = held out
    holdout_share: Vector  # the chance with which the row's user was held out, in (0, 1)
    answered: Vector  # 0 or 1
    dismissed: Vector  # 0 or 1
    opted_out: Vector  # 0 or 1: the user left after this send
    before: Vector  # of the row's user: share answered before the experiment; NaN = unknown

    def __len__(self) -> int:
        return len(self.answered)

    def rows(self, chosen: Mask) -> Trial:
        """Return the chosen rows."""
        return Trial(
            self.user[chosen],
            self.optimised[chosen],
            self.holdout_share[chosen],
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
        return int((self.optimised == optimised).sum())


@dataclass(frozen=True)
class Estimate:
    """The shares of one outcome in both arms, and what moves their difference."""

    optimised: float
    holdout: float
    row: Vector  # what each row adds to the difference beyond its arm's share
    user: Group  # of the row, numbered from 0
    adjusted: bool = False  # for what the users did before

    @property
    def difference(self) -> float:
        return self.optimised - self.holdout

    @property
    def variance(self) -> float:
        """Of the difference; a user's rows hang together."""
        return clustered_variance(self.row, self.user)

    @property
    def variance_between(self) -> float:
        """What would be left of the variance after any number of sends to the same users."""
        count = np.bincount(self.user)
        mean = np.bincount(self.user, weights=self.row) / count
        noise = np.bincount(self.user, weights=(self.row - mean[self.user]) ** 2)
        several = count > 1
        within = float(np.sum(noise[several] * count[several] / (count[several] - 1)))
        return max(self.variance - within, 0.0)


def compare(trial: Trial, outcome: Vector) -> Estimate:
    """Compare the shares of `outcome`.

    Where users were held out with several chances, as after a change of the holdout, rows are
    weighed so that both arms hold the same mix of them.
    """
    on = trial.optimised
    weight = _stratum_weight(trial)
    total = np.where(on, weight[on].sum(), weight[~on].sum())
    share = weight / total
    treated = float(np.sum((share * outcome)[on]))
    held = float(np.sum((share * outcome)[~on]))
    return Estimate(
        optimised=treated,
        holdout=held,
        row=share * np.where(on, outcome - treated, held - outcome),
        user=np.unique(trial.user, return_inverse=True)[1].astype(np.intp),
    )


def adjust(trial: Trial, estimate: Estimate) -> Estimate:
    """Take out of the difference what the users' own past explains (CUPED, Deng et al. 2013).

    What users did before the draw differs between the arms by chance alone.
    """
    known = ~np.isnan(trial.before)
    if not known.any() or np.ptp(trial.before[known]) == 0.0:
        return estimate
    past = compare(trial, np.where(known, trial.before, trial.before[known].mean()))
    moved = np.bincount(estimate.user, weights=estimate.row)
    explained = np.bincount(past.user, weights=past.row)
    theta = float(moved @ explained) / float(explained @ explained)
    return replace(
        estimate,
        optimised=estimate.optimised - theta * past.difference,
        row=estimate.row - theta * past.row,
        adjusted=True,
    )


def enough(trial: Trial, outcome: Vector) -> bool:
    """Tell whether both arms hold enough users, and enough with and without the outcome."""
    for on in (trial.optimised, ~trial.optimised):
        hits = outcome[on].sum()
        if min(hits, on.sum() - hits) < FEWEST_ANSWERS:
            return False
    return min(trial.users(optimised=flag) for flag in (True, False)) >= FEWEST_USERS


def assignment_p_value(trial: Trial) -> float:
    """Return how surprising the sizes of the arms are, however often they are looked at.

    Users are the draws, each counted once for every chance with which it was drawn.
    """
    shares = np.unique(trial.holdout_share)
    p_values = []
    for share in shares:
        here = trial.holdout_share == share
        drawn = len(np.unique(trial.user[here]))
        held = len(np.unique(trial.user[here & ~trial.optimised]))
        p_values.append(sequential.ratio_p_value(held, drawn, float(share)))
    return min(1.0, len(shares) * min(p_values))


def clustered_variance(row: Vector, user: Group) -> float:
    """Return the variance of the sum of `row`, of which each user is one draw."""
    moved = np.bincount(user, weights=row)
    return float(moved @ moved) * len(moved) / max(len(moved) - 1, 1)


def _stratum_weight(trial: Trial) -> Vector:
    """Return rows of the same chance to be held out, over those of them in the row's arm."""
    _, stratum = np.unique(trial.holdout_share, return_inverse=True)
    size = np.bincount(stratum).astype(np.float64)
    treated = np.bincount(stratum, weights=trial.optimised)
    of_arm = np.where(trial.optimised, treated[stratum], (size - treated)[stratum])
    both = (treated > 0) & (treated < size)  # else there is nobody to be compared with
    weight: Vector = np.where(both[stratum], size[stratum] / of_arm, 0.0)
    return weight
