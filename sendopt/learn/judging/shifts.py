"""How far hours, answers and users moved between two times of a log, in words and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.evaluate.chance import BINS, Vector, calibration_test, equal_bins
from sendopt.evaluate.drift import (
    Counted,
    Shift,
    calibration_error_of,
    calibration_shift,
    ratio_shift,
    shape_shift,
)
from sendopt.features import LabelledMoments, statement, zone_clocks
from sendopt.learn.past.groups import user_numbers
from sendopt.log import Reader
from sendopt.records import EventType

_DAY_US = 86_400_000_000
_HOUR_BINS = 12  # of a day: a week of few users has too few events an hour
_UNKNOWN = Shift(0.0, np.inf, np.inf, np.inf)

Told = tuple[Shift, str]  # with a sentence


@dataclass(frozen=True)
class JudgedDays:
    """Moments with a known outcome, and what a model says of them."""

    past: LabelledMoments
    predicted: Vector
    since_us: int

    @property
    def user(self) -> NDArray[np.intp]:
        """Number of each moment's user."""
        return user_numbers(self.past)

    @property
    def day(self) -> NDArray[np.intp]:
        """Number of each moment's day of 24 hours."""
        return ((self.past.at_us - self.since_us) // _DAY_US).astype(np.intp)

    @property
    def residual(self) -> Vector:
        """What happened minus what was said, weighed."""
        return self.past.weight * (self.past.label - self.predicted)


def hours(reader: Reader, between: Mapping[str, int]) -> pa.Table:
    """Return the events of each user and day by type and local hour."""
    inputs = {"zone_clock": zone_clocks(reader, "UTC")}
    return reader.query("hour_counts", statement("hour_counts"), dict(between), inputs)


def users(reader: Reader, between: Mapping[str, int]) -> pa.Table:
    """Return the users of each day."""
    return reader.query("daily_users", statement("daily_users"), dict(between))


def of_hours(before: pa.Table, after: pa.Table, kind: EventType, *, level: float) -> Told:
    """Say how far the local hours of events of a kind moved."""
    then, now = (_histograms(each, kind) for each in (before, after))
    if not len(then.user) or not len(now.user):
        return _UNKNOWN, f"no {kind.value} in one of the times"
    moved = shape_shift(then, now, level=level)
    return moved, f"PSI of the local hours of {kind.value} events {moved.value:.3f}"


def of_calibration(
    before: JudgedDays, after: JudgedDays, *, level: float, rng: np.random.Generator
) -> Told:
    """Say how much the calibration error grew."""
    if not len(before.past) or not len(after.past):
        return _UNKNOWN, "no outcome of one of the times is known"
    first = len(before.past)
    bins = equal_bins(
        np.concatenate([before.predicted, after.predicted]),
        np.concatenate([before.past.weight, after.past.weight]),
    )
    then, now = _by_bin(before, bins[:first]), _by_bin(after, bins[first:])
    test = calibration_test(
        after.past.label,
        after.predicted,
        after.user,
        level=level,
        rng=rng,
        weight=after.past.weight,
    )
    moved = calibration_shift(then, now, by_users=test.by_chance, level=level, rng=rng)
    was, is_now = (calibration_error_of(each.values.sum(axis=0)) for each in (then, now))
    return moved, (
        f"calibration error {is_now:.4f} on {len(after.past)} moments, {was:.4f} on the accepted "
        f"days' {first}"
    )


def of_answers(before: JudgedDays, after: JudgedDays, *, level: float) -> Told:
    """Say how far what was answered moved from what was expected."""
    if not len(before.past) or not len(after.past):
        return _UNKNOWN, "no outcome of one of the times is known"
    then, now = (
        Counted(np.column_stack([each.residual, each.past.weight]), each.user, each.day)
        for each in (before, after)
    )
    moved = ratio_shift(then, now, level=level, two_sided=True)
    told = "; on the accepted days ".join(
        f"{np.average(each.past.label, weights=each.past.weight):.1%} answered, "
        f"{np.average(each.predicted, weights=each.past.weight):.1%} expected"
        for each in (after, before)
    )
    return moved, told


def of_users(before: pa.Table, after: pa.Table, column: str, *, level: float) -> Told:
    """Say how much larger a share of a day's users has become; a smaller one is no trouble."""
    if not len(before) or not len(after):
        return _UNKNOWN, "nobody in one of the times"
    then, now = (_share(each, column) for each in (before, after))
    moved = ratio_shift(then, now, level=level, two_sided=False)
    was, is_now = (each.values.sum(axis=0) for each in (then, now))
    return moved, (
        f"{is_now[0] / is_now[1]:.1%} of a day's users; {was[0] / was[1]:.1%} on the accepted days"
    )


def _histograms(counted: pa.Table, kind: EventType) -> Counted:
    """Return the counts of events of a kind, a column a part of the day."""
    mine = counted.filter(pc.equal(counted["event_type"], kind.value))
    values = np.zeros((len(mine), _HOUR_BINS))
    part = mine["hour"].to_numpy() * _HOUR_BINS // 24
    values[np.arange(len(mine)), part] = mine["events"].to_numpy()
    return Counted(values, _numbers(mine), mine["day"].to_numpy().astype(np.intp))


def _by_bin(judged: JudgedDays, bins: NDArray[np.intp]) -> Counted:
    """Return the residuals, a column a bin, and last the weight."""
    values = np.zeros((len(bins), BINS + 1))
    values[np.arange(len(bins)), bins] = judged.residual
    values[:, BINS] = judged.past.weight
    return Counted(values, judged.user, judged.day)


def _share(daily: pa.Table, column: str) -> Counted:
    values = np.column_stack([np.asarray(daily[column], np.float64), np.ones(len(daily))])
    return Counted(values, _numbers(daily), daily["day"].to_numpy().astype(np.intp))


def _numbers(table: pa.Table) -> NDArray[np.intp]:
    """Number the users of the rows."""
    return np.asarray(table["user_id"].combine_chunks().dictionary_encode().indices, np.intp)
