"""Web Push: the RFCs' own examples, and a push service that decrypts and verifies."""

from __future__ import annotations

import base64
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import http_ece
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from sendopt.clock import SystemClock, VirtualClock
from sendopt.deliver.providers import Vapid, WebPushProvider
from sendopt.deliver.providers.answers import classify
from sendopt.deliver.providers.transport import Response
from sendopt.deliver.providers.vapid import origin_of, signing_input
from sendopt.deliver.providers.web_push import (
    MAX_PLAINTEXT_BYTES,
    STATUSES,
    Subscription,
    encrypt,
    topic,
)
from sendopt.errors import InvalidInput
from sendopt.records import Accepted, DeadAddress, Permanent, Retry

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def private_key(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(decode(text)), ec.SECP256R1())


def pem_of(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@pytest.fixture(scope="module")
def vapid_pem() -> str:
    return pem_of(ec.generate_private_key(ec.SECP256R1()))


def test_encryption_gives_the_example_of_rfc_8291_section_5():
    subscription = Subscription(
        endpoint="https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
        public_key=decode(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
        ),
        auth_secret=decode("BTBZMqHH6r4Tts7J_aSIgg"),
    )
    body = encrypt(
        b"When I grow up, I want to be a watermelon",
        subscription,
        salt=decode("DGv6ra1nlYgDCS1FRnbzlw"),
        one_time_key=private_key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"),
    )
    assert body == decode(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmY"
        "WAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexS"
        "gSxsj_Qulcy4a-fN"
    )


def test_the_library_gives_the_example_of_rfc_8188_section_3_1():
    body = http_ece.encrypt(
        b"I am the walrus",
        salt=decode("I1BsxtFttlv3u_Oo94xnmw"),
        key=decode("yqdlZ-tYemfogSmv7Ws5PQ"),
    )
    assert body == decode("I1BsxtFttlv3u_Oo94xnmwAAEAAA-NAVub2qFgBEuQKRapoZu-IxkIva3MEB1PD-ly8Thjg")


def test_vapid_signs_what_the_example_of_rfc_8292_section_2_4_signs():
    token = (
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleH"
        "AiOjE0NTM1MjM3NjgsInN1YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu"
        "_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSSHzvoD1oA"
    )
    key = "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"
    ours = signing_input("https://push.example.net", 1453523768, "mailto:push@example.com")
    assert ours == token.rpartition(".")[0]
    verify(token, key)


def verify(token: str, key: str) -> dict[str, object]:
    signed, _, signature = token.rpartition(".")
    raw = decode(signature)
    assert len(raw) == 64
    public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decode(key))
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public_key.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
    return json.loads(decode(signed.partition(".")[2]))


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=30))
def test_every_token_is_valid_when_it_is_used_and_never_for_more_than_a_day(steps):
    pem = pem_of(private_key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
    vapid = Vapid(pem, "mailto:push@example.com")
    now = NOW
    for step in steps:
        now += timedelta(seconds=step)
        header = vapid.authorization("https://push.example.net/p/1", now=now)
        token, _, key = header.removeprefix("vapid t=").partition(", k=")
        claims = verify(token, key)
        assert claims["aud"] == "https://push.example.net"
        assert 3600 < claims["exp"] - now.timestamp() <= 86_400


def test_one_origin_keeps_its_token_and_another_gets_its_own(vapid_pem):
    vapid = Vapid(vapid_pem)
    first = vapid.authorization("https://a.example/p/1", now=NOW)
    assert vapid.authorization("https://a.example/p/2", now=NOW + timedelta(hours=10)) == first
    assert vapid.authorization("https://b.example/p/1", now=NOW) != first


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://push.example/x?y=1", "https://push.example"),
        ("https://push.example:443/x", "https://push.example"),
        ("https://PUSH.example:8443/x", "https://push.example:8443"),
        ("http://localhost:8090/x", "http://localhost:8090"),
        ("https://[2001:db8::1]:8443/x", "https://[2001:db8::1]:8443"),
    ],
)
def test_the_origin_is_written_as_browsers_write_it(url, origin):
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("pem", "subject"), [("", ""), ("no key", ""), (None, "push@example.com"), (None, "localhost")]
)
def test_an_unusable_identity_is_refused_at_once(vapid_pem, pem, subject):
    with pytest.raises(InvalidInput) as refused:
        Vapid(vapid_pem if pem is None else pem, subject)
    assert refused.value.code == "vapid_invalid"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Accepted()),
        (201, Accepted()),
        (202, Accepted()),
        (301, Permanent("redirected")),
        (307, Permanent("redirected")),
        (400, Permanent("request_refused")),
        (401, Permanent("vapid_refused")),
        (403, Permanent("vapid_refused")),
        (404, DeadAddress("subscription_expired")),
        (406, Retry("throttled")),
        (410, DeadAddress("subscription_gone")),
        (413, Permanent("payload_too_large")),
        (418, Permanent("request_refused")),
        (429, Retry("throttled")),
        (500, Retry("service_failed")),
        (503, Retry("service_failed")),
    ],
)
def test_each_status_means_what_its_source_says(status, outcome):
    assert classify(Response(status, {}), STATUSES, now=NOW) == outcome


def test_every_meaning_names_its_source():
    assert all(meaning.source for meaning in STATUSES.values())


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_topic_fits_the_header_and_tells_nothing(tenant_id, send_id):
    message = type("M", (), {"tenant_id": tenant_id, "send_id": send_id})()
    name = topic(message)
    assert len(name) == 32
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


class TestWithAPushService:
    """Against a server that decrypts each message and verifies its signature."""

    @pytest.fixture
    def provider(self, vapid_pem, make_transport):
        return WebPushProvider(
            make_transport(),
            Vapid(vapid_pem, "mailto:push@example.com"),
            SystemClock(),
            random_bytes=os.urandom,
        )

    @pytest.fixture
    def key(self, vapid_pem):
        return Vapid(vapid_pem).application_server_key

    def test_the_browser_reads_what_was_sent(self, push_service, provider, key, message):
        subscription = push_service.subscribe(key)
        sent = replace(message, device=replace(message.device, address=subscription))
        assert provider.deliver([sent]) == [Accepted()]
        [received] = push_service.received(subscription)
        assert json.loads(received) == {
            "send_id": message.send_id,
            "title": message.variant.title,
            "body": message.variant.body,
            "url": message.click_url,
        }

    def test_the_largest_message_arrives_and_a_larger_one_is_not_tried(
        self, push_service, provider, key, message
    ):
        subscription = push_service.subscribe(key)
        device = replace(message.device, address=subscription)

        def of_size(size: int):
            empty = replace(message, device=device, variant=replace(message.variant, body=""))
            room = size - len(
                json.dumps(
                    {
                        "send_id": empty.send_id,
                        "title": empty.variant.title,
                        "body": "",
                        "url": empty.click_url,
                    },
                    separators=(",", ":"),
                    ensure_ascii=False,
                ).encode()
            )
            return replace(empty, variant=replace(message.variant, body="x" * room))

        assert provider.deliver(
            [of_size(MAX_PLAINTEXT_BYTES), of_size(MAX_PLAINTEXT_BYTES + 1)]
        ) == [
            Accepted(),
            Permanent("payload_too_large"),
        ]
        assert len(push_service.received(subscription)[0]) == MAX_PLAINTEXT_BYTES

    def test_an_expired_subscription_is_dead(self, push_service, provider, key, message):
        alive, dead = push_service.subscribe(key), push_service.subscribe(key)
        push_service.expire(dead)
        messages = [
            replace(message, device=replace(message.device, address=address))
            for address in (dead, alive)
        ]
        assert provider.deliver(messages) == [DeadAddress("subscription_gone"), Accepted()]

    def test_a_subscription_made_with_another_key_is_refused(self, push_service, provider, message):
        other = Vapid(pem_of(ec.generate_private_key(ec.SECP256R1()))).application_server_key
        subscription = push_service.subscribe(other)
        sent = replace(message, device=replace(message.device, address=subscription))
        assert provider.deliver([sent]) == [Permanent("request_refused")]

    @pytest.mark.parametrize(
        "damage",
        [
            lambda _address: {},
            lambda address: {**address, "endpoint": 5},
            lambda address: {**address, "endpoint": "ftp://push.example/x"},
            lambda address: {**address, "endpoint": "https://me:secret@push.example/x"},
            lambda address: {**address, "endpoint": "https://push.example:x/"},
            lambda address: {**address, "endpoint": "https://püsh.example/"},
            lambda address: {**address, "keys": None},
            lambda address: {**address, "keys": {**address["keys"], "auth": "AAAA"}},
            lambda address: {**address, "keys": {**address["keys"], "p256dh": "!!!"}},
            lambda address: {
                **address,
                "keys": {**address["keys"], "p256dh": "B" + "A" * 86},  # not on the curve
            },
        ],
    )
    def test_an_unusable_address_is_dead_and_not_contacted(
        self, push_service, provider, key, message, damage
    ):
        subscription = push_service.subscribe(key)
        sent = replace(message, device=replace(message.device, address=damage(subscription)))
        assert provider.deliver([sent]) == [DeadAddress("address_invalid")]

    def test_two_hundred_browsers_at_once(self, push_service, provider, key, message):
        subscriptions = [push_service.subscribe(key) for _ in range(20)]
        messages = [
            replace(
                message,
                send_id=f"s-{number}",
                device=replace(message.device, address=subscriptions[number % 20]),
            )
            for number in range(200)
        ]
        assert provider.deliver(messages) == [Accepted()] * 200
        received = [
            json.loads(text)["send_id"]
            for each in subscriptions
            for text in push_service.received(each)
        ]
        assert sorted(received) == sorted(each.send_id for each in messages)


def test_headers_tell_the_service_how_long_to_keep_it(receiver, vapid_pem, message, make_transport):
    clock = VirtualClock(message.expires_at - timedelta(minutes=10))
    user_agent = ec.generate_private_key(ec.SECP256R1())
    address = {
        "endpoint": f"{receiver.url}/p/1",
        "keys": {
            "p256dh": base64.urlsafe_b64encode(
                user_agent.public_key().public_bytes(
                    serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
                )
            ).decode(),
            "auth": base64.urlsafe_b64encode(os.urandom(16)).decode(),
        },
    }
    provider = WebPushProvider(
        make_transport(),
        Vapid(vapid_pem),
        clock,
        random_bytes=os.urandom,
    )
    sent = replace(message, device=replace(message.device, address=address))
    assert (
        provider.deliver([sent, replace(sent, expires_at=clock.now() + timedelta(days=99))])
        == [Accepted()] * 2
    )
    first, second = sorted(receiver.requests, key=lambda request: int(request.headers["TTL"]))
    assert first.headers["TTL"] == "600"
    assert second.headers["TTL"] == "2592000"
    assert first.headers["Urgency"] == "normal"
    assert first.headers["Topic"] == topic(sent)
    assert first.headers["Content-Encoding"] == "aes128gcm"
    plaintext = http_ece.decrypt(
        first.body, private_key=user_agent, auth_secret=decode(address["keys"]["auth"])
    )
    assert json.loads(plaintext)["send_id"] == message.send_id
    assert first.body != second.body  # a salt and a key pair of its own for each message
