"""Asks the champion about candidate times and about the hours of the week."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from sendopt.features import AsOfView, known_users
from sendopt.learn import ServableModel, score_decisions
from sendopt.records import columns
from sendopt.score.weeks import SLOT_SCHEMA, score_weeks


def score_candidates(model: ServableModel, view: AsOfView, decisions: pa.Table) -> pa.Table:
    """Return `decisions` with the columns `open_probability` and `logit_sd`.

    Args:
        model: usually the champion.
        view: of the tenant's log; only events with `occurred_at < as_of` are used.
        decisions: decision_id, user_id, as_of, candidate_at; one row a candidate.

    Raises:
        InvalidInput: if `decisions` break their contract.
    """
    scores = score_decisions(model, view, decisions)
    probability, logit_sd = pa.array(scores.probability), pa.array(scores.logit_sd)
    scored = decisions.append_column(columns.OPEN_PROBABILITY, probability)
    return scored.append_column(columns.LOGIT_SD, logit_sd)


def score_slots(
    model: ServableModel,
    view: AsOfView,
    *,
    as_of: datetime,
    user_ids: list[str] | None = None,
) -> pa.Table:
    """Score the 168 hours of a local week of each user.

    Args:
        model: usually the champion.
        view: of the tenant's log; only events with `occurred_at < as_of` are used.
        as_of: what was known when.
        user_ids: None = everybody known to the log before `as_of`; unknown users get the
            population's probabilities.

    Returns:
        SLOT_SCHEMA; a send is thought of at the start of the hour. By user in the order given,
        then by hour.
    """
    users = (
        known_users(view.reader, until=as_of)
        if user_ids is None
        else pa.array(user_ids, pa.string())
    )
    weeks = score_weeks(model, view, users, as_of=as_of)
    return pa.concat_tables([SLOT_SCHEMA.empty_table(), *(some.table() for some in weeks)])
