"""Late answers: an answer after the open window tells when the user is there, whatever was sent.

Of the sends that are answered late, each waits for its user from the end of the open window on. How
many of them a half hour of the day ought to have answered, were all its hours alike, is what the
counts of that half hour are compared with. Answers within the window are left out: they are what is
to be predicted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features.as_of.answers import Answers, cells
from sendopt.features.as_of.evidence import DAY_TYPES, HALF_HOURS
from sendopt.features.as_of.viewpoints import Viewpoints, flat
from sendopt.features.target import Target
from sendopt.features.timeline.history import History, in_order, user_numbers

#: Half hours after a send within which an answer still counts as late; later ones tell of habits
#: that the send has nothing to do with.
LATE_AGES = 48

_CELLS = DAY_TYPES * HALF_HOURS
_MICROSECOND = timedelta(microseconds=1)
_HALF_HOUR, _HALF_HOUR_US = timedelta(minutes=30), 1_800_000_000
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class LateEvidence:
    """Decayed counts of late answers by the local half hour in which they came."""

    answers: NDArray[np.float64]  # (rows, DAY_TYPES, HALF_HOURS)
    expected: NDArray[np.float64]  # of them, if users were there alike at all hours; same shape


def place_late_answers(answers: Answers, target: Target, history: History) -> pa.Table:
    """Return every late one of all answers at its place in the local day.

    Returns:
        user_id (as a dictionary, all users in order), answered_us (at the latest), cell (local half
        hour: weekdays 0-47, weekends 48-95), cell_before (of the same half hour a day earlier), age
        (half hours from the send to the answer), waited (half hours that the send had been waiting,
        this one included); by user and time.
    """
    late = answers.given(target.open_window, LATE_AGES * _HALF_HOUR)
    age = (late.answered_us - late.sent_us) // _HALF_HOUR_US
    window_closes = target.open_window // _HALF_HOUR
    return pa.table(
        {
            "user_id": pa.DictionaryArray.from_arrays(pa.array(late.user), history.users),
            "answered_us": late.known_us,
            "cell": cells(history, late.zone, late.local_us),
            "cell_before": cells(history, late.zone, late.local_us - _DAY_US),
            "age": age.astype(np.uint8),
            "waited": (age - window_closes + 1).astype(np.uint8),
        }
    )


def answers_by_age(
    late: pa.Table, *, until_us: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Count the late answers before `until_us` and the sends that waited, by age; (LATE_AGES,)."""
    known = late["answered_us"].to_numpy() < until_us
    age = late["age"].to_numpy()[known].astype(np.intp)
    first = age + 1 - late["waited"].to_numpy()[known]
    answered = np.bincount(age, minlength=LATE_AGES).astype(np.float64)
    begun = np.bincount(first, minlength=LATE_AGES).astype(np.float64)
    return answered, np.cumsum(begun) - (np.cumsum(answered) - answered)


def user_late_evidence(
    late: pa.Table, viewpoints: Viewpoints, hazard: NDArray[np.float64], *, half_life: timedelta
) -> LateEvidence:
    """Count the late answers of each viewpoint's user that were known as of its instant.

    Args:
        late: as of `place_late_answers`.
        viewpoints: one row each.
        hazard: how often a waiting send is answered at each age, (LATE_AGES,).
        half_life: after which an answer counts half.
    """
    from sendopt.features.as_of import kernels  # noqa: PLC0415 - numba costs every command 0.3 s

    answers, expected = np.zeros((2, len(viewpoints), _CELLS))
    observed = flat(late["user_id"])
    user = user_numbers(observed.dictionary, viewpoints.user_id)
    index = np.asarray(observed.indices, np.int32)
    begin, end = (np.searchsorted(index, user, side) for side in ("left", "right"))
    kernels.late_evidence(
        begin,
        end,
        late["answered_us"].to_numpy(),
        late["cell"].to_numpy(),
        late["cell_before"].to_numpy(),
        late["age"].to_numpy(),
        late["waited"].to_numpy(),
        user,
        viewpoints.as_of_us,
        in_order(user, viewpoints.as_of_us),
        half_life / _MICROSECOND,
        hazard,
        answers,
        expected,
    )
    return _evidence(answers, expected)


def population_late_evidence(
    late: pa.Table, day: NDArray[np.int64], hazard: NDArray[np.float64], *, half_life: timedelta
) -> LateEvidence:
    """Count everybody's late answers before UTC days; one row for each of `day` (since 1970)."""
    days, row = np.unique(day, return_inverse=True)
    answered_day = late["answered_us"].to_numpy() // _DAY_US
    counted_on = np.searchsorted(days, answered_day, side="right")
    known = counted_on < len(days)
    counted_on, answered_day = counted_on[known], answered_day[known]
    cell, cell_before, age, waited = (
        late[name].to_numpy()[known].astype(np.intp)
        for name in ("cell", "cell_before", "age", "waited")
    )
    weight = 0.5 ** ((days[counted_on] - answered_day) * (timedelta(days=1) / half_life))
    answers, expected = np.zeros((2, len(days), _CELLS))
    np.add.at(answers, (counted_on, cell), weight)
    for back in range(LATE_AGES):
        waiting = waited > back
        half_hour = cell[waiting] % HALF_HOURS
        of_day = np.where(back <= half_hour, cell[waiting], cell_before[waiting])
        then = of_day - half_hour + (half_hour - back) % HALF_HOURS
        np.add.at(
            expected,
            (counted_on[waiting], then),
            weight[waiting] * hazard[age[waiting] - back],
        )
    for counts in (answers, expected):
        for later in range(1, len(days)):
            apart = (days[later] - days[later - 1]) * (timedelta(days=1) / half_life)
            counts[later] += 0.5**apart * counts[later - 1]
    return _evidence(answers[row], expected[row])


def _evidence(answers: NDArray[np.float64], expected: NDArray[np.float64]) -> LateEvidence:
    shape = (-1, DAY_TYPES, HALF_HOURS)
    return LateEvidence(answers.reshape(shape), expected.reshape(shape))
