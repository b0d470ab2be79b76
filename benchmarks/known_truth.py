"""Whether estimates and reports are right, counted where the truth is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from prompt_world import Table, World, loggings, targets, worlds

from sendopt.evaluate import arms, lift, off_policy
from sendopt.evaluate.arms import HoldoutTrial
from sendopt.evaluate.chance import clustered_mean
from sendopt.evaluate.metrics import Interval
from sendopt.evaluate.off_policy import Logged
from sendopt.evaluate.refusal import Refusal

_PAST_DAYS = 3

ESTIMATORS = (
    off_policy.IPS,
    off_policy.SNIPS,
    off_policy.DR,
    off_policy.SWITCH_DR,
    off_policy.DM,
)
#: The same estimates with the textbook's interval, 1.96 cluster-robust standard errors each way.
PLAIN = ("snips, plain", "dr, plain")


@dataclass(frozen=True)
class Cell:
    """One world, sender and target: what many logs of it came to."""

    world: str
    logging: str
    target: str
    truth: float
    effective_sends: float  # median
    refused: int
    error: NDArray[np.float64]  # (logs, ESTIMATORS and PLAIN)
    covered: NDArray[np.bool_]  # (logs, ESTIMATORS and PLAIN)


def cells(*, logs: int, people: int, seed: int) -> Iterator[Cell]:
    """Yield every world, sender and target."""
    for world in worlds():
        for logging, chances in loggings(world):
            for target, wanted in targets(world):
                rng = np.random.default_rng([seed, *f"{world.name}{logging}{target}".encode()])
                yield replace(
                    _cell(world, chances, wanted, logs=logs, people=people, rng=rng),
                    logging=logging,
                    target=target,
                )


def _cell(
    world: World,
    chances: Table,
    wanted: Table,
    *,
    logs: int,
    people: int,
    rng: np.random.Generator,
) -> Cell:
    truth = world.value(wanted)
    size = logs, len(ESTIMATORS) + len(PLAIN)
    error, covered = np.zeros(size), np.zeros(size, bool)
    effective, refused = np.zeros(logs), 0
    for number in range(logs):
        logged = world.log(chances, wanted, people, rng)
        support = off_policy.support_of(logged)
        effective[number] = support.effective_sends
        refused += off_policy.refusal(logged, support) is not None
        found = off_policy.estimates(logged, support)
        intervals = [*(found[name] for name in ESTIMATORS), *_plain(logged)]
        for column, interval in enumerate(intervals):
            error[number, column] = interval.estimate - truth
            covered[number, column] = interval.low <= truth <= interval.high
    median = float(np.median(effective))
    return Cell(world.name, "", "", truth, median, refused, error, covered)


def _plain(logged: Logged) -> list[Interval]:
    weight = logged.target / logged.propensity
    snips = float((weight * logged.reward).sum() / weight.sum())
    moved = clustered_mean(weight * (logged.reward - snips) / weight.mean(), logged.user)
    doubly = clustered_mean(
        logged.expected + weight * (logged.reward - logged.predicted), logged.user
    )
    pairs = [(snips, moved.standard_error), (doubly.estimate, doubly.standard_error)]
    return [Interval(value, value - 1.96 * se, value + 1.96 * se) for value, se in pairs]


@dataclass(frozen=True)
class Watched:
    """Experiments that were looked at every day, until the end."""

    experiments: int
    better: int  # said so at any look
    worse: int
    by_single_looks: int  # either, had each look been judged as if it were the only one
    refused: int
    missed: int  # the true difference was outside the interval at some look


def watch(
    world: World, *, experiments: int, people: int | None, effect: float, seed: int
) -> Watched:
    """Split people at random, half and half, and look at the end of every day.

    The first days are the past that the report may adjust for.

    Args:
        world: whose prompts are the sends.
        experiments: how many splits.
        people: drawn with replacement for each split; None = the study's own.
        effect: planted: so many more of the optimised half's sends are answered, silences turned
            into answers at random.
        seed: of everything.
    """
    silent = _silent(world)
    share = effect / silent[-1]  # of the silences
    rng = np.random.default_rng(seed)
    counted = np.zeros(5, int)
    for _ in range(experiments):
        trial, day = _experiment(world, people, share, rng)
        seen = np.zeros(5, bool)
        for until in range(_PAST_DAYS, int(day.max()) + 1):
            seen |= _look(trial.rows(day <= until), share * silent[until])
        counted += seen
    return Watched(experiments, *(int(count) for count in counted))


def _look(trial: HoldoutTrial, truth: float) -> NDArray[np.bool_]:
    found = lift.report(trial, effect=0.05)
    if isinstance(found, Refusal):
        return np.array([False, False, False, True, False])
    difference = found.answered.difference
    if difference is None:
        return np.zeros(5, bool)
    plain = arms.compare(trial, trial.answered)
    return np.array(
        [
            found.conclusion is lift.Conclusion.BETTER,
            found.conclusion is lift.Conclusion.WORSE,
            abs(plain.difference) > 1.96 * np.sqrt(plain.variance),
            False,
            not difference.low <= truth <= difference.high,
        ]
    )


def _experiment(
    world: World, people: int | None, share: float, rng: np.random.Generator
) -> tuple[HoldoutTrial, NDArray[np.intp]]:
    """Return the sends of one split, and the day of each."""
    if people is None:
        rows, who, count = np.arange(len(world.person)), world.person, world.people
    else:
        rows, who = world.draw_people(people, rng)
        count = people
    there = world.there[rows]
    user = np.repeat(who, there.sum(axis=1))
    day = np.repeat(world.day[rows], there.sum(axis=1))
    answered = world.answered[rows][there]
    past = day < _PAST_DAYS
    sent = np.bincount(user[past], minlength=count)
    before = np.bincount(user[past], weights=answered[past], minlength=count)
    optimised = np.zeros(count, bool)
    optimised[rng.permutation(count)[: count // 2]] = True
    moved = optimised[user] & (answered == 0) & (rng.random(len(user)) < share)
    trial = HoldoutTrial(
        user=user,
        optimised=optimised[user],
        holdout_share=np.full(len(user), 0.5),
        sent=np.ones(len(user)),
        answered=np.where(moved, 1.0, answered),
        dismissed=np.zeros(len(user)),
        opted_out=np.zeros(len(user)),
        before=np.where(sent > 0, before / np.maximum(sent, 1), np.nan)[user],
    )
    return trial.rows(~past), day[~past]


def _silent(world: World) -> NDArray[np.float64]:
    """Return the share of sends without an answer until the end of each day; it grows slowly."""
    day = np.repeat(world.day, world.there.sum(axis=1))
    answered = world.answered[world.there]
    judged = day >= _PAST_DAYS
    sends = np.cumsum(np.bincount(day[judged]))
    silences = np.cumsum(np.bincount(day[judged], weights=1.0 - answered[judged]))
    share: NDArray[np.float64] = silences / np.maximum(sends, 1)
    return share
