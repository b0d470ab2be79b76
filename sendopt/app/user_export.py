"""Everything that is held about one user, as JSON."""

from __future__ import annotations

import json
from typing import Any

from sendopt.app.stores import Stores
from sendopt.errors import NotFound
from sendopt.records import TenantId, UserId
from sendopt.score import SLOTS_A_WEEK
from sendopt.score.store import probability_of, slot_of
from sendopt.state import user_export


def export(stores: Stores, tenant_id: TenantId, user_id: UserId) -> dict[str, Any]:
    """Gather a user's rows of the state, events of the log and stored scores.

    Raises:
        NotFound: `user_unknown`, if no store has heard of the user.
    """
    with stores.state.read(tenant_id) as tx:
        state = user_export.rows_of(tx, user_id)
    with stores.reader(tenant_id) as reader, reader.of_user(user_id) as own:
        events = own.query("export", "select * from event order by occurred_at, event_id")
    told = [{**row, "attributes": json.loads(row["attributes"])} for row in events.to_pylist()]
    scores = _scores(stores, tenant_id, user_id)
    if not any(state.values()) and not told and not scores:
        raise NotFound("there is no such user", code="user_unknown", field="user_id")
    return {
        "user_id": user_id,
        "exported_at": stores.clock.now(),
        **state,
        "events": told,
        "scores": scores,
    }


def _scores(stores: Stores, tenant_id: TenantId, user_id: UserId) -> list[dict[str, Any]]:
    """Return the user's hours of the week of each model whose scores are stored."""
    found = []
    for store in stores.stored_scores.everyone(tenant_id):
        row = store.find(user_id)
        if row is not None:
            found.append(
                {
                    "model_version": store.about.model_version,
                    "scored_as_of": store.as_of_text(row),
                    "timezone": store.zone(row),
                    "open_probability_by_hour_of_week": [
                        probability_of(word)
                        for word in sorted(store.best(row, SLOTS_A_WEEK), key=slot_of)
                    ],
                }
            )
    return found
