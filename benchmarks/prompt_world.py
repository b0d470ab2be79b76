"""The shipped prompt studies as worlds in which the value of every policy is known.

On each of a person's days the real outcome of several send times is known. The population is the
study's people with all their days: drawing people with replacement from it, and one time of each of
their days by the logging policy, gives a log as a sender would have it. Policies are fixed tables
over the study, so that their population value does not depend on what is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sendopt.demo.studies import OPEN_WINDOW, Study, load_studies
from sendopt.evaluate.off_policy import Logged, cross_fitted

Table = NDArray[np.float64]
HOURS = 24
_PRIOR_SENDS = 5.0


@dataclass(frozen=True)
class World:
    """Person-days in rows, the times of the day in columns."""

    name: str
    person: NDArray[np.intp]
    day: NDArray[np.intp]
    hour: NDArray[np.intp]  # of each time
    there: NDArray[np.bool_]  # a day may have fewer times
    answered: Table

    @property
    def people(self) -> int:
        return int(self.person.max()) + 1

    def value(self, policy: Table) -> float:
        """Return the share of the population's days that the policy would have answered."""
        return float((policy * self.answered).sum() / len(self.person))

    def draw_people(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], ...]:
        """Draw people with replacement; return the rows of their days, and who each row is."""
        first = np.searchsorted(self.person, np.arange(self.people + 1))
        drawn = rng.integers(0, self.people, count)
        days = (first[1:] - first[:-1])[drawn]
        who = np.repeat(np.arange(count), days)
        offset = np.arange(len(who)) - np.repeat(np.cumsum(days) - days, days)
        return first[drawn][who] + offset, who

    def log(self, logging: Table, target: Table, people: int, rng: np.random.Generator) -> Logged:
        """Draw people and, on each of their days, one time."""
        rows, who = self.draw_people(people, rng)
        chance = logging[rows]
        sent = (chance.cumsum(axis=1) > rng.random((len(rows), 1))).argmax(axis=1)
        hour, wanted, each = self.hour[rows], target[rows], np.arange(len(rows))
        reward = self.answered[rows][each, sent]
        q = np.take_along_axis(
            cross_fitted(who, hour[each, sent], reward, HOURS, rng), hour, axis=1
        )
        return Logged(
            user=who,
            reward=reward,
            propensity=chance[each, sent],
            target=wanted[each, sent],
            predicted=q[each, sent],
            expected=(wanted * q).sum(axis=1),
            unreachable=(wanted * (chance == 0)).sum(axis=1),
        )


@cache
def worlds() -> tuple[World, ...]:
    """Return one world a study."""
    return tuple(_world(study) for study in load_studies())


def _world(study: Study) -> World:
    days: dict[tuple[str, int], list[tuple[int, float]]] = {}
    for user, sent_at, delay in sorted(study.pushes(), key=lambda push: push[1]):
        times = days.setdefault((user, sent_at.toordinal()), [])
        times.append((sent_at.hour, float(delay is not None and delay <= OPEN_WINDOW)))
    kept = {key: times for key, times in sorted(days.items()) if len(times) > 1}
    shape = len(kept), max(len(times) for times in kept.values())
    hour, there, answered = np.zeros(shape, np.intp), np.zeros(shape, bool), np.zeros(shape)
    for row, times in enumerate(kept.values()):
        for column, (at, outcome) in enumerate(times):
            hour[row, column], there[row, column], answered[row, column] = at, True, outcome
    day = np.array([of for _, of in kept])
    person = np.unique([user for user, _ in kept], return_inverse=True)[1]
    return World(study.tenant_id, person, day - day.min(), hour, there, answered)


def loggings(world: World) -> Iterator[tuple[str, Table]]:
    """Yield the senders: all times alike, or everybody's best time but for a share epsilon."""
    anywhere = world.there / world.there.sum(axis=1, keepdims=True)
    best = _first_best(world, population_rate(world))
    yield "uniform", anywhere
    for epsilon in (0.3, 0.1):
        yield f"epsilon {epsilon}", (1 - epsilon) * best + epsilon * anywhere


def targets(world: World) -> Iterator[tuple[str, Table]]:
    """Yield the policies to be evaluated: each knows the person's earlier days in full."""
    rate = personal_rate(world)
    yield "own best", _first_best(world, rate)
    odds = np.where(world.there, np.exp(8.0 * rate), 0.0)
    yield "own, spread", odds / odds.sum(axis=1, keepdims=True)


def population_rate(world: World) -> Table:
    """Return everybody's answer rate at the hour of each time."""
    at = world.hour[world.there]
    sends = np.bincount(at, minlength=HOURS)
    answers = np.bincount(at, weights=world.answered[world.there], minlength=HOURS)
    rate: Table = (answers / np.maximum(sends, 1))[world.hour]
    return rate


def personal_rate(world: World) -> Table:
    """Return the person's own rate on earlier days, pulled to everybody's as if by five sends."""
    sends, answers = np.zeros((2, world.people, HOURS))
    everybody, rate = population_rate(world), np.zeros(world.there.shape)
    for day in range(int(world.day.max()) + 1):
        rows = np.flatnonzero(world.day == day)
        cell = world.person[rows, np.newaxis], world.hour[rows]
        rate[rows] = (answers[cell] + _PRIOR_SENDS * everybody[rows]) / (sends[cell] + _PRIOR_SENDS)
        np.add.at(sends, cell, world.there[rows])
        np.add.at(answers, cell, world.answered[rows])
    return rate


def _first_best(world: World, rate: Table) -> Table:
    best = np.where(world.there, rate, -np.inf).argmax(axis=1)
    chosen = np.zeros(rate.shape)
    chosen[np.arange(len(rate)), best] = 1.0
    return chosen
