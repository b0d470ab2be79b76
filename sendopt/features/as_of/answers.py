"""Answers at the time at which they were given, however long after their send."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.features.as_of.viewpoints import flat
from sendopt.features.local_time.weekends import is_weekend
from sendopt.features.local_time.zones import half_hour_cells
from sendopt.features.queries import statement
from sendopt.features.target import Target
from sendopt.features.timeline.history import History
from sendopt.log import Reader

_EVER_US = 2**62  # whatever the log holds; a pass leaves out what is not known yet
_MICROSECOND = timedelta(microseconds=1)


class Answers(NamedTuple):
    """The first answers of sends, by user and time known; arrays of one length.

    An answer of a rounded stamp stands in the middle of when it can have been given.
    """

    user: NDArray[np.int32]  # numbers of the history
    sent_us: NDArray[np.int64]
    soonest_us: NDArray[np.int64]  # when it was given at the soonest
    answered_us: NDArray[np.int64]
    known_us: NDArray[np.int64]  # when it was given at the latest
    zone: NDArray[np.int16]  # of the user when it was sent, as numbered by the history
    local_us: NDArray[np.int64]  # of the answer on that zone's clock

    def given(self, least: timedelta, most: timedelta) -> Answers:
        """Return those that surely came `least` or more after their send, but before `most`."""
        chosen = self.soonest_us - self.sent_us >= least // _MICROSECOND
        chosen &= self.known_us - self.sent_us < most // _MICROSECOND
        return self.rows(chosen)

    def rows(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Answers:
        """Return the chosen rows."""
        columns: tuple[Any, ...] = self
        return Answers(*(column[chosen] for column in columns))


def read_answers(reader: Reader, target: Target, history: History) -> Answers:
    """Return every answer.

    Left out are sends of which is not known what the person did, and stamps rounded to more than an
    hour.
    """
    params = {**target.answer_params, "until_us": _EVER_US}
    answered = reader.query("answers", statement("answers"), params)
    user = history.numbers(flat(answered["user_id"]))
    sent_us, soonest_us, answered_us, known_us = (
        answered[name].to_numpy() for name in ("sent_us", "soonest_us", "answered_us", "known_us")
    )
    zone = history.zone[history.first_since(user, sent_us)]
    local_us = history.zone_offsets.local_us(zone, answered_us)
    answers = Answers(user, sent_us, soonest_us, answered_us, known_us, zone, local_us)
    return answers.rows(np.lexsort((sent_us, known_us, user)))


def cells(
    history: History, zone: NDArray[np.int16], local_us: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Return the local half hours of times on the clocks of zones: weekends are 48-95."""
    return half_hour_cells(local_us, is_weekend(history.zones, zone, local_us))


def as_presences(answers: Answers, history: History) -> pa.Table:
    """Return answers as what `observe` calls presences: whoever answers is there.

    Returns:
        The columns of `observe` without `propensity`, one row an answer.
    """
    return pa.table(
        {
            "user_id": pa.DictionaryArray.from_arrays(pa.array(answers.user), history.users),
            "is_session": np.ones(len(answers.user), bool),
            "latency_stage": pa.nulls(len(answers.user), pa.uint8()),
            "happened_us": answers.answered_us,
            "known_us": answers.known_us + 1,
            "cell": cells(history, answers.zone, answers.local_us),
        }
    )
