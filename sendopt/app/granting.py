"""Use cases of whoever gives keys to others over REST: never more power than its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import Field

from sendopt.app.tenancy import Tenancy
from sendopt.errors import NotPermitted
from sendopt.ingest.fields import Text
from sendopt.records import Principal
from sendopt.state import TenantWrite, api_keys, roles
from sendopt.strict_json import StrictModel, validate


class KeyBody(StrictModel):
    """A key to be issued, as JSON."""

    name: Text  # what its owner will recognise it by
    role: Text
    expires_in_days: int | None = Field(default=None, ge=1, le=3_660)  # null = never


class RotationBody(StrictModel):
    """How long a key goes on beside its successor, as JSON."""

    overlap_hours: int = Field(ge=0, le=8_784)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key as it is shown once, and what is listed of it afterwards."""

    key: str
    listed: api_keys.ApiKey


class Granting(Tenancy):
    """Keys that the holder of one gives out, renews and withdraws."""

    def grant_key(self, who: Principal, body: Any) -> IssuedKey:
        """Issue a key.

        Raises:
            InvalidInput: as `strict_json.validate`.
            NotFound: `role_unknown`.
            NotPermitted: `role_beyond_own`.
        """
        asked = validate(KeyBody, body)
        now = self.clock.now()
        days = asked.expires_in_days
        with self.state.write(who.tenant_id) as tx:
            _require_power(tx, who, asked.role)
            key = api_keys.issue(
                tx,
                name=asked.name,
                role=asked.role,
                expires_at=None if days is None else now + timedelta(days=days),
                now=now,
                random_bytes=self.random_bytes,
            )
            return IssuedKey(key, api_keys.get(tx, api_keys.id_of(key)))

    def rotate_granted_key(self, who: Principal, key_id: str, body: Any) -> IssuedKey:
        """Issue the successor of a key, which itself ends after the overlap.

        Raises:
            InvalidInput: as `strict_json.validate`.
            NotFound: `key_unknown`.
            Conflict: `key_dead`, `rotation_under_way`.
            NotPermitted: `role_beyond_own`.
        """
        overlap = timedelta(hours=validate(RotationBody, body).overlap_hours)
        now = self.clock.now()
        with self.state.write(who.tenant_id) as tx:
            _require_power(tx, who, api_keys.get(tx, key_id).role)
            key = api_keys.rotate(
                tx, key_id, ends_at=now + overlap, now=now, random_bytes=self.random_bytes
            )
            return IssuedKey(key, api_keys.get(tx, api_keys.id_of(key)))

    def revoke_granted_key(self, who: Principal, key_id: str) -> None:
        """Make a key useless from now on.

        Raises:
            NotFound: `key_unknown`.
            NotPermitted: `role_beyond_own`.
        """
        with self.state.write(who.tenant_id) as tx:
            _require_power(tx, who, api_keys.get(tx, key_id).role)
            api_keys.revoke(tx, key_id, now=self.clock.now())


def _require_power(tx: TenantWrite, who: Principal, role: str) -> None:
    """Refuse to deal with keys of a role that may do what `who` may not.

    Else an administrator could give itself an owner's key, or lock the owners out.
    """
    beyond = roles.get(tx, role).permissions - who.permissions
    if beyond:
        raise NotPermitted(
            f"the role {role} may do more than {who.role}: {', '.join(sorted(beyond))}",
            code="role_beyond_own",
            field="role",
            expected="a role that may do no more than that of the key which asks",
            hint="ask somebody whose role may do as much, or use `sendopt key` where it runs",
        )
