"""Watches a model while it serves: has the world moved away from what it was taught?

Six alarms over the last week, each with a limit that chance passes in 1 % of the weeks for all of
them together. A shift that is beyond chance and too small to matter raises none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.clock import as_utc
from sendopt.evaluate.chance import calibration_test
from sendopt.evaluate.drift import Shift, rate_shift, shape_shift, share_shift
from sendopt.features import AsOfView, LabelledMoments, microseconds, statement, summarise
from sendopt.learn.model.model import ServableModel
from sendopt.learn.past.groups import user_numbers
from sendopt.learn.past.split import ACTIVITY, labelled_moments
from sendopt.log import Reader
from sendopt.records import EventType

ALARMS = (
    "send_hours",
    "answer_hours",
    "calibration",
    "answer_rate",
    "new_users",  # of whom nothing was known before the week
    "placeless",  # whose zone was never known; alarms keep the names that are watched
)
#: The share of weeks in which chance alone raises any alarm.
FALSE_ALARMS = 0.01

_WEEK = timedelta(days=7)
_TAUGHT = timedelta(weeks=8)  # the end of what a model was taught, which recent weeks are held to
_BINS = 12  # of a day: a week of few users has too few events an hour

#: What is too small to matter, beyond chance or not.
_LEAST_PSI = 0.1
_LEAST_CALIBRATION_ERROR = 0.02
_LEAST_RATE = 0.01
_LEAST_SHARE = 0.05


@dataclass(frozen=True)
class Alarm:
    """What one comparison found."""

    name: str
    raised: bool
    value: float
    by_chance: float | None  # how far chance goes; None = too few users to tell
    least: float  # below it nothing matters
    said: str

    @property
    def threshold(self) -> float | None:
        """What the size of `value` has to pass; None = too few users to tell."""
        return None if self.by_chance is None else max(self.by_chance, self.least)


@dataclass(frozen=True)
class DriftReport:
    """The week before `until`, held to what the model was taught."""

    model_version: str
    since: datetime
    until: datetime
    alarms: tuple[Alarm, ...]

    @property
    def raised(self) -> tuple[str, ...]:
        """The names of the alarms that were raised."""
        return tuple(alarm.name for alarm in self.alarms if alarm.raised)


def drift(reader: Reader, model: ServableModel, *, now: datetime, seed: int) -> DriftReport:
    """Compare the week before `now` with what `model` was taught and with what it says."""
    until = as_utc(now)
    since = until - _WEEK
    taught_until = min(model.provenance.learned_until, since)
    before = _hours(reader, taught_until - _TAUGHT, taught_until)
    after = _hours(reader, since, until)
    earlier, later = (_active_users(reader, end - _WEEK, end) for end in (taught_until, until))
    answer = (
        EventType.SESSION if model.provenance.label_source == ACTIVITY else model.target.outcome
    )
    level = FALSE_ALARMS / len(ALARMS)
    judged = _judged(reader, model, since=since, until=until, seed=seed)
    return DriftReport(
        model_version=model.version,
        since=since,
        until=until,
        alarms=(
            _of_hours("send_hours", before, after, EventType.SEND, level),
            _of_hours("answer_hours", before, after, answer, level),
            *_of_answers(judged, level, seed=seed),
            _of_users("new_users", "is_new", earlier, later, level=level),
            _of_users("placeless", "is_zone_unknown", earlier, later, level=level),
        ),
    )


def _hours(reader: Reader, since: datetime, until: datetime) -> pa.Table:
    return reader.query("hour_counts", statement("hour_counts"), _between(since, until))


def _active_users(reader: Reader, since: datetime, until: datetime) -> pa.Table:
    return reader.query("active_users", statement("active_users"), _between(since, until))


def _between(since: datetime, until: datetime) -> dict[str, int]:
    return {"from_us": microseconds(since), "until_us": microseconds(until)}


def _judged(
    reader: Reader, model: ServableModel, *, since: datetime, until: datetime, seed: int
) -> tuple[LabelledMoments, NDArray[np.float64]]:
    """Return the week's moments with a known outcome, and what the model says of them."""
    target = model.target
    view = AsOfView(reader, target)
    past = labelled_moments(
        view,
        summarise(reader, target, until=until),
        since=since,
        until=until,
        rng=np.random.default_rng(seed),
    )
    if not len(past):
        return past, np.zeros(0)
    return past, model.predict(model.labelled_inputs(view, past))


def _of_hours(name: str, before: pa.Table, after: pa.Table, kind: EventType, level: float) -> Alarm:
    then, now = _histograms(before, kind), _histograms(after, kind)
    if not len(then) or not len(now):
        return _alarm(name, Shift(0.0, np.inf), _LEAST_PSI, f"no {kind.value} in one of the times")
    moved = shape_shift(then, now, level=level)
    said = f"PSI of the local hours of {kind.value} events {moved.value:.3f}"
    return _alarm(name, moved, _LEAST_PSI, said)


def _histograms(counted: pa.Table, kind: EventType) -> NDArray[np.float64]:
    """Return the counts of events of a kind, (users, bins)."""
    mine = counted.filter(pc.equal(counted["event_type"], kind.value))
    if not len(mine):
        return np.zeros((0, _BINS))
    user = np.asarray(mine["user_id"].combine_chunks().dictionary_encode().indices)
    counts = np.zeros((int(user.max()) + 1, _BINS))
    hour = mine["hour"].to_numpy()
    np.add.at(counts, (user, hour * _BINS // 24), mine["events"].to_numpy())
    return counts


def _of_answers(
    judged: tuple[LabelledMoments, NDArray[np.float64]], level: float, *, seed: int
) -> Iterator[Alarm]:
    past, said = judged
    if not len(past):
        for name, least in (
            ("calibration", _LEAST_CALIBRATION_ERROR),
            ("answer_rate", _LEAST_RATE),
        ):
            yield _alarm(name, Shift(0.0, np.inf), least, "no outcome of the week is known")
        return
    user = user_numbers(past)
    rng = np.random.default_rng(seed)
    rate = rate_shift(past.label, said, user, level=level)
    test = calibration_test(past.label, said, user, level=level, rng=rng)
    limit = np.inf if np.isinf(rate.by_chance) else test.by_chance
    yield _alarm(
        "calibration",
        Shift(test.error, limit),
        _LEAST_CALIBRATION_ERROR,
        f"calibration error {test.error:.4f} on {len(past)} moments",
    )
    yield _alarm(
        "answer_rate",
        rate,
        _LEAST_RATE,
        f"{past.label.mean():.1%} answered, {said.mean():.1%} expected",
    )


def _of_users(name: str, column: str, earlier: pa.Table, later: pa.Table, *, level: float) -> Alarm:
    then, now = (np.asarray(table[column], bool) for table in (earlier, later))
    moved = share_shift(then, now, level=level)
    if np.isinf(moved.by_chance):
        return _alarm(name, moved, _LEAST_SHARE, f"{len(then)} and {len(now)} users")
    raised = Shift(max(moved.value, 0.0), moved.by_chance)  # fewer of them is no trouble
    said = f"{now.mean():.1%} of {len(now)} users; {then.mean():.1%} before"
    return _alarm(name, raised, _LEAST_SHARE, said)


def _alarm(name: str, moved: Shift, least: float, said: str) -> Alarm:
    if np.isinf(moved.by_chance):
        told = f"{said}; too few users to tell"
        return Alarm(name, raised=False, value=moved.value, by_chance=None, least=least, said=told)
    return Alarm(
        name,
        raised=moved.beyond_chance and abs(moved.value) >= least,
        value=moved.value,
        by_chance=moved.by_chance,
        least=least,
        said=f"{said}; chance goes to {moved.by_chance:.4f}, below {least:g} nothing matters",
    )
