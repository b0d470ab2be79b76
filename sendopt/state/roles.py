"""The roles that a tenant made for itself, beside those that every tenant has."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

import sqlalchemy as sa

from sendopt.errors import Conflict, InvalidInput, NotFound
from sendopt.records import PERMISSIONS_OF, BuiltInRole, Permission
from sendopt.state import tenants
from sendopt.state.tables import api_key, role
from sendopt.state.transaction import TenantRead, TenantWrite

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class Role:
    """A name for what somebody may do."""

    name: str
    permissions: frozenset[Permission]
    built_in: bool


def put(tx: TenantWrite, name: str, permissions: Collection[str], *, now: datetime) -> Role:
    """Make a role of the tenant's own, or give it other permissions; its keys have them at once.

    Raises:
        NotFound: `tenant_unknown`.
        InvalidInput: `role_invalid`, `role_built_in`, `permission_unknown`.
    """
    tenants.lock(tx)
    _refuse_built_in(name)
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "this is no name for a role",
            code="role_invalid",
            field="name",
            expected="1 to 63 of a-z, 0-9 and _, beginning with a letter",
        )
    made = Role(name, _known(permissions), built_in=False)
    tx.execute(sa.delete(role).where(tx.owns(role), role.c.name == name))
    tx.execute(
        sa.insert(role).values(
            tenant_id=tx.tenant_id, name=name, permissions=sorted(made.permissions), made_at=now
        )
    )
    return made


def get(tx: TenantRead, name: str) -> Role:
    """Return a role, built in or the tenant's own.

    Raises:
        NotFound: `role_unknown`.
    """
    if name in PERMISSIONS_OF:
        return _built_in(BuiltInRole(name))
    held = tx.scalar(sa.select(role.c.permissions).where(tx.owns(role), role.c.name == name))
    if held is None:
        raise NotFound(
            f"there is no role {name}",
            code="role_unknown",
            field="role",
            expected=", ".join(each.name for each in everyone(tx)),
        )
    return _own(name, held)


def everyone(tx: TenantRead) -> list[Role]:
    """Return the built-in roles, and behind them the tenant's own by name."""
    rows = tx.execute(
        sa.select(role.c.name, role.c.permissions).where(tx.owns(role)).order_by(role.c.name)
    )
    return [*map(_built_in, BuiltInRole), *(_own(row.name, row.permissions) for row in rows)]


def delete(tx: TenantWrite, name: str) -> None:
    """Forget a role of the tenant's own.

    Raises:
        NotFound: `role_unknown`.
        InvalidInput: `role_built_in`.
        Conflict: `role_in_use`, while a key that was not revoked has it.
    """
    tenants.lock(tx)
    _refuse_built_in(name)
    keys = tx.scalars(
        sa.select(api_key.c.key_id)
        .where(tx.owns(api_key), api_key.c.role == name, api_key.c.revoked_at.is_(None))
        .order_by(api_key.c.key_id)
    ).all()
    if keys:
        raise Conflict(
            f"the role {name} is that of the keys {', '.join(keys)}",
            code="role_in_use",
            field="name",
            hint="revoke them first",
        )
    if tx.execute(sa.delete(role).where(tx.owns(role), role.c.name == name)).rowcount == 0:
        get(tx, name)  # says which roles there are


def _refuse_built_in(name: str) -> None:
    if name in PERMISSIONS_OF:
        raise InvalidInput(
            f"{name} is a role that every tenant has, and stays as it is",
            code="role_built_in",
            field="name",
            expected="a name of your own",
        )


def _built_in(name: BuiltInRole) -> Role:
    return Role(name.value, PERMISSIONS_OF[name], built_in=True)


def _own(name: str, held: Collection[str]) -> Role:
    """Return a stored role; permissions that this release does not know allow nothing."""
    return Role(name, frozenset(each for each in Permission if each in held), built_in=False)


def _known(names: Collection[str]) -> frozenset[Permission]:
    unknown = sorted({*names} - {*Permission})
    if unknown or not names:
        near = [match for name in unknown for match in get_close_matches(name, [*Permission], n=1)]
        raise InvalidInput(
            f"no permission is called {', '.join(unknown)}"
            if unknown
            else "no permission is named",
            code="permission_unknown",
            field="permissions",
            expected=", ".join(Permission),
            hint=f"did you mean {', '.join(near)}?" if near else None,
        )
    return frozenset(map(Permission, names))
