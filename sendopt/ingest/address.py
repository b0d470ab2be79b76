"""Reads addresses of devices, as far as their form tells whether a provider can use them.

Addresses come from whoever holds an installation. A URL among them may not lead into our own
network: here it must be https and a public name; what the name resolves to is checked each time
a provider connects.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import AfterValidator, ValidationInfo

from sendopt.errors import InvalidInput
from sendopt.records import Channel
from sendopt.strict_json import StrictModel, examined
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


def _check_url(url: str, *, private: bool) -> None:
    parts = split_url(url)
    if parts.fragment:
        raise url_not_allowed("no fragment", None)
    if private:
        return
    if parts.scheme != "https":
        raise _of_our_network("https")
    if parts.port is not None and parts.port != 443 and parts.port < 1024:
        raise url_not_allowed("port 443, or one above 1023", None)
    host = parts.hostname or ""
    if not _NAME.fullmatch(host) or host.endswith(_OWN_NETWORK):
        raise _of_our_network("a public host name such as push.example.com, no IP address")


def _of_our_network(expected: str) -> InvalidInput:
    """Return the refusal of a URL that only somebody at home can mean, and say how to try it."""
    return url_not_allowed(
        expected,
        None,
        hint="to try a receiver on this machine or in your own network, let sendopt run with "
        "SENDOPT_DELIVER__ALLOW_PRIVATE_ADDRESSES=true (docs/devices.md)",
    )


def _check_point(text: str) -> None:
    point = _check_bytes(text, _POINT_BYTES)
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise _unusable("an uncompressed point on P-256") from error


def _check_bytes(text: str, length: int) -> bytes:
    """Decode base64url, or base64 as some libraries hand it on, padded or not."""
    expected = f"{length} bytes as base64url"
    unpadded = text.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        decoded = base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), b"-_", validate=True)
    except ValueError as error:
        raise _unusable(expected) from error
    if len(decoded) != length:
        raise _unusable(expected)
    return decoded


def _check_webhook_secret(secret: str) -> None:
    expected = "whsec_ and then 24 to 64 bytes as base64"
    before, prefix, encoded = secret.partition("whsec_")
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise _unusable(expected) from error
    if before or not prefix or len(key) not in _WEBHOOK_SECRET_BYTES:
        raise _unusable(expected)


def _unusable(expected: str) -> InvalidInput:
    return InvalidInput("is of no use", code="token_invalid", expected=expected)


@dataclass(frozen=True)
class _Allowed:
    """What an address may be, beside what its form says."""

    private: bool  # also http, private addresses and this machine's own


def _url(value: str, info: ValidationInfo) -> str:
    allowed: _Allowed = info.context  # type: ignore[assignment]  # `read_address` gives it
    _check_url(value, private=allowed.private)
    return value


def _point(value: str) -> str:
    _check_point(value)
    return value


def _auth(value: str) -> str:
    _check_bytes(value, _AUTH_SECRET_BYTES)
    return value


def _webhook_secret(value: str) -> str:
    _check_webhook_secret(value)
    return value


class BrowserKeys(StrictModel):
    """The keys of a push subscription, base64url."""

    p256dh: Annotated[str, AfterValidator(_point)]
    auth: Annotated[str, AfterValidator(_auth)]


class BrowserAddress(StrictModel):
    """What `PushSubscription.toJSON()` gives in a browser."""

    endpoint: Annotated[str, AfterValidator(_url)]
    keys: BrowserKeys
    expirationTime: float | None = None  # noqa: N815 - the browser's word; the service tells us


class WebhookAddress(StrictModel):
    """A server of the tenant's, and the secret with which it knows us (Standard Webhooks)."""

    url: Annotated[str, AfterValidator(_url)]
    secret: Annotated[str, AfterValidator(_webhook_secret)]


class SimulatorAddress(StrictModel):
    """Nothing: a simulated device is known by its user."""


_MODELS: Mapping[Channel, type[StrictModel]] = {
    Channel.WEB_PUSH: BrowserAddress,
    Channel.WEBHOOK: WebhookAddress,
    Channel.SIMULATOR: SimulatorAddress,
}


def read_address(
    channel: Channel, address: Any, *, allow_private_addresses: bool
) -> tuple[dict[str, Any], list[InvalidInput]]:
    """Return the part of `address` that a provider needs, and all that is wrong with it.

    Faults are `token_invalid` (keys or secret), `url_not_allowed`, `missing_field`,
    `unknown_field`, `wrong_type`; none repeats what it refuses.
    """
    allowed = _Allowed(allow_private_addresses)
    read, faults = examined(_MODELS[channel], address, at="/address", context=allowed)
    if read is None:
        return {}, faults
    if isinstance(read, BrowserAddress):
        return {"endpoint": read.endpoint, "keys": dict(read.keys)}, []
    return dict(read), []
