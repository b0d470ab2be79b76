"""What exploring costs, and from which confidence on a gain may move a send, on the studies.

In these studies every prompt of a day has its true outcome, so a policy, being a distribution over
the day's prompts, has an exact expected value: nothing is drawn. The model learns from what
was before the last nine days of each study and chooses in these, seeing what was known when each
day began.

Predictive for other logs: these are volunteers, and their prompts were not randomised by us.

python benchmarks/policies.py
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sendopt.app import open_app
from sendopt.clock import VirtualClock
from sendopt.demo.studies import Study, held_days, load_studies
from sendopt.evaluate.metrics import Interval, user_interval
from sendopt.features import AsOfView
from sendopt.records import NO_EXPLORATION, Exploration, Policy, TenantId
from sendopt.schedule.policy import chance_of_gain, slot_distributions
from sendopt.schedule.windows import minutes_apart
from sendopt.score import score_candidates
from sendopt.settings import Settings

TENANT = TenantId("default")
#: All studies end on 16 March; the shortest ones last a fortnight.
JUDGED_FROM = datetime(2025, 3, 8, tzinfo=UTC)
HOURS = range(8, 22)  # at which somebody may have configured the time
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class Day:
    """One user's day: the times of its prompts, what is thought of each, and what came of it."""

    user: str
    times: list[datetime]
    logits: list[float]
    sds: list[float]
    answered: list[float]

    @property
    def best(self) -> int:
        return max(range(len(self.times)), key=self.logits.__getitem__)

    def nearest(self, configured: time) -> int:
        """Return the prompt nearest to a configured time on the clock face."""
        return min(
            range(len(self.times)),
            key=lambda index: minutes_apart(self.times[index].time(), configured),
        )

    def gain_chance(self, configured: int) -> float:
        """Return P(the best prompt beats the configured one)."""
        best = self.best
        return chance_of_gain(
            self.logits[best], self.sds[best], self.logits[configured], self.sds[configured]
        )


def days_of(study: Study) -> Iterator[Day]:
    """Train on what was before the judged days, then score these, each as of its beginning."""
    with tempfile.TemporaryDirectory() as folder:
        clock = VirtualClock(JUDGED_FROM)
        with closing(open_app(Settings(home=Path(folder)), clock=clock)) as app:

            def bring_in(events: pa.Table, name: str) -> None:
                file = Path(folder) / f"{name}.parquet"
                pq.write_table(events, file)
                app.as_owner_of(TENANT).events.import_files(
                    [file], progress=lambda _path, _rows: None
                )

            bring_in(study.history(JUDGED_FROM), "before")
            app.as_owner_of(TENANT).models.train(progress=lambda _: None)
            bring_in(study.events, "all")
            model = app.registry.champion(TENANT)
            held = held_days(study, starts_at=JUDGED_FROM)
            rows = [
                (f"{user}|{day.starts_at}", user, day.starts_at, at, float(day.opened(user, at)))
                for day in held
                for user, times in day.answers.items()
                for at in sorted(times)
            ]
            instant = pa.timestamp("us", tz="UTC")
            decisions = pa.table(
                {
                    "decision_id": pa.array([row[0] for row in rows]),
                    "user_id": pa.array([row[1] for row in rows]),
                    "as_of": pa.array([row[2] for row in rows], instant),
                    "candidate_at": pa.array([row[3] for row in rows], instant),
                }
            )
            with app.reader(TENANT) as reader:
                scores = score_candidates(model, AsOfView(reader, model.target), decisions)
        probability = scores["open_probability"].to_pylist()
        sd = scores["logit_sd"].to_pylist()
    first = 0
    for index in range(1, len(rows) + 1):
        if index == len(rows) or rows[index][0] != rows[first][0]:
            yield Day(
                rows[first][1],
                [row[3] for row in rows[first:index]],
                [math.log(p / (1 - p)) for p in probability[first:index]],
                sd[first:index],
                [row[4] for row in rows[first:index]],
            )
            first = index


def value_of(days: list[Day], chosen: Callable[[Day], float]) -> Interval:
    """Return the mean of `chosen` over user-days."""
    values = np.array([chosen(day) for day in days])
    users = np.unique([day.user for day in days], return_inverse=True)[1]
    return user_interval(values, np.ones(len(values)), users)


def expected(day: Day, exploration: Exploration) -> float:
    """Return the chance that the day's send is answered under a policy."""
    chances = slot_distributions(
        np.array([day.logits]),
        np.array([day.sds]),
        best=np.array([day.best]),
        exploration=exploration,
    )
    return float(chances[0] @ np.array(day.answered))


def print_cost_of_exploring(days: list[Day]) -> None:
    policies: Mapping[str, Exploration] = {
        "greedy": NO_EXPLORATION,
        "epsilon_greedy 0.05": Exploration(Policy.EPSILON_GREEDY, 0.05),
        "epsilon_greedy 0.1": Exploration(Policy.EPSILON_GREEDY, 0.1),
        "epsilon_greedy 0.2": Exploration(Policy.EPSILON_GREEDY, 0.2),
        "thompson, share 0.2": Exploration(Policy.THOMPSON, 0.02, 0.2),
        "thompson, share 0.5": Exploration(Policy.THOMPSON, 0.02, 0.5),
        "random": Exploration(Policy.EPSILON_GREEDY, 1.0, 1.0),
    }
    print("| policy | answered | minus greedy |\n|---|---|---|")
    for name, exploration in policies.items():
        value = value_of(days, partial(expected, exploration=exploration))
        loss = value_of(days, partial(_minus_greedy, exploration=exploration))
        print(f"| {name} | {value.estimate:.4f} | {loss} |")


def print_gain_by_confidence(studies: Mapping[str, list[Day]]) -> None:
    days = [day for each in studies.values() for day in each]
    print("\n| P(gain) | moves | realised gain | " + " | ".join(studies) + " |")
    print("|---|---|---|" + "---|" * len(studies))
    for low, high in pairwise(THRESHOLDS):
        cells = [_realised(some, low, high) for some in (days, *studies.values())]
        count = sum(1 for _ in _moves(days, low, high))
        print(f"| {low} to {high} | {count:,} | " + " | ".join(map(str, cells)) + " |")


def print_value_by_threshold(days: list[Day]) -> None:
    print("\n| least confidence | moved | answered, any configured hour | minus always moving |")
    print("|---|---|---|---|")
    for threshold in THRESHOLDS:
        moved = np.mean(
            [
                day.nearest(time(hour)) != day.best
                and day.gain_chance(day.nearest(time(hour))) >= threshold
                for day in days
                for hour in HOURS
            ]
        )
        value = value_of(days, partial(_kept, threshold=threshold))
        loss = value_of(days, partial(_minus_moving, threshold=threshold))
        print(f"| {threshold} | {moved:.2f} | {value.estimate:.4f} | {loss} |")


def _minus_greedy(day: Day, exploration: Exploration) -> float:
    return expected(day, exploration) - expected(day, Exploration())


def _minus_moving(day: Day, threshold: float) -> float:
    return _kept(day, threshold) - float(day.answered[day.best])


def _kept(day: Day, threshold: float) -> float:
    """Return the share of configured hours with which the day's send would be answered."""
    total = 0.0
    for hour in HOURS:
        configured = day.nearest(time(hour))
        moves = configured != day.best and day.gain_chance(configured) >= threshold
        total += day.answered[day.best if moves else configured]
    return total / len(HOURS)


def _moves(days: list[Day], low: float, high: float) -> Iterator[tuple[str, float]]:
    for day in days:
        for hour in HOURS:
            configured = day.nearest(time(hour))
            if configured != day.best and low <= day.gain_chance(configured) < high:
                yield day.user, day.answered[day.best] - day.answered[configured]


def _realised(days: list[Day], low: float, high: float) -> Interval | str:
    found = list(_moves(days, low, high))
    if len({user for user, _ in found}) < 10:
        return "too few"
    users = np.unique([user for user, _ in found], return_inverse=True)[1]
    gains = np.array([gain for _, gain in found])
    return user_interval(gains, np.ones(len(gains)), users)


def main() -> None:
    studies = {str(study.tenant_id): list(days_of(study)) for study in load_studies()}
    days = [day for each in studies.values() for day in each]
    print(f"{len(days):,} user-days of {len({day.user for day in days})} users\n")
    print_cost_of_exploring(days)
    print_gain_by_confidence(studies)
    print_value_by_threshold(days)


if __name__ == "__main__":
    main()
