"""Keys of operators: given out and withdrawn, never with more power than one's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sendopt.app.giving_keys import as_audited, require_power
from sendopt.app.subject import OperatorSubject, needs
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
            self._audit(tx, "operator_key:issue", listed.key_id, after=as_audited(listed))
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
                self._audit(tx, "operator_key:revoke", key_id, before=as_audited(before))

    @needs(OperatorPermission.OPERATOR_KEYS_READ)
    def everyone(self) -> list[OperatorKey]:
        """Return the keys without their secrets, the oldest first."""
        with self._stores.state.read_fleet() as tx:
            return operator_keys.everyone(tx)

    def _require_power(self, role: str) -> None:
        permissions = OPERATOR_PERMISSIONS_OF[OperatorRole(role)]
        hint = "use `sendopt operator key` where it runs"
        require_power(self._principal, role, permissions, hint=hint)
