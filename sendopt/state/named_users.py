"""Users whom the definition of a campaign names: in its audience, and by times of their own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from sendopt.records import UserId
from sendopt.state.tables_campaigns import campaign_revision

#: Definitions that can name a user; most audiences are everyone.
CAN_NAME_USERS = sa.or_(
    campaign_revision.c.definition["audience"].as_string().startswith("["),
    campaign_revision.c.definition["candidate_times"].as_string().startswith("{"),
)


def users_named(definition: Any) -> frozenset[UserId]:
    """Return all users whom a definition, as it was given, names."""
    audience, times = definition.get("audience"), definition.get("candidate_times")
    named = [
        *(audience if isinstance(audience, list) else ()),
        *(times if isinstance(times, dict) else ()),
    ]
    return frozenset(UserId(each) for each in named if isinstance(each, str))


def without_users(
    definition: dict[str, Any], user_ids: Collection[UserId], *, instead: UserId
) -> dict[str, Any]:
    """Return a definition that does not name these users, and is valid if it was.

    Args:
        definition: as it was given; it stays as it is.
        user_ids: whom to leave out.
        instead: named by an audience of nobody else.
    """
    left = dict(definition)
    if isinstance(left.get("audience"), list):
        left["audience"] = [each for each in left["audience"] if each not in user_ids] or [instead]
    if isinstance(left.get("candidate_times"), dict):
        left["candidate_times"] = {
            user_id: times
            for user_id, times in left["candidate_times"].items()
            if user_id not in user_ids
        }
    return left
