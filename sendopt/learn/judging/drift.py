"""Watches a model while it serves: has the world moved away from where the gate accepted it?

Six alarms over the last week, held to the days that judged the model when it was accepted, each
with a limit that chance passes in 1 % of the weeks for all of them together. Users and days are
the units. A shift that is beyond chance and too small to matter raises none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from sendopt.clock import as_utc
from sendopt.evaluate.drift import Shift
from sendopt.features import AsOfView, LabelledMoments, microseconds, summarise
from sendopt.learn.judging import shifts
from sendopt.learn.judging.shifts import JudgedDays
from sendopt.learn.model.model import ServableModel
from sendopt.learn.past.split import ACTIVITY, labelled_moments
from sendopt.log import Reader
from sendopt.records import EventType

ALARMS = (
    "send_hours",
    "answer_hours",
    "calibration",
    "answer_rate",
    "new_users",  # of whom nothing was known before the day
    "placeless",  # whose zone was never known
)
#: The share of weeks in which chance alone raises any alarm.
FALSE_ALARMS = 0.01

_DAY = timedelta(days=1)
_MOST_DAYS = 7  # that are held to the accepted ones

#: What is too small to matter, beyond chance or not.
_LEAST = {
    "send_hours": 0.1,
    "answer_hours": 0.1,
    "calibration": 0.02,
    "answer_rate": 0.01,
    "new_users": 0.05,
    "placeless": 0.05,
}


@dataclass(frozen=True)
class Alarm:
    """What one comparison found."""

    name: str
    raised: bool
    value: float
    by_chance: float | None  # how far chance goes; None = too few users or days to tell
    least: float  # below it nothing matters
    said: str

    @property
    def threshold(self) -> float | None:
        """What the size of `value` has to pass; None = too few users or days to tell."""
        return None if self.by_chance is None else max(self.by_chance, self.least)


@dataclass(frozen=True)
class DriftReport:
    """The days of [since, until), held to those on which the gate accepted the model."""

    model_version: str
    since: datetime
    until: datetime
    accepted_since: datetime
    accepted_until: datetime
    alarms: tuple[Alarm, ...]

    @property
    def raised(self) -> tuple[str, ...]:
        """The names of the alarms that were raised."""
        return tuple(alarm.name for alarm in self.alarms if alarm.raised)


@dataclass(frozen=True)
class _Days:
    """Whole days, 24 hours each, of [since, until)."""

    since: datetime
    until: datetime

    @property
    def us(self) -> dict[str, int]:
        """Both ends, as parameters of queries."""
        return {"from_us": microseconds(self.since), "until_us": microseconds(self.until)}


def drift(reader: Reader, model: ServableModel, *, now: datetime, seed: int) -> DriftReport:
    """Compare the week before `now` with the days on which the gate accepted `model`.

    These are the days that judged it, from its `learned_until` to its `trained_until`. Of the week
    only the days after them count: what was accepted has not moved away from itself.
    """
    until = as_utc(now)
    made = model.provenance
    accepted = _Days(
        made.learned_until,
        made.learned_until + (made.trained_until - made.learned_until) // _DAY * _DAY,
    )
    count = min((until - made.trained_until) // _DAY, _MOST_DAYS)
    recent = _Days(until - max(count, 0) * _DAY, until)
    shift_of = dict(_shifts(reader, model, accepted, recent, seed=seed))
    return DriftReport(
        model_version=model.version,
        since=recent.since,
        until=until,
        accepted_since=accepted.since,
        accepted_until=accepted.until,
        alarms=tuple(_alarm(name, *shift_of[name]) for name in ALARMS),
    )


def _shifts(
    reader: Reader, model: ServableModel, accepted: _Days, recent: _Days, *, seed: int
) -> Iterator[tuple[str, tuple[Shift, str]]]:
    """Yield, by alarm, how far something moved, and a sentence on it."""
    level, rng = FALSE_ALARMS / len(ALARMS), np.random.default_rng(seed)
    answer = (
        EventType.SESSION if model.provenance.label_source == ACTIVITY else model.target.outcome
    )
    before, after = (shifts.hours(reader, days.us) for days in (accepted, recent))
    for name, kind in (("send_hours", EventType.SEND), ("answer_hours", answer)):
        yield name, shifts.of_hours(before, after, kind, level=level)
    then, now = (_judged(reader, model, days, seed=seed) for days in (accepted, recent))
    yield "calibration", shifts.of_calibration(then, now, level=level, rng=rng)
    yield "answer_rate", shifts.of_answers(then, now, level=level)
    earlier, later = (shifts.users(reader, days.us) for days in (accepted, recent))
    for name, column in (("new_users", "is_new"), ("placeless", "is_zone_unknown")):
        yield name, shifts.of_users(earlier, later, column, level=level)


def _judged(reader: Reader, model: ServableModel, days: _Days, *, seed: int) -> JudgedDays:
    """Return the moments of `days` with a known outcome, and what the model says of them."""
    target = model.target
    view = AsOfView(reader, target)
    past: LabelledMoments = labelled_moments(
        view,
        summarise(reader, target, until=days.until),
        since=days.since,
        until=days.until,
        rng=np.random.default_rng(seed),
    )
    predicted = model.predict(model.labelled_inputs(view, past)) if len(past) else np.zeros(0)
    return JudgedDays(past, predicted, since_us=microseconds(days.since))


def _alarm(name: str, moved: Shift, said: str) -> Alarm:
    least = _LEAST[name]
    if np.isinf(moved.by_chance):
        few = "days" if np.isinf(moved.by_days) else "users"
        told = f"{said}; too few {few} to tell"
        return Alarm(name, raised=False, value=moved.value, by_chance=None, least=least, said=told)
    return Alarm(
        name,
        raised=moved.beyond_chance and abs(moved.value) >= least,
        value=moved.value,
        by_chance=moved.by_chance,
        least=least,
        said=f"{said}; chance goes to {moved.by_chance:.4f}, below {least:g} nothing matters",
    )
