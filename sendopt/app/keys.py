"""Keys of the REST API: given out, renewed and withdrawn, never with more power than one's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sendopt.app.subject import Subject, needs
from sendopt.errors import NotPermitted
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
            self._audit(tx, "key:issue", issued.listed.key_id, after=_told(issued.listed))
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
            after = _told(api_keys.get(tx, key_id)) | {"successor": issued.listed.key_id}
            self._audit(tx, "key:rotate", key_id, before=_told(before), after=after)
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
                self._audit(tx, "key:revoke", key_id, before=_told(before))

    @needs(Permission.KEYS_READ)
    def everyone(self) -> list[api_keys.ApiKey]:
        """Return the keys without their secrets, the oldest first."""
        with self._read() as tx:
            return api_keys.everyone(tx)

    def _require_power(self, tx: TenantWrite, role: str) -> None:
        """Refuse to deal with keys of a role that may do what the principal may not.

        Else an administrator could give itself an owner's key, or lock the owners out.
        """
        beyond = roles.get(tx, role).permissions - self._principal.permissions
        if beyond:
            own = self._principal.role
            raise NotPermitted(
                f"the role {role} may do more than {own}: {', '.join(sorted(beyond))}",
                code="role_beyond_own",
                field="role",
                expected="a role that may do no more than that of the key which asks",
                hint="ask somebody whose role may do as much, or use `sendopt key` where it runs",
            )


def _issued(tx: TenantWrite, key: str, under: Claim | None) -> IssuedKey:
    """Return a key as it is shown once, and note that its request has made it."""
    key_id = api_keys.id_of(key)
    if under is not None:
        requests.note_issued(tx, under, key_id)
    return IssuedKey(key, api_keys.get(tx, key_id))


def _told(key: api_keys.ApiKey) -> dict[str, Any]:
    """Return what the audit says of a key."""
    ends = key.expires_at
    return {
        "name": key.name,
        "role": key.role,
        "expires_at": None if ends is None else ends.isoformat(),
    }
