"""Registrations of devices: what is taken, and that no refusal repeats an address or a key."""

from __future__ import annotations

import base64
import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from sendopt.errors import InvalidInput
from sendopt.ingest import read_device
from sendopt.records import Channel, Registration

NOW = datetime(2026, 10, 1, 9, 30, tzinfo=UTC)


def parse_device(body: Any, **allowed: bool) -> Registration:
    return read_device(body, now=NOW, **allowed).required()


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


POINT = (
    ec.derive_private_key(7, ec.SECP256R1())
    .public_key()
    .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
)
P256DH = base64url(POINT)
AUTH = base64url(bytes(range(16)))
SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
ENDPOINT = "https://updates.push.example.com/wpush/v2/gAAAA"


def a_browser(**changes: Any) -> dict[str, Any]:
    address = {"endpoint": ENDPOINT, "keys": {"p256dh": P256DH, "auth": AUTH}}
    return {
        "device_id": "d1",
        "user_id": "ann",
        "channel": "web_push",
        "address": address,
        "platform": "firefox",
        "timezone": "Europe/Berlin",
    } | changes


def a_webhook(**changes: Any) -> dict[str, Any]:
    address = {"url": "https://gateway.example.com/push", "secret": SECRET} | changes
    return {"device_id": "d1", "user_id": "ann", "channel": "webhook", "address": address}


def refusal(body: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        parse_device(body)
    return refused.value


def test_a_browsers_subscription_is_taken_as_the_browser_gives_it() -> None:
    address = {
        "endpoint": ENDPOINT,
        "expirationTime": None,
        "keys": {"p256dh": P256DH, "auth": AUTH + "=="},
    }
    device = parse_device(a_browser(address=address)).device
    assert device.channel is Channel.WEB_PUSH
    assert device.address == {
        "endpoint": ENDPOINT,
        "keys": {"p256dh": P256DH, "auth": AUTH + "=="},
    }
    assert (device.device_id, device.user_id) == ("d1", "ann")
    assert (device.platform, device.timezone) == ("firefox", "Europe/Berlin")


def test_all_that_is_wrong_with_a_device_is_told_at_once_and_no_key_repeated() -> None:
    keys = {"p256dh": P256DH[:-4], "auth": "no secret"}
    address = {"endpoint": "http://127.0.0.1/push", "keys": keys, "endpiont": "x"}
    told = str(refusal(a_browser(address=address, user_id="", timezone="Berlin", plattform="ios")))
    for field in (
        *("/user_id", "/timezone", "/plattform", "/address/endpoint", "/address/endpiont"),
        *("/address/keys/p256dh", "/address/keys/auth"),
    ):
        assert f"{field}: " in told
    for secret in (keys["p256dh"], keys["auth"], "127.0.0.1"):
        assert secret not in told


def test_a_webhooks_address_is_told_of_even_where_its_user_is_missing() -> None:
    body = a_webhook(url="ftp://x", secret="short")
    del body["user_id"]
    told = str(refusal(body))
    for field in ("/user_id", "/address/url", "/address/secret"):
        assert f"{field}: " in told


@pytest.mark.parametrize("zone", ["CST", "Etc/Unknown", "+03:00", "", 7, ["Europe/Vienna"]])
def test_a_zone_that_is_none_costs_the_zone_and_not_the_registration(zone: Any) -> None:
    read = read_device(a_browser(timezone=zone), now=NOW)
    silent = {name: said for name, said in a_browser().items() if name != "timezone"}
    assert read.required() == parse_device(silent)
    (dropped,) = read.dropped_fields
    assert dropped.field == "/timezone"
    assert dropped.code in {"zone_invalid", "wrong_type"}
    assert read_device(a_browser(), now=NOW).dropped_fields == ()


def test_a_simulated_device_has_no_address() -> None:
    simulated = {"user_id": "ann", "channel": "simulator"}
    assert parse_device(simulated).device.address == {}
    assert refusal(simulated | {"address": {"url": "x"}}).code == "unknown_field"


def test_without_an_id_the_address_gives_it() -> None:
    body = a_browser()
    del body["device_id"]
    again = a_browser(platform="chrome", timezone=None)
    del again["device_id"]
    other = {**again["address"], "endpoint": ENDPOINT + "B"}
    made = [
        parse_device(each).device.device_id for each in (body, again, again | {"address": other})
    ]
    assert made[0] == made[1] != made[2]
    assert made[0].startswith("d_")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("user_id", "", "text_invalid"),
        ("user_id", "a\u202eb", "text_invalid"),
        ("user_id", 7, "wrong_type"),
        ("device_id", "", "text_invalid"),
        ("channel", "apns", "channel_unknown"),
        ("channel", "WEB_PUSH", "channel_unknown"),
        ("channel", None, "wrong_type"),
        ("channel", 1, "wrong_type"),
        ("platform", "x" * 257, "text_invalid"),
        ("address", [], "wrong_type"),
        ("address", {}, "missing_field"),
        ("tenant_id", "bank", "unknown_field"),
    ],
)
def test_every_broken_rule_has_its_code(field: str, value: Any, code: str) -> None:
    refused = refusal(a_browser(**{field: value}))
    assert refused.code == code
    assert (refused.field or "").startswith(f"/{field}")


@pytest.mark.parametrize(
    "keys",
    [
        {"p256dh": "", "auth": AUTH},
        {"p256dh": P256DH[:-2], "auth": AUTH},
        {"p256dh": P256DH + "AA", "auth": AUTH},
        {"p256dh": base64url(b"\x04" + b"\x01" * 64), "auth": AUTH},  # not on the curve
        {"p256dh": base64url(b"\x02" + POINT[1:33]), "auth": AUTH},  # compressed
        {"p256dh": "!" * 87, "auth": AUTH},
        {"p256dh": P256DH[:40] + " " + P256DH[41:], "auth": AUTH},
        {"p256dh": P256DH, "auth": ""},
        {"p256dh": P256DH, "auth": AUTH[:-2]},
        {"p256dh": P256DH, "auth": "é" * 22},
        {"p256dh": AUTH, "auth": P256DH},
    ],
)
def test_keys_of_the_wrong_form_are_refused_without_an_echo(keys: dict[str, str]) -> None:
    refused = refusal(a_browser(address={"endpoint": ENDPOINT, "keys": keys}))
    assert refused.code == "token_invalid"
    assert (refused.field or "").startswith("/address/keys/")
    for key in keys.values():
        assert not key or key not in f"{refused} {refused.__cause__}"


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "secret",
        SECRET.removeprefix("whsec_"),
        "x" + SECRET,
        SECRET[:-4],
        SECRET + "!",
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        "whsec_é",
    ],
)
def test_a_webhooks_secret_must_be_long_enough(secret: str) -> None:
    refused = refusal(a_webhook(secret=secret))
    assert (refused.code, refused.field) == ("token_invalid", "/address/secret")
    assert SECRET not in str(refused)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gateway.example.com",
        "//gateway.example.com/",
        "http://gateway.example.com/push",
        "ftp://gateway.example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https:///push",
        "https://localhost/",
        "https://LOCALHOST:8443/",
        "https://api.localhost/",
        "https://printer.local/",
        "https://db.internal/",
        "https://router.home.arpa/",
        "https://intranet/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://1.0x7f/",
        "https://0/",
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://172.16.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[fd00::1]/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://93.184.216.34/",  # public, but nobody's certificate names it
        "https://user@gateway.example.com/",
        "https://user:pass@gateway.example.com/",
        "https://gateway.example.com@127.0.0.1/",
        "https://gateway.example.com:22/",
        "https://gateway.example.com:25/",
        "https://gateway.example.com:0/",
        "https://gateway.example.com:65536/",
        "https://gateway.example.com:x/",
        "https://gateway.example.com/#fragment",
        "https://gateway.example.com\\@127.0.0.1/",
        "https://gateway.example.com/\r\nHost: evil",
        "https://gateway.example.com/ x",
        " https://gateway.example.com/",
        "https://gatewäy.example.com/",
        "https://gateway..example.com/",
        "https://.example.com/",
        "https://example.com./",
        "https://gateway.example.com/" + "x" * 2048,
    ],
)
def test_a_url_that_could_lead_inside_is_refused(url: str) -> None:
    for body in (
        a_webhook(url=url),
        a_browser(address={"endpoint": url, "keys": {"p256dh": P256DH, "auth": AUTH}}),
    ):
        refused = refusal(body)
        assert refused.code == "url_not_allowed"
        assert refused.field in {"/address/url", "/address/endpoint"}
        assert len(url) < 10 or url not in str(refused)


@pytest.mark.parametrize(
    "url",
    [
        "https://gateway.example.com",
        "https://gateway.example.com:443/",
        "https://gateway.example.com:8443/push?tenant=shop",
        "https://xn--gatewy-9ta.example.com/",
        "https://fcm.googleapis.com/fcm/send/abc:APA91b",
    ],
)
def test_a_public_url_is_taken_as_it_is(url: str) -> None:
    assert parse_device(a_webhook(url=url)).device.address == {"url": url, "secret": SECRET}


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8080/push", "https://[::1]:25/", "http://gateway/", "https://db.local/"],
)
def test_whoever_runs_the_receiver_may_allow_private_addresses(url: str) -> None:
    device = parse_device(a_webhook(url=url), allow_private_addresses=True).device
    assert device.address["url"] == url
    for never in ("ftp://127.0.0.1/", "http://a@127.0.0.1/", "http:///x"):
        with pytest.raises(InvalidInput):
            parse_device(a_webhook(url=never), allow_private_addresses=True)


@given(st.text(max_size=40))
def test_any_text_as_url_is_taken_whole_or_refused(text: str) -> None:
    for url in (text, f"https://{text}", f"https://{text}.com/", f"https://example.com{text}"):
        with contextlib.suppress(InvalidInput):
            device = parse_device(a_webhook(url=url)).device
            assert device.address["url"] == url
            assert url.startswith("https://")
