"""Evidence by local time of day: of single users, and of everybody together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features.as_of.observations import LATENCY_STAGES
from sendopt.features.as_of.viewpoints import Viewpoints, flat
from sendopt.features.propensity import inverse, is_logged
from sendopt.features.timeline.history import in_order, user_numbers
from sendopt.parallel import shared_out

DAY_TYPES = 2  # weekdays, weekends
HALF_HOURS = 48  # of a local day

_DAY = timedelta(days=1)
_DAY_US = 86_400_000_000
_MICROSECOND = timedelta(microseconds=1)
_CELLS = DAY_TYPES * HALF_HOURS
_COUNTED = 1 + (1 + len(LATENCY_STAGES)) * _CELLS  # of a day's sends of a kind: see `_by_day`
_ONE = 2**32  # stands for the weight 1
_ROWS_AT_ONCE = 1 << 20  # bounds what is worked out on the way to some 100 MB


@dataclass(frozen=True)
class Evidence:
    """Decayed counts by local time of day."""

    sessions: NDArray[np.float64]  # (rows, DAY_TYPES, HALF_HOURS)
    sends: NDArray[np.float64]  # (rows, DAY_TYPES, HALF_HOURS)
    answers: NDArray[np.float64]  # of them, (rows, stages, DAY_TYPES, HALF_HOURS)

    @property
    def opens(self) -> NDArray[np.float64]:
        """Sends that were answered within the open window, (rows, DAY_TYPES, HALF_HOURS)."""
        opens: NDArray[np.float64] = self.answers.sum(axis=1)
        return opens

    def whether_answered(self) -> Evidence:
        """Return evidence whose answers have one latency stage: the whole open window."""
        return Evidence(self.sessions, self.sends, self.opens[:, None])

    def rows(self, index: NDArray[np.intp]) -> Evidence:
        """Return the evidence at `index`; it is not copied where that is all of it, in order."""
        if np.array_equal(index, np.arange(len(self.sends))):
            return self
        return Evidence(self.sessions[index], self.sends[index], self.answers[index])


def user_evidence(
    observations: pa.Table, viewpoints: Viewpoints, *, half_life: timedelta
) -> Evidence:
    """Count what was known of each viewpoint's user as of its instant.

    Each viewpoint takes 3.8 kB: whoever asks about many does so in parts.
    """
    from sendopt.features.as_of import kernels  # noqa: PLC0415 - numba costs every command 0.3 s

    observed = flat(observations["user_id"])
    user, as_of_us = user_numbers(observed.dictionary, viewpoints.user_id), viewpoints.as_of_us
    order = in_order(user, as_of_us)
    begin, end = (np.searchsorted(observed.indices, user, side) for side in ("left", "right"))
    first, last = int(begin.min(initial=len(observed))), int(end.max(initial=0))
    of_users = observations.slice(first, max(last - first, 0))
    happened_us, known_us = of_users["happened_us"].to_numpy(), of_users["known_us"].to_numpy()
    cell, is_session = of_users["cell"].to_numpy(), of_users["is_session"].to_numpy()
    latency_stage = _latency_stage(of_users)
    sessions, sends = np.empty((2, len(viewpoints), _CELLS))
    answers = np.empty((len(viewpoints), len(LATENCY_STAGES) * _CELLS))

    def write(rows: slice) -> None:
        kernels.evidence(
            begin - first,
            end - first,
            happened_us,
            known_us,
            cell,
            is_session,
            latency_stage,
            user,
            as_of_us,
            order[rows],
            half_life / _MICROSECOND,
            sessions,
            sends,
            answers,
        )

    shared_out(len(viewpoints), write)
    return _evidence(sessions, sends, answers)


@dataclass(frozen=True)
class DailySends:
    """What became known of sends of one kind on each day; not decayed."""

    count: NDArray[np.float64]  # of each day, as many as they are
    sends: NDArray[np.float64]  # (days, cells), weighed
    answers: NDArray[np.float64]  # of them, (days, stages x cells), weighed

    def left(
        self, kept: NDArray[np.float64], last: NDArray[np.intp], share: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return `share` of the sends and answers that are left of all days up to each of `last`.

        Weights move evidence between hours and make no more of it: together the sends count as many
        as they are.
        """
        count, sends, answers = (
            _decayed(counts, kept) for counts in (self.count, self.sends, self.answers)
        )
        weighed = sends.sum(axis=1)
        scale = np.divide(count, weighed, out=np.ones(len(count)), where=weighed > 0)
        scale = (share * scale[last])[:, None]
        return sends[last] * scale, answers[last] * scale


@dataclass(frozen=True)
class DailyEvidence:
    """What became known of everybody on each UTC day on which anything did; not decayed.

    A sender who logged propensities chose its times; weighing each send by the inverse of its
    propensity undoes the choice, as `propensity` says. Sends that carry none weigh 1.
    """

    day: NDArray[np.int64]  # since 1970, ascending
    sessions: NDArray[np.float64]  # (days, cells)
    logged: DailySends  # with a propensity
    unlogged: DailySends


def daily_evidence(observations: pa.Table) -> DailyEvidence:
    """Count what became known on each day.

    It is added up in integers, part by part: in any order, the sum is the same.
    """

    def count(rows: slice) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return _by_day(observations.slice(rows.start, rows.stop - rows.start))

    shares = 1 + len(observations) // _ROWS_AT_ONCE
    parts = shared_out(len(observations), count, shares=shares)
    # Days with events alone: a clock that says 1970 costs one more, not all the days since.
    days, row = np.unique(np.concatenate([day for day, _ in parts]), return_inverse=True)
    counts = np.zeros((len(days), parts[0][1].shape[1]), np.int64)
    np.add.at(counts, row, np.concatenate([counted for _, counted in parts]))
    sessions, logged, unlogged = np.split(counts, [_CELLS, _CELLS + _COUNTED], axis=1)
    return DailyEvidence(days, sessions / _ONE, _sends(logged), _sends(unlogged))


def _sends(counts: NDArray[np.int64]) -> DailySends:
    sends, answers = np.split(counts[:, 1:] / _ONE, [_CELLS], axis=1)
    return DailySends(counts[:, 0].astype(np.float64), sends, answers)


def _by_day(observations: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return days, and a row of each.

    Its columns are weights of sessions; then of logged sends, and then of the others, how many they
    are, weights of them and of their answers.
    """
    days, row = np.unique(observations["known_us"].to_numpy() // _DAY_US, return_inverse=True)
    cell = row * _CELLS + observations["cell"].to_numpy()
    is_session = observations["is_session"].to_numpy()
    latency_stage = _latency_stage(observations)
    propensity = observations["propensity"].to_numpy().astype(np.float64)
    weight = np.rint(_ONE * inverse(propensity)).astype(np.int64)

    def added(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        counts = np.zeros(len(days) * _CELLS, np.int64)
        np.add.at(counts, cell[chosen], weight[chosen])
        return counts.reshape(-1, _CELLS)

    counts = [added(is_session)]
    logged = is_logged(propensity)
    for kind in (logged & ~is_session, ~logged & ~is_session):
        answers = (added(kind & (latency_stage == stage)) for stage in range(len(LATENCY_STAGES)))
        counts += [np.bincount(row[kind], minlength=len(days))[:, None], added(kind), *answers]
    return days, np.column_stack(counts)


def population_evidence(
    daily: DailyEvidence, viewpoints: Viewpoints, *, half_life: timedelta
) -> tuple[Evidence, NDArray[np.intp]]:
    """Count what everybody did on the UTC days before each viewpoint.

    The weights of logged sends move evidence between hours and make no more of it: they count as
    many as they are, and so do the others.

    Returns:
        Evidence with one row a day, and the row of every viewpoint.
    """
    days = daily.day
    if len(days) == 0 or len(viewpoints) == 0:
        nothing = np.zeros((1, _CELLS))
        answers = np.zeros((1, len(LATENCY_STAGES) * _CELLS))
        return _evidence(nothing, nothing, answers), np.zeros(len(viewpoints), np.intp)
    kept = 0.5 ** (np.diff(days, prepend=days[0]) * (_DAY / half_life))
    distinct, number = np.unique(viewpoints.as_of_us // _DAY_US, return_inverse=True)
    last = np.searchsorted(days, distinct) - 1  # the last day with events before each
    gone = np.maximum(distinct - days[np.maximum(last, 0)] - 1, 0)
    left = 0.5 ** (gone * (_DAY / half_life))
    left[last < 0] = 0.0
    last = np.maximum(last, 0)
    sessions = _decayed(daily.sessions, kept)[last] * left[:, None]
    logged, logged_answers = daily.logged.left(kept, last, left)
    others, other_answers = daily.unlogged.left(kept, last, left)
    evidence = _evidence(sessions, logged + others, logged_answers + other_answers)
    return evidence, number.astype(np.intp)


def _decayed(counts: NDArray[np.float64], kept: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each day's counts and what is left of those before; a day keeps the share `kept`."""
    counts = counts.copy()
    for each in range(1, len(counts)):
        counts[each] += kept[each] * counts[each - 1]
    return counts


def _latency_stage(observations: pa.Table) -> NDArray[np.uint8]:
    """Return the stage of each answer; beyond the last one for whatever was not answered."""
    return np.asarray(observations["latency_stage"].fill_null(len(LATENCY_STAGES)), np.uint8)


def _evidence(
    sessions: NDArray[np.float64], sends: NDArray[np.float64], answers: NDArray[np.float64]
) -> Evidence:
    return Evidence(
        sessions.reshape(-1, DAY_TYPES, HALF_HOURS),
        sends.reshape(-1, DAY_TYPES, HALF_HOURS),
        answers.reshape(-1, len(LATENCY_STAGES), DAY_TYPES, HALF_HOURS),
    )
