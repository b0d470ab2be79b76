"""A world as files: the log, the decisions, and what is known of them to the judge alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lattice import answers, recording, sends, table
from lattice.arrays import DAY, HOUR, HOURS, Numbers, Vector
from lattice.cohort import Cohort, draw
from lattice.habit import DayShape
from lattice.local_time import Clocks
from lattice.recording import Recorded
from lattice.rules import Counts, clock_hour
from lattice.sends import Sends
from lattice.world import World

_COHORT = 10_000  # users that are drawn and written at once
_JUDGED_AFTER = (1, 5)  # days after the end: a Tuesday and a Saturday
_HORIZON = timedelta(days=9)


@dataclass(frozen=True)
class Questions:
    """The half hours :30 of two local days of each judged user, by user, day and hour.

    All arrays have the shape (user-days, 24).
    """

    user: Numbers  # number in the tenant
    at: Vector
    clock_hour: Numbers  # as the log knows it
    platform: Numbers
    message_type: Numbers
    probability: Vector  # planted

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class Tenant:
    world: World
    log: Path
    decisions: Path
    questions: Questions
    counts: Counts


def write(world: World, folder: Path, *, seed: int, judged: int) -> Tenant:
    """Draw the world and write its log and the decisions of up to `judged` users.

    Users who have left are not judged.
    """
    counts, questions = Counts.nothing(world.users), []
    chosen = np.random.default_rng([seed, 0]).permutation(world.users)[:judged]
    log = folder / "log.parquet"
    with closing(pq.ParquetWriter(log, table.SCHEMA, compression="zstd")) as writer:
        for cohort, recorded, rng in drawn(world, seed):
            counts.add(cohort, recorded)
            writer.write_table(table.events(cohort, recorded, rng))
            questions.append(_ask(cohort, np.sort(chosen), rng))
    everything = _joined(questions)
    decisions = folder / "decisions.parquet"
    pq.write_table(_decisions(world, everything), decisions)
    return Tenant(world, log, decisions, everything, counts)


def drawn(world: World, seed: int) -> Iterator[tuple[Cohort, Recorded, np.random.Generator]]:
    """Yield the world's users, some thousands at a time, with their record.

    A cohort depends on the seed and its own number alone.
    """
    clocks = Clocks(world.zones, world.begin, world.end + _HORIZON)
    shape = DayShape(world.habits)
    for first in range(0, world.users, _COHORT):
        rng = np.random.default_rng([seed, 1 + first // _COHORT])
        count = min(_COHORT, world.users - first)
        cohort = draw(world, clocks, shape, rng, first=first, count=count)
        sent = _no_sends() if world.sender is None else sends.draw(cohort, world.sender, rng)
        opened = answers.draw(cohort, sent, rng)
        yield cohort, recording.record(cohort, sent, opened, rng), rng


def _no_sends() -> Sends:
    none, number = np.zeros(0), np.zeros(0, np.int64)
    return Sends(number, none, none, number, none)


def _ask(cohort: Cohort, chosen: Numbers, rng: np.random.Generator) -> Questions:
    world = cohort.world
    here = chosen[(chosen >= cohort.first) & (chosen < cohort.first + len(cohort))] - cohort.first
    user = np.repeat(here[np.isinf(cohort.left[here])], len(_JUDGED_AFTER) * HOURS)
    users = len(user) // (len(_JUDGED_AFTER) * HOURS)
    day = np.tile(np.repeat(_JUDGED_AFTER, HOURS), users)
    hour = np.tile(np.arange(HOURS), users * len(_JUDGED_AFTER))
    at = cohort.instant(user, world.end.timestamp() + day * DAY + (hour + 0.5) * HOUR)
    kinds = 1 if world.sender is None else max(1, len(world.sender.message_types))
    message_type = np.repeat(rng.integers(0, kinds, len(user) // HOURS), HOURS)
    planted = answers.expected_probability(cohort, user, at, message_type)
    by_day = (-1, HOURS)
    return Questions(
        user=(cohort.first + user).reshape(by_day),
        at=at.reshape(by_day),
        clock_hour=clock_hour(cohort, user, at).reshape(by_day),
        platform=cohort.platform[user].reshape(by_day),
        message_type=message_type.reshape(by_day),
        probability=planted.reshape(by_day),
    )


def _joined(questions: list[Questions]) -> Questions:
    names = Questions.__dataclass_fields__
    return Questions(
        **{name: np.concatenate([getattr(each, name) for each in questions]) for name in names}
    )


def _decisions(world: World, questions: Questions) -> pa.Table:
    user = questions.user.ravel()
    day = np.repeat(np.arange(len(questions)), HOURS)
    columns = {
        "decision_id": table.user_ids(day),
        "user_id": table.user_ids(user),
        "as_of": pa.repeat(pa.scalar(world.end, pa.timestamp("us", tz="UTC")), len(user)),
        "candidate_at": table.stamps(questions.at.ravel()),
    }
    if world.habits.platforms:
        columns["platform"] = table.names(world.habits.platforms, questions.platform.ravel())
    if world.sender is not None and world.sender.message_types:
        columns["message_type"] = table.names(
            world.sender.message_types, questions.message_type.ravel()
        )
    return pa.table(columns)
