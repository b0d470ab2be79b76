"""How soon the alarms of drift ring after a planted change, and how often without one.

Tenants are planted, models trained on them, and `drift` asked as `sendopt drift` asks it. Printed
by `python benchmarks/model_life.py`, for docs/models.md.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from sendopt.features import AsOfView, Target
from sendopt.learn import ServableModel
from sendopt.learn.fitting.fit import fit
from sendopt.learn.judging.drift import drift
from sendopt.log import Log, LogLocation, Reader, event_table
from sendopt.records import Event, EventType, SendId, TenantId, UserId

TENANT, TARGET = TenantId("default"), Target(timedelta(minutes=30))
BEGIN, DAY = datetime(2026, 1, 5, tzinfo=UTC), timedelta(days=1)
SEEDS, USERS, TRAINED, STABLE_WEEKS = 4, 300, 60, 13  # a year of weeks in all
LOOKS = (*range(1, 9), 10, 12, 14)  # days after the change
CHANGED = TRAINED + 14  # two weeks after training the world changes
SECOND_PLATFORM, DAYS_DIFFER = 0.3, 0.2  # of users on the second platform; a logit's sd


@dataclass(frozen=True)
class Change:
    """What is no longer as it was, from the day CHANGED on."""

    name: str
    answers: float = 1.0  # times as many
    hours_later: float = 0.0  # when users are there, and answer
    outage: bool = False  # nothing of one platform is recorded but its sends


NOTHING = Change("nothing")
CHANGES = (
    Change("a fifth fewer answers", answers=0.8),
    Change("habits 3 hours later", hours_later=3.0),
    Change("outage of a platform of three users in ten", outage=True),
)


def events(seed: int, change: Change, days: int) -> Iterator[Event]:
    """One send a day to each user, at any hour from 8 to 22; visits around an hour of their own."""
    rng = np.random.default_rng(seed)
    favourite, level = rng.uniform(9, 21, USERS), rng.normal(-1.2, 0.7, USERS)
    mobile = rng.random(USERS) < SECOND_PLATFORM
    for day in range(days):
        now = change if day >= CHANGED else NOTHING
        midnight, of_day = BEGIN + day * DAY, rng.normal(0.0, DAYS_DIFFER)
        hour, visit = rng.uniform(8, 22, USERS), rng.normal(0.0, 1.5, USERS)
        luck, wait = rng.random((2, USERS))
        peak = favourite + now.hours_later
        near = np.exp(-0.5 * ((hour - peak) / 2.0) ** 2)
        chance = now.answers / (1.0 + np.exp(-(level + of_day + 1.5 * near)))
        for number in range(USERS):
            user, send = UserId(f"u{number:03}"), SendId(f"u{number:03}-{day}")
            silent = now.outage and mobile[number]
            platform = "second" if mobile[number] else "first"
            sent = midnight + timedelta(hours=float(hour[number]))
            yield Event(f"s-{send}", user, EventType.SEND, sent, send_id=send, platform=platform)
            there = midnight + timedelta(hours=float(peak[number] + visit[number]))
            if not silent:
                yield Event(f"v-{send}", user, EventType.SESSION, there, platform=platform)
            if luck[number] < chance[number] and not silent:
                opened = sent + timedelta(minutes=1.0 + 25.0 * float(wait[number]))
                yield Event(
                    f"o-{send}", user, EventType.OPEN, opened, send_id=send, platform=platform
                )


@contextmanager
def tenant(seed: int, change: Change, days: int) -> Iterator[Reader]:
    with tempfile.TemporaryDirectory() as folder:
        place = LogLocation(str(Path(folder) / "log.sqlite"), str(Path(folder) / "data"))
        with closing(Log(place)) as log:
            log.migrate()
            with log.appender() as appender:
                appender.append(TENANT, event_table(list(events(seed, change, days))))
            with log.reader(TENANT) as reader, reader.for_many_queries() as known:
                yield known


def trained(reader: Reader) -> ServableModel:
    until = BEGIN + TRAINED * DAY
    view = AsOfView(reader, TARGET)
    return fit(view, until=until, judged=True, seed=1, threads=2, progress=lambda _: None).model


def stable_weeks(seed: int) -> tuple[ServableModel, list[tuple[str, ...]]]:
    """Train, and look once a week while nothing changes; return what rang each time."""
    days = TRAINED + 7 * STABLE_WEEKS
    with tenant(seed, NOTHING, days) as reader:
        model = trained(reader)
        looks = [BEGIN + (TRAINED + 7 * week) * DAY for week in range(1, STABLE_WEEKS + 1)]
        return model, [drift(reader, model, now=now, seed=1).raised for now in looks]


def days_until(
    seed: int, change: Change, model: ServableModel
) -> tuple[int | None, tuple[str, ...]]:
    """Look daily, later every other day; return when the first alarm rang, and which."""
    with tenant(seed, change, CHANGED + LOOKS[-1]) as reader:
        for days in LOOKS:
            raised = drift(reader, model, now=BEGIN + (CHANGED + days) * DAY, seed=1).raised
            if raised:
                return days, raised
    return None, ()


def measure_power() -> None:
    """Print false alarms of stable tenants, and days until alarms of changed ones."""
    rung: Counter[str] = Counter()
    found: dict[str, list[tuple[int | None, tuple[str, ...]]]] = {each.name: [] for each in CHANGES}
    for seed in range(SEEDS):
        model, weeks = stable_weeks(seed)
        rung.update(name for raised in weeks for name in raised)
        rung["any"] += sum(bool(raised) for raised in weeks)
        for change in CHANGES:
            found[change.name].append(days_until(seed, change, model))
    years = SEEDS * STABLE_WEEKS / 52
    told = ", ".join(f"{name} {count / years:.1f}" for name, count in rung.items())
    print(f"False alarms a year, looking weekly, of {SEEDS * STABLE_WEEKS} weeks: {told}")
    print(f"\n| from one day on | days until an alarm, {SEEDS} tenants | what rang first |")
    print("|---|---|---|")
    for name, each in found.items():
        days = [str(day or f"none in {LOOKS[-1]}") for day, _ in each]
        first = Counter(alarm for _, raised in each for alarm in raised)
        alarms = ", ".join(f"{alarm} {count}" for alarm, count in first.most_common())
        print(f"| {name} | {', '.join(days)} | {alarms or 'nothing'} |")
