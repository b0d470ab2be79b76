"""Count how often intervals hold the truth and experiments cry wolf; write docs/estimators.md.

python benchmarks/estimators.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import effects
import numpy as np
from few_users import few_users
from known_truth import ESTIMATORS, PLAIN, Cell, Watched, cells, watch
from prompt_world import worlds

PAGE = Path(__file__).parents[1] / "docs" / "estimators.md"
LOGS, PEOPLE, SEED = 400, 400, 20261123
FEW_PEOPLE = 100  # as many as a study has, and too few for the rarer draws
POWER_EXPERIMENTS, POWER_PEOPLE, EFFECT = 100, 1000, 0.04

HEAD = f"""# Estimators, counted against a known truth

Printed by `python benchmarks/estimators.py`; the seed is fixed, and so is every figure.

## Off-policy estimates

The worlds are the three shipped prompt studies: on each of a person's days the real outcome of
several send times is known. The truth is the value of a target policy in the *population*: the
study's people with all their days. Each of {LOGS} logs draws {PEOPLE} people from it with
replacement, with all their days, and of each day one time by the logging policy; everything else of
the day is hidden from the estimator. So the randomness of the log is that of people and of times,
and that is what the intervals claim to hold. All policies are fixed tables.

- Senders: all times of the day alike; or everybody's best hour, but for a share epsilon of days on
  which any time is drawn.
- Targets: *own best* takes the hour with the best rate on the person's earlier days, pulled to
  everybody's as if by five sends; *own, spread* draws in proportion to exp(8 rate).
- q is the answer rate of the hour among other people (five folds).
- *refused* is the share of logs of which `sendopt` would show no value: fewer than 200 effective
  sends, or weights that do not average 1. They are counted in all the same.
- With {LOGS} logs, a true 95 % shows as 92.9 to 97.1 %.

Each cell: root mean squared error / share of logs whose 95 % interval held the truth.

"""

MIDDLE = """
Averages over the worlds and targets; *plain* is the same estimate with the textbook's interval,
1.96 cluster-robust standard errors each way:

"""

FEW = f"""
The same with {FEW_PEOPLE} people a log; *refused* is the share of logs that `sendopt` would refuse:

"""

READING = """
- SNIPS and DR are the two to read. They agree; where they do not, trust neither.
- DM ("our model predicts x %") is short and wrong: its interval knows nothing of what the model
  does not. switch-DR replaces the heavy sends by the same model and misses the truth with them.
  Neither is ever a headline.
- IPS is honest and wide.
- Intervals of SNIPS and DR are Wilson's at the effective sample size (clustered by user, capped by
  the weights), with Satterthwaite's degrees of freedom; docs/decisions/0013-evaluation.md says what
  else was tried.

## Experiments watched every day

People of a study are split half and half at random and their real answers are looked at after every
day, until the study ends; the first three days are the past that the report adjusts for. *By single
looks* is what a 95 % interval of one look, read daily, would have called better or worse.

"""


def main() -> None:
    found = list(cells(logs=LOGS, people=PEOPLE, seed=SEED))
    few = list(cells(logs=LOGS, people=FEW_PEOPLE, seed=SEED))
    page = [HEAD, *table(found), MIDDLE, *averages(found), FEW, *averages(few), READING]
    page += [*watched(), *few_users(), "\n", effects.section()]
    PAGE.write_text("".join(page))
    print("".join(page))


def table(found: list[Cell]) -> Iterator[str]:
    yield "| world | sender | target | truth | effective sends | refused | "
    yield " | ".join(ESTIMATORS) + " |\n" + "|---" * (6 + len(ESTIMATORS)) + "|\n"
    for cell in found:
        yield f"| {cell.world} | {cell.logging} | {cell.target} | {cell.truth:.3f} "
        yield f"| {cell.effective_sends:,.0f} | {cell.refused / LOGS:.0%} | "
        shown = slice(len(ESTIMATORS))
        yield _row(np.sqrt((cell.error**2).mean(axis=0))[shown], cell.covered.mean(axis=0)[shown])


def averages(found: list[Cell]) -> Iterator[str]:
    columns = (*ESTIMATORS, *PLAIN)
    yield "| sender | refused | " + " | ".join(columns) + " |\n" + "|---" * (2 + len(columns))
    yield "|\n"
    for logging in dict.fromkeys(cell.logging for cell in found):
        mine = [cell for cell in found if cell.logging == logging]
        error = np.sqrt(np.mean([(cell.error**2).mean(axis=0) for cell in mine], axis=0))
        covered = np.mean([cell.covered.mean(axis=0) for cell in mine], axis=0)
        yield f"| {logging} | {np.mean([cell.refused for cell in mine]) / LOGS:.0%} | "
        yield _row(error, covered)


def _row(error: np.ndarray, covered: np.ndarray) -> str:
    cells_ = (f"{e:.3f} / {c:.1%}" for e, c in zip(error, covered, strict=True))
    return " | ".join(cells_) + " |\n"


def watched() -> Iterator[str]:
    yield "| world | people | planted | experiments | better | worse | by single looks "
    yield "| truth missed at some look |\n" + "|---" * 8 + "|\n"
    for world in worlds():
        runs = [
            (None, 0.0, LOGS),
            (PEOPLE, 0.0, LOGS),
            (POWER_PEOPLE, EFFECT, POWER_EXPERIMENTS),
        ]
        for people, effect, experiments in runs:
            seen = watch(world, experiments=experiments, people=people, effect=effect, seed=SEED)
            drawn = f"{world.people}, its own" if people is None else f"{people} drawn"
            yield f"| {world.name} | {drawn} | {effect:+.2f} | {experiments} | " + _shares(seen)


def _shares(seen: Watched) -> str:
    counts = (seen.better, seen.worse, seen.by_single_looks, seen.missed)
    return " | ".join(f"{count / seen.experiments:.1%}" for count in counts) + " |\n"


if __name__ == "__main__":
    main()
