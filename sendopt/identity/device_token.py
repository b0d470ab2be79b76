"""Tokens that a tenant's server has made for the browser of one of its users.

A token reads `so_dev_<key id>.<what it says>.<mac>`. What it says is whose it is and how long; the
mac is by a key of this service, so that nobody can make one up, and no store is asked to read one.
Keys are those of links, which an operator can change, turned into others: what is signed for the
one purpose is worth nothing for the other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sendopt.identity.refusal import TokenRefused
from sendopt.records import TenantId, UserId

PREFIX = "so_dev_"
#: 192 of HMAC-SHA256's 256 bits (RFC 2104, section 5, allows to cut to half).
_MAC_BYTES = 24
_TOKEN = re.compile(
    rf"{PREFIX}([A-Za-z0-9_-]{{1,16}})\.([A-Za-z0-9_-]{{1,2048}})\.([A-Za-z0-9_-]{{32}})", re.ASCII
)
_PURPOSE = b"sendopt device token 1"


@dataclass(frozen=True, slots=True)
class DeviceToken:
    """For whose devices a token is, and until when."""

    tenant_id: TenantId
    user_id: UserId
    issued_at: datetime
    expires_at: datetime


class DeviceTokenSigner:
    """Makes and reads tokens. Several keys may be valid, so that keys can be changed.

    Args:
        keys: of links, by their ids.
        current: the id of the one that signs.
    """

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        self._keys = {
            key_id: hmac.digest(key, _PURPOSE, hashlib.sha256) for key_id, key in keys.items()
        }
        self._current = current

    def token(self, said: DeviceToken) -> str:
        told = [
            said.tenant_id,
            said.user_id,
            int(said.issued_at.timestamp()),
            int(said.expires_at.timestamp()),
        ]
        text = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        body = base64.urlsafe_b64encode(text).decode().rstrip("=")
        return f"{PREFIX}{self._current}.{body}.{self._mac(self._current, body)}"

    def read(self, token: str, *, now: datetime) -> DeviceToken:
        """Return what a token says.

        Raises:
            TokenRefused: it is none of ours, or its time is over.
        """
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise TokenRefused("malformed")
        key_id, body, mac = match.groups()
        if key_id not in self._keys or not hmac.compare_digest(self._mac(key_id, body), mac):
            raise TokenRefused("signature_wrong")
        try:
            text = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
            tenant_id, user_id, issued_at, expires_at = json.loads(text)
        except (ValueError, binascii.Error) as error:
            raise TokenRefused("malformed") from error
        said = DeviceToken(
            TenantId(tenant_id),
            UserId(user_id),
            datetime.fromtimestamp(issued_at, UTC),
            datetime.fromtimestamp(expires_at, UTC),
        )
        if said.expires_at <= now:
            raise TokenRefused("expired")
        return said

    def _mac(self, key_id: str, body: str) -> str:
        digest = hmac.digest(self._keys[key_id], f"{key_id}.{body}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:_MAC_BYTES]).decode()
