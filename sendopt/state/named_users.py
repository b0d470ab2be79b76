"""Users whom a definition names: in its audience, by times of their own, and by their arm."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from sendopt.records import UserId


def can_name_users(definition: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that a definition can name a user; most audiences are everyone."""
    return sa.or_(
        definition["audience"].as_string().startswith("["),
        definition["candidate_times"].as_string().startswith("{"),
        definition["experiment"]["assigned"].as_string().startswith("{"),
    )


def users_named(definition: Any) -> frozenset[UserId]:
    """Return all users whom a definition, as it was given, names."""
    audience, times = definition.get("audience"), definition.get("candidate_times")
    assigned = _assigned(definition)
    named = [
        *(audience if isinstance(audience, list) else ()),
        *(times if isinstance(times, dict) else ()),
        *(assigned or ()),
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
    assigned = _assigned(left)
    if assigned is not None:
        arms = {user_id: arm for user_id, arm in assigned.items() if user_id not in user_ids}
        left["experiment"] = left["experiment"] | {"assigned": arms}
    return left


def _assigned(definition: Any) -> dict[str, Any] | None:
    """Return the arms that a caller gave to users; None = it gave none."""
    experiment = definition.get("experiment")
    assigned = experiment.get("assigned") if isinstance(experiment, dict) else None
    return assigned if isinstance(assigned, dict) else None
