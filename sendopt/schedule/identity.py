"""Derives what must come out the same however often a campaign is planned."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from sendopt.records import CampaignId, Holdout, SendId, TenantId, UserId


class _Hash(Protocol):
    def copy(self) -> Self: ...
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


_quoted = json.encoder.encode_basestring_ascii  # what `json.dumps` makes of a text
_LETTERS = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", np.uint8)
_OF_FIVE_BITS = np.array([16, 8, 4, 2, 1], np.uint8)
_SEND_ID_BYTES = 20  # 160 bits: 32 letters without padding, and no two sends ever alike


def send_ids(
    tenant_id: TenantId, campaign_id: CampaignId, user_ids: Iterable[UserId]
) -> list[SendId]:
    """Return the only id that each user's message of this campaign can have.

    >>> send_ids(TenantId("default"), CampaignId("autumn-sale"), [UserId("user-7")])
    ['s_znonsemr5acblblexpxcud2uhjqvqdip']
    """
    return _send_ids(tenant_id, campaign_id, [(user_id,) for user_id in user_ids])


def requested_send_ids(
    tenant_id: TenantId, campaign_id: CampaignId, send_keys: Iterable[str]
) -> list[SendId]:
    """Return the only id that the send of each key of a triggered campaign can have."""
    return _send_ids(tenant_id, campaign_id, [("key", send_key) for send_key in send_keys])


def _send_ids(
    tenant_id: TenantId, campaign_id: CampaignId, rest: Iterable[tuple[str, ...]]
) -> list[SendId]:
    hashed = hashlib.sha256(_beginning(tenant_id, campaign_id))
    digests = [digest[:_SEND_ID_BYTES] for digest in _digests(hashed, rest)]
    return [SendId("s_" + letters) for letters in _base32(digests)]


def uniforms(seed: int, purpose: str, parts: Sequence[tuple[str, ...]]) -> NDArray[np.float64]:
    """Return numbers in [0, 1) that are random in everything given, and always the same.

    The one door of chance into a plan: another `purpose` tells nothing about this one, and who
    does not know `seed` cannot foretell them.

    Args:
        seed: of every chance of a home.
        purpose: what is drawn.
        parts: what tells each number from the others.
    """
    hashed = hashlib.blake2b(_beginning(purpose), key=seed.to_bytes(8, "big"))
    drawn = [int.from_bytes(digest[:7], "big") for digest in _digests(hashed, parts)]
    return np.array(drawn, np.int64) / 2**56


def draw_key(number: SendId, *, revision: int) -> tuple[str, ...]:
    """Return what tells the draws of one plan of a send from those of every other.

    A revision draws anew: who is left for it was left by the draws of the one before, so that the
    same numbers again would not be even among them, and no propensity true.
    """
    return (number,) if revision == 1 else (number, f"revision {revision}")


def held_out(
    holdout: Holdout | None, *, seed: int, tenant_id: TenantId, user_ids: Sequence[UserId]
) -> NDArray[np.bool_]:
    """Tell of each user whether they are held out: the same in every campaign of the tenant.

    A larger share keeps everybody in the holdout who was there, and adds others.
    """
    if holdout is None:
        return np.zeros(len(user_ids), np.bool_)
    chance = uniforms(seed, "arm", [(tenant_id, user_id) for user_id in user_ids])
    return chance < holdout.share


def _base32(digests: Sequence[bytes]) -> list[str]:
    """Return each digest of `_SEND_ID_BYTES` in lower-case letters (RFC 4648, section 6).

    All at once: `base64.b32encode` takes longer for one than everything else of its plan.
    """
    bits = np.unpackbits(np.frombuffer(b"".join(digests), np.uint8)).reshape(-1, 5)
    letters = _LETTERS[bits @ _OF_FIVE_BITS].tobytes().decode()
    length = _SEND_ID_BYTES * 8 // 5
    return [letters[at : at + length] for at in range(0, len(letters), length)]


def _beginning(*parts: str) -> bytes:
    """Return how the JSON list begins that starts with these parts."""
    # JSON keeps the parts apart: ("a", "bc") and ("ab", "c") never meet.
    return json.dumps(parts)[:-1].encode()


def _digests(hashed: _Hash, rest: Iterable[tuple[str, ...]]) -> Iterator[bytes]:
    """Yield the digest of the list that `hashed` begins, with each of many ends."""
    for parts in rest:
        one = hashed.copy()
        one.update("".join([f", {_quoted(part)}" for part in parts]).encode() + b"]")
        yield one.digest()
