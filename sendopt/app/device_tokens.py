"""Tokens with which a browser speaks for one user of the tenant, and for nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sendopt.app.subject import Subject, needs
from sendopt.identity.device_token import DeviceToken
from sendopt.records import Permission, UserId
from sendopt.state import users


@dataclass(frozen=True, slots=True)
class IssuedDeviceToken:
    """A token, and when it ends."""

    token: str
    expires_at: datetime


class DeviceTokens(Subject):
    """What the tenant's server hands to a browser whose user it knows."""

    @needs(Permission.DEVICE_TOKENS_WRITE)
    def issue(self, user_id: UserId, *, lifetime: timedelta) -> IssuedDeviceToken:
        """Make a token for a user, who is created where unknown; it ends with the user too.

        Nothing of it is stored: it is signed with the keys of the home, and ends with them.

        Raises:
            InvalidInput: `secrets_unusable`.
            Conflict: `user_erased`.
        """
        signer = self._stores.device_token_signer
        now = self._now().replace(microsecond=0)
        said = DeviceToken(self._tenant_id, user_id, now, now + lifetime)
        with self._write() as tx:
            users.ensure(tx, user_id, now=now)
        return IssuedDeviceToken(signer.token(said), said.expires_at)
