"""Use cases of the operator: tenants, their keys, and what is held after a restore."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from sendopt.app.key_uses import KeyUses
from sendopt.app.state_store import HOME_ID_BYTES, StateStore, make_home
from sendopt.clock import Clock, SystemClock
from sendopt.records import BuiltInRole, Principal, TenantId
from sendopt.settings import Settings
from sendopt.state import api_keys, roles, tenants
from sendopt.state.hold import Held, held, hold, resume
from sendopt.state.home import part_from_twins, take_place
from sendopt.state.roles import Role
from sendopt.state.tenants import Tenant


@dataclass(frozen=True, slots=True)
class Decided:
    """What somebody decided about unfinished sends."""

    sends: int  # which that concerns: now held that were not, or let go
    held: Held  # from then on, all of them


def open_tenancy(
    settings: Settings,
    *,
    clock: Clock | None = None,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> Tenancy:
    """Open tenants and keys alone over `settings`, in a fraction of the time of the application.

    Raises:
        InvalidInput: `home_unusable`.
    """
    make_home(settings.home)
    return Tenancy(settings, clock or SystemClock(), random_bytes)


class Tenancy(StateStore):
    """Whose data is whose, and who may speak for whom."""

    @cached_property
    def _key_uses(self) -> KeyUses:
        return KeyUses()

    def create_tenant(self, tenant_id: TenantId, *, timezone: str) -> bool:
        """Create a tenant; False if it was there already."""
        with self.state.write_fleet() as tx:
            return tenants.create(tx, tenant_id, timezone=timezone, now=self.clock.now())

    def tenants(self) -> list[Tenant]:
        """Return every tenant, by name."""
        with self.state.read_fleet() as tx:
            return [tenants.get(tx.of(each)) for each in tenants.everyone(tx)]

    def issue_key(
        self,
        tenant_id: TenantId,
        name: str,
        *,
        role: str = BuiltInRole.OWNER,
        lifetime: timedelta | None = None,
    ) -> str:
        """Make an API key and return it; only its hash is kept. Without a lifetime it never ends.

        Raises:
            NotFound: `tenant_unknown`, `role_unknown`.
            InvalidInput: `key_expired`.
        """
        now = self.clock.now()
        with self.state.write(tenant_id) as tx:
            return api_keys.issue(
                tx,
                name=name,
                role=role,
                expires_at=None if lifetime is None else now + lifetime,
                now=now,
                random_bytes=self.random_bytes,
            )

    def revoke_key(self, tenant_id: TenantId, key_id: str) -> None:
        """Make a key useless from now on.

        Raises:
            NotFound: `key_unknown`.
        """
        with self.state.write(tenant_id) as tx:
            api_keys.revoke(tx, key_id, now=self.clock.now())

    def rotate_key(self, tenant_id: TenantId, key_id: str, *, overlap: timedelta) -> str:
        """Return the successor of a key, which itself ends after `overlap`.

        Raises:
            NotFound: `key_unknown`.
            Conflict: `key_dead`, `rotation_under_way`.
        """
        now = self.clock.now()
        with self.state.write(tenant_id) as tx:
            return api_keys.rotate(
                tx, key_id, ends_at=now + overlap, now=now, random_bytes=self.random_bytes
            )

    def authenticate(self, key: str) -> Principal:
        """Return who speaks with this key.

        Raises:
            NotAuthorized: whatever is wrong with it.
        """
        now = self.clock.now()
        with self.state.read_fleet() as tx:
            known = api_keys.authenticate(tx, key, now=now)
        self._key_uses.note(self.state, known, at=now)
        return known.principal

    def roles(self, tenant_id: TenantId) -> list[Role]:
        """Return the built-in roles, and the tenant's own.

        Raises:
            NotFound: `tenant_unknown`.
        """
        with self.state.read(tenant_id) as tx:
            tenants.get(tx)
            return roles.everyone(tx)

    def put_role(self, tenant_id: TenantId, name: str, permissions: Collection[str]) -> Role:
        """Make a role of the tenant's own, or change what it may do.

        Raises:
            NotFound: `tenant_unknown`.
            InvalidInput: `role_invalid`, `role_built_in`, `permission_unknown`.
        """
        with self.state.write(tenant_id) as tx:
            return roles.put(tx, name, permissions, now=self.clock.now())

    def delete_role(self, tenant_id: TenantId, name: str) -> None:
        """Forget a role of the tenant's own.

        Raises:
            NotFound: `role_unknown`.
            Conflict: `role_in_use`.
        """
        with self.state.write(tenant_id) as tx:
            roles.delete(tx, name)

    def keys(self, tenant_id: TenantId) -> list[api_keys.ApiKey]:
        """Return the tenant's keys without their secrets, the oldest first.

        Raises:
            NotFound: `tenant_unknown`.
        """
        with self.state.read(tenant_id) as tx:
            tenants.get(tx)
            return api_keys.everyone(tx)

    def hold(self) -> Decided:
        """Hold every unfinished send of every tenant: this is a copy, its original may be at work.

        It is another home than the original until `resume`, so that neither prunes the other's
        backups.
        """
        with self.state.write_fleet() as tx:
            now = self.clock.now()
            before = held(tx, now=now)
            hold(tx)
            part_from_twins(tx, self.random_bytes(HOME_ID_BYTES).hex())
            after = held(tx, now=now)
            return Decided(after.total - before.total, after)

    def resume(self, *, overdue: bool) -> Decided:
        """Let held sends go out that are due from now on.

        A home that was restored, or held as a copy, takes the place of its original, and at the
        same path its backups with it.

        Args:
            overdue: also those whose time has come, unless they have expired.
        """
        with self.state.write_fleet() as tx:
            now = self.clock.now()
            before = held(tx, now=now)
            resume(tx, now=now, overdue=overdue)
            take_place(tx)
            after = held(tx, now=now)
            return Decided(before.total - after.total, after)
