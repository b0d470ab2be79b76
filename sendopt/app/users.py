"""Users: what the tenant knows of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sendopt import ingest
from sendopt.app.subject import Subject, needs
from sendopt.ingest.consent import ReadConsent
from sendopt.records import ConsentDoor, KeptConsent, Permission, Preferences, UserId
from sendopt.state import consents, preferences, user_list, users
from sendopt.state.pages import Page
from sendopt.state.users import User


@dataclass(frozen=True, slots=True)
class ConsentHistory:
    """Whether a user may be sent to, and why."""

    user_id: UserId
    opted_out_at: datetime | None  # None = may be sent to
    statements: list[KeptConsent]  # the latest first


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

    @needs(Permission.USERS_WRITE)
    def say(self, user_id: str, body: Any) -> ReadConsent:
        """Keep what a user said on being sent to; an opt-out whatever else is wrong with it.

        Raises:
            InvalidInput: as `ingest.read_consent`.
        """
        now = self._now()
        read = ingest.read_consent(user_id, body, now=now)
        said = replace(read.consent, source=read.consent.source or ConsentDoor.API)
        with self._write() as tx:
            consents.note(tx, [said], door=ConsentDoor.API, now=now)
        return replace(read, consent=said)

    @needs(Permission.USERS_READ)
    def consent(self, user_id: UserId) -> ConsentHistory:
        """Return whether a user may be sent to, and what it said on it, the latest first.

        Raises:
            NotFound: `user_unknown`.
        """
        with self._read() as tx:
            return ConsentHistory(
                user_id, users.get(tx, user_id).opted_out_at, consents.history(tx, user_id)
            )

    @needs(Permission.USERS_WRITE)
    def prefer(self, user_id: str, body: Any) -> Preferences:
        """Keep what a user wants of messages from now on, in place of all that was said before.

        Raises:
            InvalidInput: as `ingest.read_preferences`.
        """
        wanted = ingest.read_preferences(user_id, body)
        with self._write() as tx:
            preferences.put(tx, UserId(user_id), wanted, now=self._now())
        return wanted

    @needs(Permission.USERS_READ)
    def preferences(self, user_id: UserId) -> Preferences:
        """Return what a user wants of messages.

        Raises:
            NotFound: `user_unknown`.
        """
        with self._read() as tx:
            return preferences.get(tx, user_id)

    @needs(Permission.USERS_READ)
    def page(
        self, *, opted_out: bool | None = None, behind: UserId | None = None, limit: int
    ) -> Page[User]:
        """Return users by id; those that only events have named are not among them."""
        with self._read() as tx:
            return user_list.page_of_users(tx, opted_out=opted_out, behind=behind, limit=limit)
