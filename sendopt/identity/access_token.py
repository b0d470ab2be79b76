"""Access tokens of an OpenID Connect issuer (RFC 7519, RFC 8725, RFC 9068).

The signature is checked by PyJWT, with a key of the issuer and the algorithm that this key is for.
What was signed is read by our own strict JSON, which refuses a claim that stands there twice, and
held against our own clock.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jwt import PyJWS
from jwt.exceptions import PyJWTError

from sendopt import strict_json
from sendopt.errors import InvalidInput
from sendopt.identity.issuer_keys import IssuerKeys
from sendopt.identity.refusal import TokenRefused

#: Issuers' tokens have one or two thousand characters; more would only cost time.
MOST_CHARACTERS = 8_192
_LONGEST_KEY_ID = 256
_LONGEST_SUBJECT = 255  # OpenID Connect Core 1.0, section 2
#: How far the issuer's clock may differ from ours.
LEEWAY = timedelta(seconds=30)
#: A token that ends later than any calendar does, by our leeway, ends here.
_LAST = datetime.max.replace(tzinfo=UTC)
_TYPES = {"jwt", "at+jwt", "application/at+jwt"}
_jws = PyJWS()


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token that was found good says."""

    subject: str
    expires_at: datetime
    claims: Mapping[str, Any]  # all of them


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must be like.

    Attributes:
        issuer: exactly what its `iss` says.
        audience: what its `aud` is, or holds.
        algorithms: with which it may be signed; a subset of `issuer_keys.KEY_OF_ALGORITHM`.
    """

    issuer: str
    audience: str
    algorithms: Collection[str]


def read(token: str, expected: Expected, keys: IssuerKeys, *, now: datetime) -> Claims:
    """Return what a token says.

    Raises:
        IssuerAway: nobody can tell.
        TokenRefused: it is not one of this issuer's, for this audience, at this time.
    """
    key_id, algorithm = signed_by(token, expected)
    key = keys.find(key_id, algorithm)
    try:
        signed = _jws.decode_complete(token, key, algorithms=[algorithm])["payload"]
    except PyJWTError as error:
        raise TokenRefused("signature_wrong") from error
    return _held_against(_object(signed), expected, now)


def signed_by(token: str, expected: Expected) -> tuple[str, str]:
    """Return the id of the key that a token says it is signed with, and the algorithm.

    Raises:
        TokenRefused: its header is none that is believed with any key.
    """
    if len(token) > MOST_CHARACTERS:
        raise TokenRefused("too_long")
    header = _header(token)
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in expected.algorithms:
        raise TokenRefused("algorithm_not_allowed")
    if "crit" in header:  # we understand no extension (RFC 7515, section 4.1.11)
        raise TokenRefused("critical_header")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise TokenRefused("type_not_allowed")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= _LONGEST_KEY_ID:
        raise TokenRefused("no_key_id")
    return key_id, algorithm


def _header(token: str) -> dict[str, Any]:
    first, dot, _ = token.partition(".")
    try:
        padded = first.encode("ascii") + b"=" * (-len(first) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (UnicodeError, binascii.Error) as error:
        raise TokenRefused("malformed") from error
    if not dot:
        raise TokenRefused("malformed")
    return _object(text)


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = strict_json.loads(text)
    except InvalidInput as error:
        raise TokenRefused("malformed") from error
    if not isinstance(found, dict):
        raise TokenRefused("malformed")
    return found


def _held_against(claims: dict[str, Any], expected: Expected, now: datetime) -> Claims:
    if claims.get("iss") != expected.issuer:
        raise TokenRefused("another_issuer")
    audience = claims.get("aud")
    if expected.audience not in (audience if isinstance(audience, list) else [audience]):
        raise TokenRefused("another_audience")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
        raise TokenRefused("no_subject")
    if any(unicodedata.category(each) == "Cc" for each in subject):
        raise TokenRefused("subject_not_allowed")  # it is shown, and would be heard by a terminal
    expires_at = min(_instant(claims, "exp"), _LAST - LEEWAY) + LEEWAY
    if expires_at <= now:
        raise TokenRefused("expired")
    if _instant(claims, "iat") > now + LEEWAY:
        raise TokenRefused("issued_in_future")
    if "nbf" in claims and _instant(claims, "nbf") > now + LEEWAY:
        raise TokenRefused("not_yet_valid")
    return Claims(subject, expires_at, claims)


def _instant(claims: Mapping[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenRefused(f"no_{name}")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise TokenRefused(f"no_{name}") from error
