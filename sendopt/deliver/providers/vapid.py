"""VAPID: prove to a push service who sends (RFC 8292)."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from sendopt.errors import InvalidInput
from sendopt.text import quoted

#: RFC 8292, section 2: at most 24 hours. Push services' clocks differ, so well below it.
_TOKEN_LIFETIME = timedelta(hours=12)
#: Push services ask for tokens to be reused; the last hour is left as a margin.
_RENEW_BEFORE_END = timedelta(hours=1)
_COORDINATE_BYTES = 32  # of P-256


class Vapid:
    """Signs for one application server; keeps one token for each push service's origin.

    Args:
        private_key_pem: P-256 key in PKCS #8; every subscription is bound to it.
        subject: `mailto:` or `https:` contact for push services. Some refuse messages without it.

    Raises:
        InvalidInput: `vapid_invalid`, if either cannot be used.
    """

    def __init__(self, private_key_pem: str, subject: str = "") -> None:
        self._private_key = _load(private_key_pem)
        if subject and not subject.startswith(("mailto:", "https:")):
            raise InvalidInput(
                f"{quoted(subject)} is no contact",
                code="vapid_invalid",
                expected="mailto:you@example.com or https://example.com/contact",
            )
        self._subject = subject
        self._tokens: dict[str, tuple[datetime, str]] = {}

    @property
    def application_server_key(self) -> str:
        """The public key that a browser must be given to subscribe (Push API)."""
        public_key = self._private_key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return base64url(public_key)

    def authorization(self, endpoint: str, *, now: datetime) -> str:
        """Return the `Authorization` header for `endpoint` (RFC 8292, section 3)."""
        origin = origin_of(endpoint)
        ends_at, token = self._tokens.get(origin, (now, ""))
        if now + _RENEW_BEFORE_END >= ends_at or now < ends_at - _TOKEN_LIFETIME:
            ends_at = now + _TOKEN_LIFETIME
            token = self._sign(origin, ends_at)
            self._tokens[origin] = ends_at, token
        return f"vapid t={token}, k={self.application_server_key}"

    def _sign(self, origin: str, ends_at: datetime) -> str:
        signed = signing_input(origin, int(ends_at.timestamp()), self._subject)
        signature = self._private_key.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
        # JWS wants the two numbers side by side, not in DER (RFC 7518, section 3.4).
        raw = b"".join(
            number.to_bytes(_COORDINATE_BYTES) for number in decode_dss_signature(signature)
        )
        return f"{signed}.{base64url(raw)}"


def signing_input(origin: str, expires: int, subject: str) -> str:
    """Return header and claims of the token; `expires` in seconds since 1970 (RFC 8292, 2)."""
    header = {"typ": "JWT", "alg": "ES256"}
    claims = {"aud": origin, "exp": expires, **({"sub": subject} if subject else {})}
    return ".".join(
        base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims)
    )


def origin_of(url: str) -> str:
    """Return scheme, host and port as browsers write them (RFC 6454, section 6.2).

    >>> origin_of("https://Push.example.net:443/p/abc")
    'https://push.example.net'
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + (
        f":{parts.port}" if parts.port not in {None, usual} else ""
    )


def base64url(data: bytes) -> str:
    """Encode without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _load(private_key_pem: str) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(private_key_pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise _unusable() from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise _unusable()
    return key


def _unusable() -> InvalidInput:
    return InvalidInput(
        "the VAPID key cannot be used", code="vapid_invalid", expected="a P-256 private key in PEM"
    )
