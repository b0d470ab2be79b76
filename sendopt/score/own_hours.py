"""Each user's own answers by local hour: the rule that an experiment can hold a model against.

The share of a user's answers that fell in each hour, pulled to everybody's share by a few answers
(a Dirichlet prior): whoever answered little is sent to when most people answer. Like the tenant's
histogram it counts what was sent when somebody chose: it is a rule, not an estimate of an effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sendopt.features import Target, microseconds, zone_clocks
from sendopt.log import Reader
from sendopt.records import UserId
from sendopt.score.histogram import LEAST_ANSWERS

#: Answers of a user that weigh as much as everybody's hours.
PRIOR_ANSWERS = 5.0

_OWN_ANSWERS_BY_HOUR = files("sendopt.score") / "sql" / "own_answers_by_hour.sql"


def own_hours(
    reader: Reader,
    target: Target,
    user_ids: Sequence[UserId],
    *,
    as_of: datetime,
    timezone: str,
) -> NDArray[np.float64] | None:
    """Return the share of each user's answers in each local hour, shrunken; (users, 24).

    None where everybody together has answered too little to tell hours apart.

    Args:
        reader: the tenant's log.
        user_ids: whose hours are asked for.
        target: what answers a send, and how this log records it.
        as_of: only what had happened by then counts.
        timezone: where users live of whom no zone is known.
    """
    counted = reader.query(
        "own_answers_by_hour",
        _OWN_ANSWERS_BY_HOUR.read_text(),
        {**target.answer_params, "until_us": microseconds(as_of), "timezone": timezone},
        {"zone_clock": zone_clocks(reader, timezone)},
    )
    hour, answers = (
        counted["hour"].to_numpy(),
        counted["answers"].to_numpy().astype(np.float64),
    )
    if answers.sum() < LEAST_ANSWERS:
        return None
    everybody = np.bincount(hour, weights=answers, minlength=24) / answers.sum()
    row = pc.index_in(counted["user_id"], value_set=pa.array(user_ids, pa.string()))
    asked = np.asarray(pc.is_valid(row))
    own = np.zeros((len(user_ids), 24))
    own[np.asarray(row.drop_null(), np.intp), hour[asked]] = answers[asked]
    total = own.sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = (own + PRIOR_ANSWERS * everybody) / (total + PRIOR_ANSWERS)
    return shares
