"""Tokens of browsers say whose they are, and nobody else can say it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sendopt.identity.device_token import DeviceToken, DeviceTokenSigner
from sendopt.identity.refusal import TokenRefused
from sendopt.records import TenantId, UserId
from sendopt.track import LinkSigner

NOW = datetime(2026, 10, 1, 9, 30, tzinfo=UTC)
KEYS = {"k1": b"1" * 32, "k2": b"2" * 32}
ANNS = DeviceToken(TenantId("acme"), UserId("Ann Ü/1"), NOW, NOW + timedelta(hours=1))


def reason(signer: DeviceTokenSigner, token: str, now: datetime = NOW) -> str:
    with pytest.raises(TokenRefused) as refused:
        signer.read(token, now=now)
    return refused.value.reason


def test_a_token_says_what_was_put_into_it() -> None:
    signer = DeviceTokenSigner(KEYS, "k1")
    assert signer.read(signer.token(ANNS), now=NOW) == ANNS


def test_a_token_ends() -> None:
    signer = DeviceTokenSigner(KEYS, "k1")
    token = signer.token(ANNS)
    signer.read(token, now=ANNS.expires_at - timedelta(microseconds=1))
    assert reason(signer, token, ANNS.expires_at) == "expired"


def test_keys_can_be_changed_while_tokens_are_out_and_withdrawn() -> None:
    before = DeviceTokenSigner({"k1": KEYS["k1"]}, "k1").token(ANNS)
    assert DeviceTokenSigner(KEYS, "k2").read(before, now=NOW) == ANNS
    assert reason(DeviceTokenSigner({"k2": KEYS["k2"]}, "k2"), before) == "signature_wrong"
    replaced = DeviceTokenSigner({"k1": b"3" * 32}, "k1")
    assert reason(replaced, before) == "signature_wrong"


def test_no_character_of_a_token_can_be_changed() -> None:
    signer = DeviceTokenSigner(KEYS, "k1")
    token = signer.token(ANNS)
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        assert reason(signer, token[:place] + other + token[place + 1 :]) in {
            "malformed",
            "signature_wrong",
        }
        reason(signer, token[:place])
    reason(signer, token + "A")


def test_what_is_signed_for_links_is_worth_nothing_here() -> None:
    """Both are made with the same keys of the home."""
    signer = DeviceTokenSigner(KEYS, "k1")
    body = signer.token(ANNS).split(".")[1]
    links = LinkSigner(KEYS, "k1", "https://sendopt.example")
    assert reason(signer, f"so_dev_{links.token(body[:64])}") == "signature_wrong"
