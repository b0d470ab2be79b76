"""Web Push: browsers on every platform (RFC 8030, encrypted by RFC 8291, signed by RFC 8292).

The plaintext is JSON: `send_id`, `title`, `body`, and `url`, the signed link, if there is one. A
service worker shows it with `send_id` as the notification's tag, so that a message which arrives
twice is seen once.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec

from sendopt.clock import Clock
from sendopt.deliver.providers.answers import Meaning, StatusTable, exchange, prepare_all
from sendopt.deliver.providers.transport import Request, Transport, is_contactable
from sendopt.deliver.providers.vapid import Vapid, base64url
from sendopt.records import (
    Accepted,
    DeadAddress,
    Device,
    EndReason,
    Message,
    Outcome,
    Permanent,
    Retry,
)

#: Services must take bodies of 4,096 bytes (RFC 8030, section 7.2); 103 of them are encryption
#: (RFC 8291, section 4). Some bridges to phones take less and say so with 413.
MAX_PLAINTEXT_BYTES = 3993
#: Mozilla's autopush takes at most 30 days.
_MAX_TIME_TO_LIVE = timedelta(days=30)
#: The order of P-256 (FIPS 186-4, D.1.2.3): a private key lies below it.
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_POINT_BYTES = 65
_AUTH_BYTES = 16
_SALT_BYTES = 16

_RFC8030 = "RFC 8030, section "
_RFC8292 = "RFC 8292, section "
_RFC9110 = "RFC 9110, section "
_AUTOPUSH = "mozilla-services.github.io/autopush-rs/errors.html"

STATUSES: StatusTable = {
    201: Meaning(Accepted(), _RFC8030 + "5"),
    202: Meaning(Accepted(), _RFC8030 + "5.1"),
    2: Meaning(Accepted(), _RFC9110 + "15.3"),
    3: Meaning(Permanent(EndReason.REDIRECTED), _RFC9110 + "15.4"),
    400: Meaning(Permanent(EndReason.REQUEST_REFUSED), _AUTOPUSH),
    # Our key or our clock is wrong, not the subscription: the device stays.
    401: Meaning(Permanent(EndReason.VAPID_REFUSED), _AUTOPUSH),
    403: Meaning(Permanent(EndReason.VAPID_REFUSED), _RFC8292 + "4.2"),
    404: Meaning(DeadAddress(EndReason.SUBSCRIPTION_EXPIRED), _RFC8030 + "7.3"),
    406: Meaning(Retry("throttled"), "learn.microsoft.com, WNS response codes"),
    408: Meaning(Retry("request_timed_out"), _RFC9110 + "15.5.9"),
    410: Meaning(DeadAddress(EndReason.SUBSCRIPTION_GONE), _AUTOPUSH),
    413: Meaning(Permanent(EndReason.PAYLOAD_TOO_LARGE), _RFC8030 + "7.2"),
    429: Meaning(Retry("throttled"), _RFC8030 + "8.4"),
    4: Meaning(Permanent(EndReason.REQUEST_REFUSED), _RFC9110 + "15.5"),
    5: Meaning(Retry("service_failed"), _RFC9110 + "15.6"),
}


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where a browser listens, and the keys that only it and we know."""

    endpoint: str
    public_key: bytes  # p256dh, an uncompressed point on P-256
    auth_secret: bytes


class WebPushProvider:
    """Hands messages to the push service that each browser has chosen.

    Args:
        transport: must be allowed private addresses to reach a push service in one's own network.
        vapid: who we are.
        clock: for the time to live and the tokens' age.
        random_bytes: a cryptographic source, for salts and one key pair a message.
    """

    name = "web_push"

    def __init__(
        self,
        transport: Transport,
        vapid: Vapid,
        clock: Clock,
        *,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._transport = transport
        self._vapid = vapid
        self._clock = clock
        self._random_bytes = random_bytes

    def deliver(self, messages: Sequence[Message]) -> list[Outcome]:
        now = self._clock.now()
        prepared = prepare_all(messages, lambda message: self._prepare(message, now))
        return exchange(self._transport, prepared, STATUSES, self._clock)

    def _prepare(self, message: Message, now: datetime) -> Request | DeadAddress | Permanent:
        subscription = read_subscription(message.device)
        if subscription is None:
            return DeadAddress(EndReason.ADDRESS_INVALID)
        plaintext = payload(message)
        if len(plaintext) > MAX_PLAINTEXT_BYTES:
            return Permanent(EndReason.PAYLOAD_TOO_LARGE)
        time_to_live = min(max(message.expires_at - now, timedelta(0)), _MAX_TIME_TO_LIVE)
        return Request(
            url=subscription.endpoint,
            headers={
                "TTL": str(int(time_to_live.total_seconds())),
                "Urgency": "normal",
                "Topic": topic(message),
                "Content-Encoding": "aes128gcm",
                "Content-Type": "application/octet-stream",
                "Authorization": self._vapid.authorization(subscription.endpoint, now=now),
            },
            body=encrypt(
                plaintext,
                subscription,
                salt=self._random_bytes(_SALT_BYTES),
                one_time_key=_private_key(self._random_bytes),
            ),
        )


def read_subscription(device: Device) -> Subscription | None:
    """Read the address as a browser's `PushSubscription.toJSON()` gives it; None if unusable."""
    try:
        subscription = Subscription(
            endpoint=device.address["endpoint"],
            public_key=_decode(device.address["keys"]["p256dh"]),
            auth_secret=_decode(device.address["keys"]["auth"]),
        )
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), subscription.public_key)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    usable = (
        is_contactable(subscription.endpoint)
        and len(subscription.public_key) == _POINT_BYTES
        and len(subscription.auth_secret) == _AUTH_BYTES
    )
    return subscription if usable else None


def payload(message: Message) -> bytes:
    """Return the plaintext for the service worker."""
    content = {
        "send_id": message.send_id,
        "title": message.variant.title,
        "body": message.variant.body,
        "url": message.click_url,
    }
    present = {name: value for name, value in content.items() if value is not None}
    return json.dumps(present, ensure_ascii=False, separators=(",", ":")).encode()


def topic(message: Message) -> str:
    """Return a name under which a push service replaces an undelivered copy of this message.

    32 characters at most (RFC 8030, section 5.4); a hash, for the service shall learn nothing.
    """
    digest = hashlib.sha256(f"{message.tenant_id}/{message.send_id}".encode()).digest()
    return base64url(digest[:24])


def encrypt(
    plaintext: bytes,
    subscription: Subscription,
    *,
    salt: bytes,
    one_time_key: ec.EllipticCurvePrivateKey,
) -> bytes:
    """Encrypt for the browser alone (RFC 8291): one record, header included."""
    body: bytes = http_ece.encrypt(
        plaintext,
        salt=salt,
        private_key=one_time_key,
        dh=subscription.public_key,
        auth_secret=subscription.auth_secret,
        version="aes128gcm",
    )
    return body


def _private_key(random_bytes: Callable[[int], bytes]) -> ec.EllipticCurvePrivateKey:
    """Draw a key; 64 bits more than needed make the bias negligible (FIPS 186-4, B.4.1)."""
    secret = int.from_bytes(random_bytes(40)) % (_P256_ORDER - 1) + 1
    return ec.derive_private_key(secret, ec.SECP256R1())


def _decode(text: str) -> bytes:
    # Browsers write base64url without padding; some libraries hand on plain base64.
    unpadded = text.rstrip("=").replace("+", "-").replace("/", "_")
    return base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), altchars=b"-_", validate=True)
