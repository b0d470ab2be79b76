"""What more rounds of learning the activity prior change; for models/level_shape_trees/README.md.

python benchmarks/prior_rounds.py
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sendopt import libraries
from sendopt.features import HALF_HOURS
from sendopt.learn.level_shape.activity_prior import densities, learn

ROUNDS, SEEDS = (1, 2, 5, 10, 20, 60), 5
_NIGHT = 12  # half hours, in which hardly anybody is there

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Habits:
    """Users who are there around hours of their own."""

    name: str
    users: int
    sessions: float  # of a user, on average; some have few and some many
    width: float  # of a habit, in half hours
    alike: float = 0.0  # share of the time that is spent at any hour

    def planted(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return each user's density, and sessions of it, (users, day types, half hours)."""
        half_hour = np.arange(HALF_HOURS)
        peak = rng.uniform(14, 46, (self.users, 1, 1)) + np.array([[[0.0], [4.0]]])
        apart = np.abs(half_hour - peak % HALF_HOURS)
        apart = np.minimum(apart, HALF_HOURS - apart)
        density = np.exp(2.0 * np.exp(-0.5 * (apart / self.width) ** 2))
        density[:, :, :_NIGHT] *= 0.1
        density = (1.0 - self.alike) * density / density.sum(axis=2, keepdims=True)
        density += self.alike / HALF_HOURS
        share = np.array([5 / 7, 2 / 7])[None, :, None]
        level = self.sessions * rng.lognormal(-0.32, 0.8, (self.users, 1, 1))
        return density, rng.poisson(level * share * density).astype(np.float64)


HABITS = (
    Habits("few sessions", 300, 10.0, 4.0),
    Habits("many sessions", 300, 120.0, 4.0),
    Habits("many users", 3_000, 40.0, 4.0),
    Habits("narrow habits", 300, 120.0, 1.5),
    Habits("at any hour", 300, 120.0, 4.0, alike=1.0),
)


def by_hour(density: Floats) -> Floats:
    hours: Floats = density.reshape(*density.shape[:2], HALF_HOURS // 2, 2).sum(axis=-1)
    return hours


def lost(planted: Floats, learned: Floats) -> float:
    """Return the mean Kullback-Leibler divergence of days, in nats, by hours."""
    p, q = by_hour(planted), by_hour(learned)
    return float((p * np.log(p / q)).sum(axis=-1).mean())


def chosen(planted: Floats, learned: Floats) -> float:
    """Return how far the likeliest hour comes from any hour's presence to the best one's."""
    p, best = by_hour(planted), by_hour(learned).argmax(axis=-1)[..., None]
    taken = np.take_along_axis(p, best, axis=-1).mean() - p.mean()
    return float(taken / max(p.max(axis=-1).mean() - p.mean(), 1e-9))


def rows() -> Iterator[str]:
    for habits in HABITS:
        found = np.zeros((len(ROUNDS), 2))
        for seed in range(SEEDS):
            planted, sessions = habits.planted(np.random.default_rng(seed))
            for row, rounds in enumerate(ROUNDS):
                learned = densities(learn(sessions, rounds=rounds), sessions)
                found[row] += lost(planted, learned), chosen(planted, learned)
        flat = habits.alike == 1.0  # then no hour is the best
        told = " | ".join(
            f"{kl:.4f} / {'-' if flat else format(hour, '.3f')}" for kl, hour in found / SEEDS
        )
        yield f"| {habits.name} | {habits.users:,} | {habits.sessions:g} | {told} |"


def main() -> None:
    libraries.tame()
    print(f"| habits | users | sessions | {' | '.join(f'{rounds} rounds' for rounds in ROUNDS)} |")
    print("|---" * (3 + len(ROUNDS)) + "|")
    for row in rows():
        print(row, flush=True)


if __name__ == "__main__":
    main()
