"""Is the choice of hours as good on a study that had no say in the settings?

Every setting of the answers' part (how much users differ, over how many hours) is chosen by the
other two studies, by the order of times within user-days: never by the study it is judged on, and
never by shares of answers. Judged is every day from the sixth on, by what was known before it.

python -P benchmarks/choice.py     writes docs/choice.md; one minute
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.clock import as_utc
from sendopt.demo.studies import OPEN_WINDOW, Study, load_studies
from sendopt.evaluate import metrics
from sendopt.features import (
    Evidence,
    LabelledMoments,
    Moments,
    Target,
    labelled_sends,
    moments,
    observe,
    population_evidence,
    user_evidence,
    viewpoints,
)
from sendopt.learn.level_shape import activity_prior
from sendopt.learn.level_shape.curves import LevelShape, Parts, estimate, parts
from sendopt.learn.level_shape.segments import Segments
from sendopt.learn.past.groups import day_groups, user_numbers
from sendopt.log import EVENT_SCHEMA, Log, LogLocation, Reader

PAGE = Path(__file__).parents[1] / "docs" / "choice.md"
KNOWN = timedelta(days=5)
GRID = {
    "deviation_sd": (0.3, 0.6, 1.0),
    "deviation_length_hours": (1.0, 2.0, 4.0),
    "population_length_hours": (1.0, 3.0),
}
TRIED = ", ".join(f"`{name}` {' or '.join(map(str, values))}" for name, values in GRID.items())
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One study with everything that the model reads of it."""

    name: str
    judged: LabelledMoments
    user: Evidence
    everybody: Evidence
    row: NDArray[np.intp]
    asked: Moments

    def parts(self, shape: LevelShape) -> Parts:
        prior = activity_prior.unlearned()  # nobody was seen without being sent to
        platforms = Segments()  # no study names any
        curves = estimate(
            shape,
            prior,
            self.user,
            self.everybody,
            self.row,
            platform=platforms.numbers(pa.nulls(len(self.row), pa.string())),
            platforms=platforms.curves,
            reach=OPEN_WINDOW,
        )
        return parts(curves, self.asked)

    def within_day_auc(self, score: Vector) -> float:
        ordered, pairs = metrics.pair_counts(day_groups(self.judged), score, self.judged.label)
        return float(ordered.sum() / pairs.sum())

    def rewards(self, score: Vector) -> Vector:
        """Of every user-day, the share of its best times that were answered."""
        return metrics.reward_of_choice(day_groups(self.judged), score, self.judged.label)

    def habit(self) -> Vector:
        """How often the user answered in that hour; everybody's curve decides ties."""
        hours = self.user.opens.sum(axis=1).reshape(-1, 24, 2).sum(axis=-1)
        often: Vector = hours[self.asked.viewpoint, self.asked.minute_of_day // 60]
        return often

    def owners(self) -> NDArray[np.intp]:
        owner = np.zeros(int(day_groups(self.judged).max()) + 1, np.intp)
        owner[day_groups(self.judged)] = user_numbers(self.judged)
        return owner


@contextmanager
def opened(study: Study) -> Iterator[Reader]:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Log(LogLocation(f"{folder}/log.sqlite", f"{folder}/log"))) as log,
    ):
        log.migrate()
        with log.appender() as appender:
            appender.append(study.tenant_id, _complete(study.events))
        with log.reader(study.tenant_id) as reader:
            yield reader


def _complete(events: pa.Table) -> pa.Table:
    """Fill the columns that a shipped file leaves out."""
    columns = [
        events[field.name].cast(field.type)
        if field.name in events.column_names
        else pa.array(["{}"] * len(events))
        if field.name == "attributes"
        else pa.nulls(len(events), field.type)
        for field in EVENT_SCHEMA
    ]
    return pa.table(columns, schema=EVENT_SCHEMA)


def case(study: Study) -> Case:
    target, at = Target(OPEN_WINDOW), study.events["occurred_at"]
    first, last = (as_utc(edge.as_py()) for edge in (pc.min(at), pc.max(at)))
    since = datetime.combine(first.date(), datetime.min.time(), first.tzinfo) + KNOWN
    with opened(study) as reader:
        judged = labelled_sends(
            reader, target, since=since, until=last + timedelta(days=1), limit=100_000
        )
        observations = observe(reader, target)
        seen, number = viewpoints(judged.user_id, judged.as_of)
        memory = LevelShape().half_life
        user = user_evidence(observations, seen, half_life=memory)
        everybody, row = population_evidence(observations, seen, half_life=memory)
        asked = moments(reader, seen, number, judged.at)
    return Case(study.tenant_id, judged, user, everybody, row, asked)


def main() -> None:
    cases = [case(study) for study in load_studies()]
    settings = [
        replace(LevelShape(), **dict(zip(GRID, values, strict=True)))
        for values in product(*GRID.values())
    ]
    auc = np.array([[each.within_day_auc(each.parts(s).shape) for each in cases] for s in settings])
    lines = [
        "| study | chosen by the others | AUC | best setting | shipped | everybody | frequent |",
        "|---|---|---|---|---|---|---|",
    ]
    pooled: dict[str, list[Vector]] = {"chosen": [], "shipped": [], "everybody": [], "habit": []}
    owners = []
    for number, left_out in enumerate(cases):
        others = [column for column in range(len(cases)) if column != number]
        chosen = settings[int(auc[:, others].mean(axis=1).argmax())]
        shipped = left_out.parts(LevelShape())
        scores = {
            "chosen": left_out.parts(chosen).shape,
            "shipped": shipped.shape,
            "everybody": shipped.population,
            "habit": left_out.habit() + 1e-6 * shipped.population,
        }
        said = ", ".join(f"{getattr(chosen, name):g}" for name in GRID)
        figures = [left_out.within_day_auc(score) for score in scores.values()]
        lines.append(
            f"| {left_out.name} | {said} | {figures[0]:.4f} | {auc[:, number].max():.4f} "
            f"| {figures[1]:.4f} | {figures[2]:.4f} | {figures[3]:.4f} |"
        )
        for name, score in scores.items():
            pooled[name].append(left_out.rewards(score))
        owners.append(left_out.owners() + 1000 * number)
    owner, rng = np.concatenate(owners), np.random.default_rng(1)
    lines += [
        "",
        "| rule, all three studies | answered | minus everybody's hour |",
        "|---|---|---|",
    ]
    baseline, ones = np.concatenate(pooled["everybody"]), np.ones(len(owner))
    for name, words in (
        ("chosen", "settings chosen by the other studies"),
        ("shipped", "settings as shipped"),
        ("habit", "most frequent hour"),
        ("everybody", "everybody's best hour"),
    ):
        reward = np.concatenate(pooled[name])
        gain = metrics.user_interval(reward - baseline, ones, owner, rng)
        lines.append(f"| {words} | {reward.mean():.4f} | {gain} |")
    print("\n".join(lines))
    PAGE.write_text(HEAD + "\n".join(lines) + "\n" + TAIL, "utf-8")


HEAD = f"""# Does the choice of hours hold where nothing was chosen?

Printed by `python -P benchmarks/choice.py`. Settings tried:
{TRIED}.
Each study's settings are chosen by the other two. Intervals are 95 %, from resampling users; all
of it is predictive. AUC: of a user-day's answered and unanswered times, how many pairs the rule
puts in the right order.

"""
TAIL = """
A study that had no say has its times ordered within .01 of AUC of its own best setting: the
settings lie on a plateau. The shares answered of single studies move by a point or more between
settings that order times equally well; they are too noisy to choose by.
"""

if __name__ == "__main__":
    main()
