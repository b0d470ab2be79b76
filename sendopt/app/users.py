"""Users: what the tenant knows of them."""

from __future__ import annotations

from typing import Any

from sendopt import ingest
from sendopt.app.subject import Subject, needs
from sendopt.records import Permission, UserId
from sendopt.state import user_list, users
from sendopt.state.pages import Page
from sendopt.state.users import User


class Users(Subject):
    """Who is sent to."""

    @needs(Permission.USERS_WRITE)
    def put(self, user_id: str, body: Any) -> User:
        """Store what the tenant knows of a user; an opt-out stays.

        Raises:
            InvalidInput: `zone_invalid`, `text_invalid`, and as `strict_json.validate`.
        """
        profile = ingest.parse_profile(user_id, body)
        with self._write() as tx:
            users.put(tx, profile.user_id, timezone=profile.timezone, now=self._now())
            return users.get(tx, profile.user_id)

    @needs(Permission.USERS_READ)
    def get(self, user_id: UserId) -> User:
        """Return a user's profile.

        Raises:
            NotFound: `user_unknown`.
        """
        with self._read() as tx:
            return users.get(tx, user_id)

    @needs(Permission.USERS_READ)
    def page(
        self, *, opted_out: bool | None = None, behind: UserId | None = None, limit: int
    ) -> Page[User]:
        """Return users by id; those that only events have named are not among them."""
        with self._read() as tx:
            return user_list.page_of_users(tx, opted_out=opted_out, behind=behind, limit=limit)
