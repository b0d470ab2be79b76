"""Keys of operators: given out and withdrawn, never with more power than one's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sendopt.app.subject import OperatorSubject, needs
from sendopt.errors import NotPermitted
from sendopt.records import OPERATOR_PERMISSIONS_OF, OperatorPermission, OperatorRole
from sendopt.state import operator_keys
from sendopt.state.operator_keys import OperatorKey


@dataclass(frozen=True, slots=True)
class IssuedOperatorKey:
    """A key as it is shown once, and what is listed of it afterwards."""

    key: str
    listed: OperatorKey


class OperatorKeys(OperatorSubject):
    """Who may run the service from elsewhere."""

    @needs(OperatorPermission.OPERATOR_KEYS_WRITE)
    def issue(
        self, name: str, *, role: str = OperatorRole.OPERATOR, lifetime: timedelta | None = None
    ) -> IssuedOperatorKey:
        """Make a key; only its hash is kept. Without a lifetime it never ends.

        Raises:
            InvalidInput: `role_unknown`, `text_invalid`, `key_expired`.
            NotPermitted: `role_beyond_own`.
        """
        now = self._now()
        with self._stores.state.write_fleet() as tx:
            key = operator_keys.issue(
                tx,
                name=name,
                role=role,
                expires_at=None if lifetime is None else now + lifetime,
                now=now,
                random_bytes=self._stores.random_bytes,
            )
            self._require_power(role)
            listed = operator_keys.get(tx, operator_keys.id_of(key))
            self._audit(tx, "operator_key:issue", listed.key_id, after=_told(listed))
            return IssuedOperatorKey(key, listed)

    @needs(OperatorPermission.OPERATOR_KEYS_WRITE)
    def revoke(self, key_id: str) -> None:
        """Make a key useless from now on.

        Raises:
            NotFound: `key_unknown`.
            NotPermitted: `role_beyond_own`.
        """
        with self._stores.state.write_fleet() as tx:
            before = operator_keys.get(tx, key_id)
            self._require_power(before.role)
            operator_keys.revoke(tx, key_id, now=self._now())
            if before.revoked_at is None:
                self._audit(tx, "operator_key:revoke", key_id, before=_told(before))

    @needs(OperatorPermission.OPERATOR_KEYS_READ)
    def everyone(self) -> list[OperatorKey]:
        """Return the keys without their secrets, the oldest first."""
        with self._stores.state.read_fleet() as tx:
            return operator_keys.everyone(tx)

    def _require_power(self, role: str) -> None:
        beyond = OPERATOR_PERMISSIONS_OF[OperatorRole(role)] - self._principal.permissions
        if beyond:
            raise NotPermitted(
                f"the role {role} may do more than {self._principal.role}: "
                f"{', '.join(sorted(beyond))}",
                code="role_beyond_own",
                field="role",
                expected="a role that may do no more than that of the key which asks",
                hint="use `sendopt operator key` where it runs",
            )


def _told(key: OperatorKey) -> dict[str, Any]:
    """Return what the audit says of a key."""
    ends = key.expires_at
    return {
        "name": key.name,
        "role": key.role,
        "expires_at": None if ends is None else ends.isoformat(),
    }
