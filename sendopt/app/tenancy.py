"""Use cases of the operator: tenants and their keys."""

from __future__ import annotations

from sendopt.app.stores import Stores
from sendopt.records import TenantId
from sendopt.state import tenants


class Tenancy(Stores):
    """Whose data is whose, and who may speak for whom."""

    def create_tenant(self, tenant_id: TenantId, *, timezone: str) -> bool:
        """Create a tenant; False if it was there already."""
        with self.state.write() as tx:
            return tenants.create(tx, tenant_id, timezone=timezone, now=self.clock.now())

    def issue_key(self, tenant_id: TenantId, name: str) -> str:
        """Make an API key and return it; only its hash is kept.

        Raises:
            NotFound: `tenant_unknown`.
        """
        with self.state.write() as tx:
            return tenants.issue_key(
                tx, tenant_id, name=name, now=self.clock.now(), random_bytes=self.random_bytes
            )

    def revoke_key(self, tenant_id: TenantId, key_id: str) -> None:
        """Make a key useless from now on.

        Raises:
            NotFound: `key_unknown`.
        """
        with self.state.write() as tx:
            tenants.revoke_key(tx, tenant_id, key_id, now=self.clock.now())

    def authenticate(self, key: str) -> TenantId:
        """Return whose key this is.

        Raises:
            NotAuthorized: whatever is wrong with it.
        """
        with self.state.read() as tx:
            return tenants.authenticate(tx, key)

    def keys(self, tenant_id: TenantId) -> list[tenants.ApiKey]:
        """Return the tenant's keys without their secrets, the oldest first.

        Raises:
            NotFound: `tenant_unknown`.
        """
        with self.state.read() as tx:
            tenants.get(tx, tenant_id)
            return tenants.keys(tx, tenant_id)
