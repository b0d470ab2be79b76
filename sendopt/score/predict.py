"""Asks the champion about candidate times and about the hours of the week."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa

from sendopt.clock import as_utc
from sendopt.features import Viewpoints, hours_of_week, known_users, observe
from sendopt.learn import ServableModel, describe_for, score_decisions
from sendopt.log import Reader

SLOTS_A_WEEK = 168

_USERS_AT_ONCE = 2_000  # times 168 slots: bounds the rows in memory


def score_candidates(model: ServableModel, reader: Reader, decisions: pa.Table) -> pa.Table:
    """Return `decisions` with the columns `open_probability` and `logit_sd`.

    Args:
        model: usually the champion.
        reader: the tenant's log; only events with `occurred_at < as_of` are used.
        decisions: decision_id, user_id, as_of, candidate_at; one row a candidate.

    Raises:
        InvalidInput: if `decisions` break their contract.
    """
    scores = score_decisions(model, reader, decisions)
    return decisions.append_column("open_probability", pa.array(scores.probability)).append_column(
        "logit_sd", pa.array(scores.logit_sd)
    )


def score_slots(
    model: ServableModel,
    reader: Reader,
    *,
    as_of: datetime,
    user_ids: list[str] | None = None,
) -> pa.Table:
    """Score the 168 hours of a local week of each user.

    Args:
        model: usually the champion.
        reader: the tenant's log; only events with `occurred_at < as_of` are used.
        as_of: what was known when.
        user_ids: None = everybody known to the log before `as_of`; unknown users get the
            population's probabilities.

    Returns:
        user_id, day_of_week (0 = Monday), hour (local, 0..23), open_probability; a send is
        thought of at the start of the hour. By user in the order given, then by hour.
    """
    users = (
        known_users(reader, until=as_of) if user_ids is None else pa.array(user_ids, pa.string())
    )
    observations = observe(reader, model.target)
    probability = np.empty(len(users) * SLOTS_A_WEEK)
    for first in range(0, len(users), _USERS_AT_ONCE):
        some = users.slice(first, _USERS_AT_ONCE)
        instants = pa.array([as_utc(as_of)] * len(some), pa.timestamp("us", tz="UTC"))
        rows = describe_for(
            model,
            reader,
            observations,
            Viewpoints(some, instants),
            hours_of_week(len(some)),
        )
        here = slice(first * SLOTS_A_WEEK, (first + len(some)) * SLOTS_A_WEEK)
        probability[here] = model.predict(rows)
    slot = np.tile(np.arange(SLOTS_A_WEEK), len(users))
    return pa.table(
        {
            "user_id": users.take(pa.array(np.repeat(np.arange(len(users)), SLOTS_A_WEEK))),
            "day_of_week": (slot // 24).astype(np.int8),
            "hour": (slot % 24).astype(np.int8),
            "open_probability": probability,
        }
    )
