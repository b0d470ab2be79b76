"""Reads addresses of devices, as far as their form tells whether a provider can use them.

Addresses come from whoever holds an installation. A URL among them may not lead into our own
network: here it must be https and a public name; what the name resolves to is checked each time
a provider connects.
"""

from __future__ import annotations

import base64
import re
from typing import Any, assert_never

from cryptography.hazmat.primitives.asymmetric import ec

from sendopt.errors import InvalidInput
from sendopt.records import Channel
from sendopt.strict_json import StrictModel, validate
from sendopt.text import split_url, url_not_allowed

#: At least two labels, the last of which is no number: "127.1" and "0x7f.1" are addresses.
_NAME = re.compile(r"([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]{1,62}")
#: Names of one's own network (RFC 6761, 6762, 8375; the last four by custom).
_OWN_NETWORK = tuple(
    f".{name}"
    for name in ("localhost", "local", "home.arpa", "internal", "localdomain", "lan", "corp")
)
_POINT_BYTES = 65  # on P-256, uncompressed (RFC 8291, section 2.1)
_AUTH_SECRET_BYTES = 16  # RFC 8291, section 3.2
_WEBHOOK_SECRET_BYTES = range(24, 65)  # Standard Webhooks, "Signature scheme"


class BrowserKeys(StrictModel):
    """The keys of a push subscription, base64url."""

    p256dh: str
    auth: str


class BrowserAddress(StrictModel):
    """What `PushSubscription.toJSON()` gives in a browser."""

    endpoint: str
    keys: BrowserKeys
    expirationTime: float | None = None  # noqa: N815 - the browser's word; the service tells us


class WebhookAddress(StrictModel):
    """A server of the tenant's, and the secret with which it knows us (Standard Webhooks)."""

    url: str
    secret: str


class SimulatorAddress(StrictModel):
    """Nothing: a simulated device is known by its user."""


def parse_address(
    channel: Channel, address: Any, *, allow_private_addresses: bool
) -> dict[str, Any]:
    """Return the part of `address` that a provider needs.

    Raises:
        InvalidInput: `token_invalid` (keys or secret), `url_not_allowed`, `missing_field`,
            `unknown_field`, `wrong_type`; none repeats what it refuses.
    """
    match channel:
        case Channel.WEB_PUSH:
            browser = validate(BrowserAddress, address, at="/address")
            _check_url(browser.endpoint, "/address/endpoint", private=allow_private_addresses)
            _check_point(browser.keys.p256dh, "/address/keys/p256dh")
            _check_bytes(browser.keys.auth, _AUTH_SECRET_BYTES, "/address/keys/auth")
            return {"endpoint": browser.endpoint, "keys": dict(browser.keys)}
        case Channel.WEBHOOK:
            webhook = validate(WebhookAddress, address, at="/address")
            _check_url(webhook.url, "/address/url", private=allow_private_addresses)
            _check_webhook_secret(webhook.secret, "/address/secret")
            return dict(webhook)
        case Channel.SIMULATOR:
            return dict(validate(SimulatorAddress, address, at="/address"))
        case _:
            assert_never(channel)


def _check_url(url: str, field: str, *, private: bool) -> None:
    parts = split_url(url, field=field)
    if parts.fragment:
        raise url_not_allowed("no fragment", field)
    if private:
        return
    if parts.scheme != "https":
        raise url_not_allowed("https", field)
    if parts.port is not None and parts.port != 443 and parts.port < 1024:
        raise url_not_allowed("port 443, or one above 1023", field)
    host = parts.hostname or ""
    if not _NAME.fullmatch(host) or host.endswith(_OWN_NETWORK):
        raise url_not_allowed("a public host name such as push.example.com, no IP address", field)


def _check_point(text: str, field: str) -> None:
    point = _check_bytes(text, _POINT_BYTES, field)
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise _unusable(field, "an uncompressed point on P-256") from error


def _check_bytes(text: str, length: int, field: str) -> bytes:
    """Decode base64url, or base64 as some libraries hand it on, padded or not."""
    expected = f"{length} bytes as base64url"
    unpadded = text.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        decoded = base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), b"-_", validate=True)
    except ValueError as error:
        raise _unusable(field, expected) from error
    if len(decoded) != length:
        raise _unusable(field, expected)
    return decoded


def _check_webhook_secret(secret: str, field: str) -> None:
    expected = "whsec_ and then 24 to 64 bytes as base64"
    before, prefix, encoded = secret.partition("whsec_")
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise _unusable(field, expected) from error
    if before or not prefix or len(key) not in _WEBHOOK_SECRET_BYTES:
        raise _unusable(field, expected)


def _unusable(field: str, expected: str) -> InvalidInput:
    return InvalidInput("is of no use", code="token_invalid", field=field, expected=expected)
