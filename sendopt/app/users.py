"""Users: what the tenant knows of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sendopt import ingest
from sendopt.app import bodies
from sendopt.app.bodies import BodyVerdict, Stored, said_in
from sendopt.app.subject import Subject, needs
from sendopt.app.user_export import export
from sendopt.errors import InvalidInput
from sendopt.ingest.bodies import PROFILE_FIELDS
from sendopt.ingest.consent import ReadConsent
from sendopt.ingest.profile import Profile
from sendopt.ingest.raw import DEFAULTS
from sendopt.ingest.raw import Options as ImportOptions
from sendopt.ingest.reading import Reading
from sendopt.records import (
    ConsentDoor,
    ErasureReceipt,
    KeptConsent,
    Permission,
    Preferences,
    UserId,
)
from sendopt.state import consents, erased, erasures, preferences, user_list, users
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
        """Store what the tenant knows of a user; an opt-out stays, and one in it counts always.

        Raises:
            InvalidInput: `zone_invalid`, `text_invalid`, and as `strict_json.validate`.
        """
        now = self._now()
        read = ingest.read_profile(user_id, body, now=now)
        if read.consent is not None:
            with self._write() as tx:  # an opt-out counts whatever becomes of the rest
                consents.note(tx, [read.consent], door=ConsentDoor.API, now=now)
        profile = read.required()
        with self._write() as tx:
            users.put(tx, profile.user_id, timezone=profile.timezone, now=now)
            return users.get(tx, profile.user_id)

    @needs(Permission.USERS_WRITE)
    def import_files(
        self,
        paths: Sequence[Path],
        *,
        progress: Callable[[Path, int], None],
        options: ImportOptions = DEFAULTS,
    ) -> list[ingest.ImportReport]:
        """Store the profiles of files, as `put` does each; `progress` gets file and rows.

        A zone that is left out stays as it is.

        Raises:
            InvalidInput: as `ingest.import_bodies`; if a file is missing or of an unknown kind,
                nothing of any is stored.
        """
        return bodies.import_files(
            paths,
            PROFILE_FIELDS,
            self._read_row,
            partial(self._store, door=ConsentDoor.IMPORT),
            progress=progress,
            options=options,
            stored=partial(self._audit_import, "user:import"),
        )

    @needs(Permission.USERS_WRITE)
    def put_all(self, given: Any) -> list[BodyVerdict]:
        """Store a list of profiles, as `put` does each; return a verdict on each, in order.

        Raises:
            InvalidInput: as `bodies.accept`.
        """
        return bodies.accept(given, self._read_row, partial(self._store, door=ConsentDoor.API))

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
            Conflict: `user_erased`.
        """
        now = self._now()
        read = ingest.read_consent(user_id, body, now=now)
        said = replace(read.consent, source=read.consent.source or ConsentDoor.API)
        with self._write() as tx:
            erased.refuse(tx, said.user_id)
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

    @needs(Permission.USERS_EXPORT)
    def export(self, user_id: UserId) -> dict[str, Any]:
        """Return everything that any store holds about a user.

        Raises:
            NotFound: `user_unknown`.
        """
        return export(self._stores, self._tenant_id, user_id)

    @needs(Permission.USERS_ERASE)
    def erase(self, user_id: UserId) -> ErasureReceipt:
        """Begin to erase a user, known or not: from now on nothing that names them is taken.

        What is planned for them is called off, and their devices are forgotten. The service goes
        on from there by itself, and `erasure` tells how far it is; `Rounds.erase` does it at once.
        """
        now = self._now()
        with self._write() as tx:
            begun = erasures.begin(
                tx,
                user_id,
                asked_by=self._principal.actor,
                now=now,
                random_bytes=self._stores.random_bytes,
            )
            if begun.is_new:
                self._audit(tx, "user:erase", begun.receipt.erasure_id)
        with self._write() as tx:  # apart, since it may wait for rows that others have locked
            return erasures.cut_off(tx, begun.receipt.erasure_id, user_id, now=now)

    @needs(Permission.USERS_ERASE)
    def erasure(self, erasure_id: str) -> ErasureReceipt:
        """Return the receipt of an erasure, finished or not.

        Raises:
            NotFound: `erasure_unknown`.
        """
        with self._read() as tx:
            return erasures.get(tx, erasure_id)

    @needs(Permission.USERS_ERASE)
    def readmit(self, user_id: UserId) -> None:
        """Take a user again who was erased, as somebody of whom nothing is known.

        Raises:
            NotFound: `user_not_erased`.
            Conflict: `erasure_under_way`.
        """
        with self._write() as tx:
            self._audit(tx, "user:readmit", erased.readmit(tx, user_id, now=self._now()))

    @needs(Permission.USERS_READ)
    def page(
        self, *, opted_out: bool | None = None, behind: UserId | None = None, limit: int
    ) -> Page[User]:
        """Return users by id; those that only events have named are not among them."""
        with self._read() as tx:
            return user_list.page_of_users(tx, opted_out=opted_out, behind=behind, limit=limit)

    def _read_row(self, body: Any) -> Reading[Profile]:
        return ingest.read_profile_row(body, now=self._now())

    def _store(
        self, read: Sequence[Reading[Profile]], *, door: ConsentDoor
    ) -> list[Stored | InvalidInput]:
        now = self._now()
        with self._write() as tx:
            fresh = consents.note(tx, said_in(read), door=door, now=now)
            gone = erased.among(tx, {each.noun.user_id for each in read if each.noun})

            def store(said: Sequence[Profile]) -> list[Stored]:
                users.ensure_all(tx, {e.user_id for e in said if not e.is_zone_said}, now=now)
                zones = [(each.user_id, each.timezone) for each in said if each.is_zone_said]
                news = iter(users.put_all(tx, zones, now=now))
                return [
                    Stored(each.user_id, next(news) if each.is_zone_said else False)
                    for each in said
                ]

            return bodies.settled(read, gone, fresh, user_of=lambda said: said.user_id, store=store)
