"""How often intervals over users hold the truth where users are few, for docs/estimators.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt.evaluate.metrics import FEWEST_FOR_INTERVAL, Interval, user_interval, user_share

USERS = (5, 10, 20, 40, 100)
LOGS, RESAMPLES, SEED = 4000, 400, 20261129
_POPULATION = 200_000  # users whose own ratio is the truth

Array = NDArray[np.float64]

TEXT = f"""
## Intervals over few users

What the gate, the card and the backtest say of a model rests on ratios of sums over users:
`user_interval` for gains, `user_share` for shares. Users are drawn from a population whose ratio is
the truth, {LOGS} logs a cell. *Even*: 20 moments a user; *uneven*: 1 + lognormal(2.5, 1), where the
busiest tenth of users has two fifths of the moments; *heavy*: 1 + lognormal(2, 1.7), where the
busiest twentieth has half. Each cell: share of logs whose 95 % interval lay above the truth / below
it, each to be 2.5 % at most; with {LOGS} logs a true 2.5 % shows as 2.0 to 3.0 %. *Percentiles* are
those of a bootstrap over users, {RESAMPLES} resamples, a tenth of the logs. Fewer than
{FEWEST_FOR_INTERVAL} users get no interval.

"""

READING = """
Where moments are uneven the intervals are wider than they had to be. Where every user has as many
and gains or shares are skewed, the truth is above some up to a point more often than it should be.
"""


@dataclass(frozen=True)
class Quantity:
    name: str
    kind: str  # "gain" or "share"

    def draw(self, moments: Array, rng: np.random.Generator) -> Array:
        """Return the sum of each user over so many moments."""
        users, count = len(moments), moments.astype(int)
        if self.name == "gain of a choice":  # each -1, 0 or 1
            mean = rng.normal(0.05, 0.1, users).clip(-0.29, 0.29)
            better = rng.binomial(count, 0.15 + mean / 2.0)
            return np.asarray(better - rng.binomial(count, 0.15 - mean / 2.0), np.float64)
        if self.name == "gain of log loss":  # skewed
            return np.asarray(rng.gamma(0.5 * count, 1.0) - 0.4 * count)
        prior = (1.0, 4.0) if self.name == "answered, 20 %" else (0.3, 5.0)
        return np.asarray(rng.binomial(count, rng.beta(*prior, users)), np.float64)


QUANTITIES = (
    Quantity("gain of a choice", "gain"),
    Quantity("gain of log loss", "gain"),
    Quantity("answered, 20 %", "share"),
    Quantity("answered, 6 %", "share"),
)


def _moments(kind: str, users: int, rng: np.random.Generator) -> Array:
    if kind == "even":
        return np.full(users, 20.0)
    middle, width = (2.5, 1.0) if kind == "uneven" else (2.0, 1.7)
    return np.asarray(1.0 + np.floor(rng.lognormal(middle, width, users)))


def _percentiles(value: Array, weight: Array, rng: np.random.Generator) -> Interval:
    drawn = rng.integers(len(value), size=(RESAMPLES, len(value)))
    low, high = np.quantile(value[drawn].sum(1) / weight[drawn].sum(1), [0.025, 0.975])
    return Interval(float(value.sum() / weight.sum()), float(low), float(high))


def _missed(
    quantity: Quantity, moments: str, users: int, rng: np.random.Generator
) -> Iterator[str]:
    everybody = _moments(moments, _POPULATION, rng)
    truth = quantity.draw(everybody, rng).sum() / everybody.sum()
    ours, theirs = np.zeros(2), np.zeros(2)
    bound = user_interval if quantity.kind == "gain" else user_share
    for log in range(LOGS):
        weight = _moments(moments, users, rng)
        value = quantity.draw(weight, rng)
        found = bound(value, weight, np.arange(users))
        ours += (found.low > truth, found.high < truth)
        if log % 10 == 0:
            found = _percentiles(value, weight, rng)
            theirs += (found.low > truth, found.high < truth)
    yield f"{ours[0] / LOGS:.1%} / {ours[1] / LOGS:.1%}"
    yield f"{theirs[0] / LOGS * 10:.1%} / {theirs[1] / LOGS * 10:.1%}"


def few_users() -> Iterator[str]:
    """Yield the section, line by line."""
    yield TEXT
    columns = [f"{users} | percentiles" for users in USERS]
    yield f"| of | moments | {' | '.join(columns)} |\n" + "|---" * (2 + 2 * len(USERS)) + "|\n"
    rng = np.random.default_rng(SEED)
    for quantity in QUANTITIES:
        for moments in ("even", "uneven", "heavy"):
            cells = [cell for users in USERS for cell in _missed(quantity, moments, users, rng)]
            yield f"| {quantity.name} | {moments} | {' | '.join(cells)} |\n"
    yield READING


if __name__ == "__main__":
    for line in few_users():
        print(line, end="", flush=True)
