"""`sendopt tenant`, `key` and `role`: whose data is whose, and who may do what."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sendopt.cli.options import (
    AsJson,
    Home,
    Tenant,
    open_home,
    open_known_work,
    open_operator,
    who_asks,
)
from sendopt.cli.output import minute, print_json, print_table, stdout
from sendopt.clock import parse_duration
from sendopt.records import BuiltInRole, OperatorRole, Permission, TenantId

if TYPE_CHECKING:
    from sendopt.state.roles import Role

KeyName = Annotated[
    str, typer.Argument(metavar="NAME", help="What the key is for; shown in lists.")
]
ExpiresIn = Annotated[
    str | None,
    typer.Option("--expires-in", metavar="TIME", help="Such as 90d; without it, never."),
]
KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="The middle part of the key.")]
RoleName = Annotated[str, typer.Argument(metavar="NAME", help="Of the role, as keys name it.")]


def register(commands: typer.Typer) -> None:
    """Add these commands."""
    tenant = typer.Typer(help="Whose data is whose.", no_args_is_help=True)
    tenant.command("create")(create_tenant)
    tenant.command("list")(list_tenants)
    commands.add_typer(tenant, name="tenant")
    key = typer.Typer(help="Keys of the REST API.", no_args_is_help=True)
    key.command("issue")(issue_key)
    key.command("list")(list_keys)
    key.command("rotate")(rotate_key)
    key.command("revoke")(revoke_key)
    commands.add_typer(key, name="key")
    role = typer.Typer(help="What the holder of a key may do.", no_args_is_help=True)
    role.command("list")(list_roles)
    role.command("put")(put_role)
    role.command("delete")(delete_role)
    commands.add_typer(role, name="role")
    operator = typer.Typer(help="Who may run the service from elsewhere.", no_args_is_help=True)
    keys = typer.Typer(help="Keys of operators, for /v1/operator.", no_args_is_help=True)
    keys.command("issue")(issue_operator_key)
    keys.command("list")(list_operator_keys)
    keys.command("revoke")(revoke_operator_key)
    operator.add_typer(keys, name="key")
    commands.add_typer(operator, name="operator")


def create_tenant(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The tenant's id.")],
    timezone: Annotated[
        str,
        typer.Option(
            "--timezone", metavar="ZONE", help="IANA zone of users whose own zone is unknown."
        ),
    ] = "UTC",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Create a tenant."""
    operator = open_home(home).as_operator(actor=who_asks())
    created = operator.create_tenant(TenantId(name), timezone=timezone)
    if as_json:
        print_json({"tenant_id": name, "created": created})
    else:
        stdout.print(f"{name}: {'created' if created else 'was there already'}")


def list_tenants(home: Home = None, as_json: AsJson = False) -> None:
    """Show every tenant."""
    found = open_operator(home).tenants()
    if as_json:
        print_json({"tenants": found})
        return
    print_table(
        "Tenants",
        ["tenant", "zone", "created"],
        [(each.tenant_id, each.timezone, minute(each.created_at)) for each in found],
        empty="none; `sendopt tenant create NAME` makes one",
    )


def issue_key(
    name: KeyName,
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="What it may do: `sendopt role list`.")
    ] = BuiltInRole.OWNER.value,
    expires_in: ExpiresIn = None,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Make an API key. It is shown this once; only its hash is kept."""
    lifetime = _lifetime(expires_in)
    key = open_known_work(home, tenant).keys.issue(name, role=role, lifetime=lifetime).key
    if as_json:
        print_json({"tenant_id": tenant, "key": key})
    else:
        stdout.print(key)


def list_keys(home: Home = None, tenant: Tenant = "default", as_json: AsJson = False) -> None:
    """Show the tenant's keys, the oldest first; never their secrets."""
    keys = open_known_work(home, tenant).keys.everyone()
    if as_json:
        print_json({"tenant_id": tenant, "keys": keys})
        return
    print_table(
        f"Keys of {tenant}",
        ["key id", "name", "role", "created", "last used", "ends"],
        [
            (
                key.key_id,
                key.name,
                key.role,
                _day(key.created_at),
                _day(key.last_used_at),
                "revoked" if key.revoked_at else _day(key.expires_at),
            )
            for key in keys
        ],
        empty="none; `sendopt key issue NAME` makes one",
    )


def rotate_key(
    key_id: KeyId,
    overlap: Annotated[
        str,
        typer.Option("--overlap", metavar="TIME", help="How long the old key goes on, such as 7d."),
    ] = "7d",
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Make the successor of a key, of the same name and role; the old one ends a while later."""
    successor = (
        open_known_work(home, tenant)
        .keys.rotate(key_id, overlap=parse_duration(overlap, field="--overlap"))
        .key
    )
    if as_json:
        print_json({"tenant_id": tenant, "key": successor})
    else:
        stdout.print(successor)


def revoke_key(
    key_id: KeyId,
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Make a key useless from now on."""
    open_known_work(home, tenant).keys.revoke(key_id)
    if as_json:
        print_json({"tenant_id": tenant, "key_id": key_id, "revoked": True})
    else:
        stdout.print(f"{key_id}: revoked")


def list_roles(home: Home = None, tenant: Tenant = "default", as_json: AsJson = False) -> None:
    """Show which roles there are, and what each may do."""
    found = open_known_work(home, tenant).roles.everyone()
    if as_json:
        print_json({"tenant_id": tenant, "roles": [_told(each) for each in found]})
        return
    print_table(
        f"Roles of {tenant}",
        ["role", "may"],
        [(role.name, _in_words(role.permissions)) for role in found],
    )


def put_role(
    name: RoleName,
    permissions: Annotated[
        list[str],
        typer.Argument(metavar="PERMISSION...", help="Such as sends:read; any number of them."),
    ],
    home: Home = None,
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """Make a role of the tenant's own, or change what it may do; its keys follow at once."""
    made = open_known_work(home, tenant).roles.put(name, permissions)
    if as_json:
        print_json({"tenant_id": tenant, "role": _told(made)})
    else:
        stdout.print(f"{made.name}: {_in_words(made.permissions)}")


def delete_role(
    name: RoleName, home: Home = None, tenant: Tenant = "default", as_json: AsJson = False
) -> None:
    """Forget a role of the tenant's own that no key has any more."""
    open_known_work(home, tenant).roles.delete(name)
    if as_json:
        print_json({"tenant_id": tenant, "name": name, "deleted": True})
    else:
        stdout.print(f"{name}: deleted")


def _lifetime(expires_in: str | None) -> timedelta | None:
    return None if expires_in is None else parse_duration(expires_in, field="--expires-in")


def _told(role: Role) -> dict[str, Any]:
    return {
        "name": role.name,
        "permissions": sorted(role.permissions),
        "built_in": role.built_in,
    }


def issue_operator_key(
    name: KeyName,
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="operator, or observer, who only reads.")
    ] = OperatorRole.OPERATOR.value,
    expires_in: ExpiresIn = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Make a key of an operator, which opens no tenant. It is shown this once."""
    lifetime = _lifetime(expires_in)
    key = open_operator(home).keys.issue(name, role=role, lifetime=lifetime).key
    if as_json:
        print_json({"key": key})
    else:
        stdout.print(key)


def list_operator_keys(home: Home = None, as_json: AsJson = False) -> None:
    """Show the keys of operators, the oldest first; never their secrets."""
    keys = open_operator(home).keys.everyone()
    if as_json:
        print_json({"keys": keys})
        return
    print_table(
        "Keys of operators",
        ["key id", "name", "role", "created", "ends"],
        [
            (
                key.key_id,
                key.name,
                key.role,
                _day(key.created_at),
                "revoked" if key.revoked_at else _day(key.expires_at),
            )
            for key in keys
        ],
        empty="none; `sendopt operator key issue NAME` makes one",
    )


def revoke_operator_key(key_id: KeyId, home: Home = None) -> None:
    """Make a key of an operator useless from now on."""
    open_operator(home).keys.revoke(key_id)
    stdout.print(f"{key_id}: revoked")


def _in_words(permissions: Iterable[Permission]) -> str:
    held = frozenset(permissions)
    return "everything" if held == frozenset(Permission) else " ".join(sorted(held))


def _day(instant: datetime | None) -> str | None:
    return None if instant is None else f"{instant:%Y-%m-%d}"
