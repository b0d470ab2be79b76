"""Keys of the REST API: given out, renewed and withdrawn, never with more power than one's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sendopt.app.giving_keys import as_audited, require_power
from sendopt.app.subject import Subject, needs
from sendopt.records import BuiltInRole, Permission
from sendopt.state import TenantWrite, api_keys, requests, roles
from sendopt.state.requests import Claim


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key as it is shown once, and what is listed of it afterwards."""

    key: str
    listed: api_keys.ApiKey


class Keys(Subject):
    """Who may speak for the tenant."""

    @needs(Permission.KEYS_WRITE)
    def issue(
        self,
        name: str,
        *,
        role: str = BuiltInRole.OWNER,
        lifetime: timedelta | None = None,
        under: Claim | None = None,
    ) -> IssuedKey:
        """Make a key; only its hash is kept.

        Args:
            name: what its owner will recognise it by.
            role: what it may do.
            lifetime: None = it never ends.
            under: the claim of a request that may be repeated, and then makes no other key.

        Raises:
            NotFound: `role_unknown`.
            NotPermitted: `role_beyond_own`.
            InvalidInput: `key_expired`.
            Conflict: `request_in_progress`.
        """
        now = self._now()
        with self._write() as tx:
            self._require_power(tx, role)
            key = api_keys.issue(
                tx,
                name=name,
                role=role,
                expires_at=None if lifetime is None else now + lifetime,
                now=now,
                random_bytes=self._stores.random_bytes,
            )
            issued = _issued(tx, key, under)
            self._audit(tx, "key:issue", issued.listed.key_id, after=as_audited(issued.listed))
            return issued

    @needs(Permission.KEYS_WRITE)
    def rotate(self, key_id: str, *, overlap: timedelta, under: Claim | None = None) -> IssuedKey:
        """Make the successor of a key, which itself ends after `overlap`.

        Args:
            key_id: of the key.
            overlap: how long both open the tenant.
            under: as of `issue`.

        Raises:
            NotFound: `key_unknown`.
            Conflict: `key_dead`, `rotation_under_way`, `request_in_progress`.
            NotPermitted: `role_beyond_own`.
        """
        now = self._now()
        with self._write() as tx:
            before = api_keys.get(tx, key_id)
            self._require_power(tx, before.role)
            key = api_keys.rotate(
                tx,
                key_id,
                ends_at=now + overlap,
                now=now,
                random_bytes=self._stores.random_bytes,
            )
            issued = _issued(tx, key, under)
            after = as_audited(api_keys.get(tx, key_id)) | {"successor": issued.listed.key_id}
            self._audit(tx, "key:rotate", key_id, before=as_audited(before), after=after)
            return issued

    @needs(Permission.KEYS_WRITE)
    def revoke(self, key_id: str) -> None:
        """Make a key useless from now on.

        Raises:
            NotFound: `key_unknown`.
            NotPermitted: `role_beyond_own`.
        """
        with self._write() as tx:
            before = api_keys.get(tx, key_id)
            self._require_power(tx, before.role)
            api_keys.revoke(tx, key_id, now=self._now())
            if before.revoked_at is None:
                self._audit(tx, "key:revoke", key_id, before=as_audited(before))

    @needs(Permission.KEYS_READ)
    def everyone(self) -> list[api_keys.ApiKey]:
        """Return the keys without their secrets, the oldest first."""
        with self._read() as tx:
            return api_keys.everyone(tx)

    def _require_power(self, tx: TenantWrite, role: str) -> None:
        hint = "ask somebody whose role may do as much, or use `sendopt key` where it runs"
        require_power(self._principal, role, roles.get(tx, role).permissions, hint=hint)


def _issued(tx: TenantWrite, key: str, under: Claim | None) -> IssuedKey:
    """Return a key as it is shown once, and note that its request has made it."""
    key_id = api_keys.id_of(key)
    if under is not None:
        requests.note_issued(tx, under, key_id)
    return IssuedKey(key, api_keys.get(tx, key_id))
