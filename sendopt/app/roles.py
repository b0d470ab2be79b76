"""Roles: the built-in ones, and the tenant's own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sendopt.app.subject import Subject, needs
from sendopt.errors import NotPermitted
from sendopt.records import Permission
from sendopt.state import roles
from sendopt.state.roles import Role


class Roles(Subject):
    """What the holder of a key may do."""

    @needs(Permission.KEYS_READ)
    def everyone(self) -> list[Role]:
        """Return the built-in roles, and the tenant's own."""
        with self._read() as tx:
            return roles.everyone(tx)

    @needs(Permission.KEYS_WRITE)
    def put(self, name: str, permissions: Collection[str]) -> Role:
        """Make a role of the tenant's own, or change what it may do; its keys follow at once.

        Raises:
            InvalidInput: `role_invalid`, `role_built_in`, `permission_unknown`.
            NotPermitted: `role_beyond_own`.
        """
        with self._write() as tx:
            before = next((each for each in roles.everyone(tx) if each.name == name), None)
            made = roles.put(tx, name, permissions, now=self._now())
            beyond = made.permissions - self._principal.permissions
            if beyond:
                raise NotPermitted(
                    f"{self._principal.role} may not do this itself: {', '.join(sorted(beyond))}",
                    code="role_beyond_own",
                    field="permissions",
                    expected="no more than one may do oneself",
                    hint="ask somebody who may do as much",
                )
            if made != before:
                self._audit(
                    tx,
                    "role:put",
                    name,
                    before=None if before is None else _told(before),
                    after=_told(made),
                )
            return made

    @needs(Permission.KEYS_WRITE)
    def delete(self, name: str) -> None:
        """Forget a role of the tenant's own.

        Raises:
            NotFound: `role_unknown`.
            Conflict: `role_in_use`.
        """
        with self._write() as tx:
            before = roles.get(tx, name)
            roles.delete(tx, name)
            self._audit(tx, "role:delete", name, before=_told(before))


def _told(role: Role) -> dict[str, Any]:
    """Return what the audit says of a role."""
    return {"permissions": sorted(role.permissions)}
