"""Scores whole weeks of many users, a thousand at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt.clock import as_utc
from sendopt.features import AsOfView, Viewpoints
from sendopt.learn import ServableModel
from sendopt.learn.model.scorer import SLOTS_A_WEEK
from sendopt.learn.numerics.logistic import sigmoid
from sendopt.parallel import in_turn
from sendopt.records import columns

SLOT_SCHEMA = pa.schema(
    {
        columns.USER_ID: pa.string(),
        columns.DAY_OF_WEEK: pa.int8(),
        columns.HOUR: pa.int8(),
        columns.OPEN_PROBABILITY: pa.float64(),
    }
)
#: Logits of 1e-6 and 1 - 1e-6: no score is surer than that.
SUREST_LOGIT = float(np.log(999_999.0))

_USERS_AT_ONCE = 1_000  # bounds the rows in memory, and keeps a batch in the cache
_HOUR = np.arange(SLOTS_A_WEEK) % 24
_DAY = np.arange(SLOTS_A_WEEK) // 24


@dataclass(frozen=True)
class Weeks:
    """Scores of some users: the calibrated logit at every hour of the local week."""

    user_id: pa.Array
    logit: NDArray[np.float32]  # (users, 168), Monday 0:00 first; within ±SUREST_LOGIT

    @property
    def probability(self) -> NDArray[np.float64]:
        """The probability at every hour of the local week, of the shape of `logit`."""
        probability: NDArray[np.float64] = sigmoid(self.logit.astype(np.float64))
        return probability

    def table(self) -> pa.Table:
        """Return the probabilities as rows of SLOT_SCHEMA, by user and then by hour of the week."""
        users = len(self.user_id)
        return pa.table(
            [
                self.user_id.take(pa.array(np.repeat(np.arange(users), SLOTS_A_WEEK))),
                np.tile(_DAY.astype(np.int8), users),
                np.tile(_HOUR.astype(np.int8), users),
                self.probability.ravel(),
            ],
            SLOT_SCHEMA,
        )


def score_weeks(
    model: ServableModel,
    view: AsOfView,
    users: pa.Array,
    *,
    as_of: datetime,
    threads: int = 1,
) -> Iterator[Weeks]:
    """Score the weeks of `users` in their order, a thousand at a time.

    A send is thought of at the start of each hour. Users that the log does not know get the
    population's scores.

    Args:
        model: usually the champion.
        view: of the tenant's log; only events with `occurred_at < as_of` are used.
        users: their ids.
        as_of: what was known when.
        threads: how many batches of users are worked on at once; the same bits come out of any.
    """
    scorer = model.scorer
    view = view.beside(scorer.population(view, as_of=as_of))
    view.warm(late_answers=scorer.late_hazard is not None, answer_times=scorer.reads_answer_times)
    instant = pa.scalar(as_utc(as_of), pa.timestamp("us", tz="UTC"))

    def scored(first: int) -> Weeks:
        some = users.slice(first, _USERS_AT_ONCE)
        logit = model.week_logits(view, Viewpoints(some, pa.repeat(instant, len(some))))
        return Weeks(some, np.clip(logit, -SUREST_LOGIT, SUREST_LOGIT))

    return in_turn(scored, range(0, len(users), _USERS_AT_ONCE), at_once=threads)
