"""The key with which browsers subscribe."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from sendopt.app import App
from sendopt.deliver.providers import Vapid


def bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_key_for_browsers_is_the_one_that_messages_are_signed_with(
    app: App, acme: httpx.Client, other: httpx.Client
) -> None:
    answer = acme.get("/v1/web-push-key").json()
    assert answer == other.get("/v1/web-push-key").json()
    public_key = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), bytes_of(answer["application_server_key"])
    )
    vapid = Vapid(app.secrets.vapid_private_key_pem, "mailto:push@shop.example")
    header = vapid.authorization("https://push.example/abc", now=datetime(2026, 10, 1, tzinfo=UTC))
    signed, _, signature = header.removeprefix("vapid t=").split(",")[0].rpartition(".")
    raw = bytes_of(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public_key.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))


def test_the_private_half_stays_where_it_is(app: App, acme: httpx.Client) -> None:
    pem = app.secrets.vapid_private_key_pem
    private = serialization.load_pem_private_key(pem.encode(), password=None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    secret = private.private_numbers().private_value.to_bytes(32)
    told = bytes_of(acme.get("/v1/web-push-key").json()["application_server_key"])
    assert secret not in told
    assert len(told) == 65
