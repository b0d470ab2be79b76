"""Tokens of a real issuer open what they should; one that is forged, or bent, opens nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from issuer import AUDIENCE, Issuer, SigningKey

from sendopt import outgoing
from sendopt.clock import VirtualClock
from sendopt.identity.access_token import LEEWAY, Claims, Expected, read, signed_by
from sendopt.identity.issuer_keys import KEY_OF_ALGORITHM, IssuerKeys
from sendopt.identity.refusal import TokenRefused

CLAIMS = {"sendopt_tenant": "acme", "sendopt_roles": ["analyst"]}
EVERY_ALGORITHM = tuple(KEY_OF_ALGORITHM)

Read = Callable[[str], Any]


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey("the-first")


@pytest.fixture(scope="module")
def issuer(key: SigningKey) -> Iterator[Issuer]:
    issuer = Issuer({"program": CLAIMS})
    issuer.start(key)
    yield issuer
    issuer.stop()


@pytest.fixture
def clock() -> VirtualClock:
    """Ahead of the issuer's, which goes on while it starts and a busy machine does other things."""
    return VirtualClock(datetime.now(UTC) + timedelta(minutes=5))


@pytest.fixture
def read_token(issuer: Issuer, clock: VirtualClock) -> Read:
    return reader(issuer, clock)


def fetch(url: str) -> bytes:
    return outgoing.get(url, timeout=timedelta(seconds=60), most_bytes=100_000)


def reader(
    issuer: Issuer,
    clock: VirtualClock,
    *,
    algorithms: tuple[str, ...] = EVERY_ALGORITHM,
    fetch: Callable[[str], bytes] = fetch,
) -> Read:
    keys = IssuerKeys(fetch, issuer=issuer.url, algorithms=algorithms, clock=clock)
    expected = Expected(issuer.url, AUDIENCE, algorithms)

    def read_when_asked(token: str) -> Claims:
        with suppress(TokenRefused):
            wait_for(keys.renewal(*signed_by(token, expected)))
        return read(token, expected, keys, now=clock.now())

    return read_when_asked


def wait_for(renewal: Future[None] | None) -> None:
    """Wait, as the API does without a thread, for what an issuer is asked."""
    if renewal is not None:
        renewal.result(60)


def reason(read_token: Read, token: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        read_token(token)
    return refused.value.reason


def good(issuer: Issuer, clock: VirtualClock, **changed: Any) -> dict[str, Any]:
    """What the issuer itself would say; a claim that is changed to None is left out."""
    at = int(clock.now().timestamp())
    claims = {"iss": issuer.url, "aud": AUDIENCE, "sub": "program", "iat": at, "exp": at + 600}
    return {name: value for name, value in (claims | CLAIMS | changed).items() if value is not None}


@pytest.mark.parametrize("algorithm", EVERY_ALGORITHM)
def test_a_token_of_the_issuer_is_read(clock: VirtualClock, algorithm: str) -> None:
    issuer = Issuer({"program": CLAIMS})
    issuer.start(SigningKey("one", algorithm))
    try:
        found = reader(issuer, clock)(issuer.token("program"))
    finally:
        issuer.stop()
    assert found.subject == "program"
    assert CLAIMS.items() <= found.claims.items()
    assert timedelta(minutes=50) < found.expires_at - clock.now() < timedelta(minutes=61)


def test_what_the_attacks_begin_with_is_good(
    issuer: Issuer, key: SigningKey, clock: VirtualClock, read_token: Read
) -> None:
    """Else each of them could be refused for another reason than its own."""
    assert read_token(key.sign(good(issuer, clock))).subject == "program"
    several = good(issuer, clock, aud=["https://others.example", AUDIENCE])
    assert read_token(key.sign(several, typ="at+jwt")).subject == "program"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"iss": "https://evil.example"}, "another_issuer"),
        ({"iss": None}, "another_issuer"),
        ({"aud": "https://others.example"}, "another_audience"),
        ({"aud": None}, "another_audience"),
        ({"aud": [[AUDIENCE]]}, "another_audience"),
        ({"aud": {AUDIENCE: 1}}, "another_audience"),
        ({"sub": None}, "no_subject"),
        ({"sub": ""}, "no_subject"),
        ({"sub": "ann\x1b[2J"}, "subject_not_allowed"),
        ({"sub": "ann\nbob"}, "subject_not_allowed"),
        ({"sub": "ann\x9b2J"}, "subject_not_allowed"),
        ({"exp": None}, "no_exp"),
        ({"exp": "2999-01-01"}, "no_exp"),
        ({"exp": True}, "no_exp"),
        ({"exp": 10**18}, "no_exp"),
        ({"exp": 253_402_300_800}, "no_exp"),
        ({"exp": -(2**63)}, "no_exp"),
        ({"exp": 1e300}, "no_exp"),
        ({"exp": 1}, "expired"),
        ({"exp": -62_135_596_800}, "expired"),
        ({"exp": -0.5}, "expired"),
        ({"iat": None}, "no_iat"),
        ({"iat": 4_000_000_000}, "issued_in_future"),
        ({"nbf": 4_000_000_000}, "not_yet_valid"),
        ({"iat": 253_402_300_799}, "issued_in_future"),
        ({"iat": True}, "no_iat"),
        ({"iat": -1e300}, "no_iat"),
        ({"nbf": 253_402_300_799}, "not_yet_valid"),
        ({"nbf": "soon"}, "no_nbf"),
        ({"nbf": False}, "no_nbf"),
        ({"nbf": 2**63 - 1}, "no_nbf"),
    ],
)
def test_claims_that_are_not_as_they_should_be(
    issuer: Issuer,
    key: SigningKey,
    clock: VirtualClock,
    changed: dict[str, Any],
    why: str,
) -> None:
    said = good(issuer, clock, **changed)
    if changed.get("sub") == "":
        said["sub"] = ""
    token = jwt.PyJWS().encode(
        json.dumps(said).encode(), key.private, key.algorithm, {"kid": key.key_id, "typ": "JWT"}
    )
    assert reason(reader(issuer, clock), token) == why


def test_a_token_lives_until_a_moment_after_its_end(
    issuer: Issuer, key: SigningKey, clock: VirtualClock, read_token: Read
) -> None:
    token = key.sign(good(issuer, clock))
    clock.advance(timedelta(seconds=599) + LEEWAY)
    read_token(token)
    clock.advance(timedelta(seconds=1))
    assert reason(read_token, token) == "expired"


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 253_402_300_799},
        {"exp": 253_402_300_799.75},
        {"exp": 253_402_300_769},
        {"iat": -62_135_596_800, "nbf": -62_135_596_800},
        {"iat": -0.5, "nbf": 0.5},
    ],
)
def test_a_token_may_name_every_instant_that_a_calendar_has(
    issuer: Issuer,
    key: SigningKey,
    clock: VirtualClock,
    read_token: Read,
    changed: dict[str, float],
) -> None:
    assert read_token(key.sign(good(issuer, clock, **changed))).expires_at > clock.now()


@pytest.mark.parametrize("name", ["aud", "sendopt_tenant", "exp"])
def test_a_claim_that_stands_there_twice(
    issuer: Issuer, key: SigningKey, clock: VirtualClock, read_token: Read, name: str
) -> None:
    said = good(issuer, clock)
    text = json.dumps(said)[:-1] + f", {json.dumps(name)}: {json.dumps(said[name])}}}"
    token = jwt.PyJWS().encode(
        text.encode(), key.private, key.algorithm, {"kid": key.key_id, "typ": "JWT"}
    )
    assert reason(read_token, token) == "malformed"


def encoded(part: Any) -> str:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


@pytest.mark.parametrize("name", ["none", "None", "nOnE", "", None, ["none"], 1])
def test_a_token_that_nobody_signed(
    issuer: Issuer, key: SigningKey, clock: VirtualClock, read_token: Read, name: Any
) -> None:
    header = encoded({"alg": name, "kid": key.key_id, "typ": "JWT"})
    token = f"{header}.{encoded(good(issuer, clock))}."
    assert reason(read_token, token) == "algorithm_not_allowed"


@pytest.mark.parametrize("name", ["HS256", "RS256"])
def test_a_token_that_was_signed_with_the_public_key_as_a_secret(
    issuer: Issuer, key: SigningKey, clock: VirtualClock, read_token: Read, name: str
) -> None:
    """Whoever takes the algorithm from the token, and the key for what it needs, believes it."""
    import hashlib
    import hmac

    header = encoded({"alg": name, "kid": key.key_id, "typ": "JWT"})
    signed = f"{header}.{encoded(good(issuer, clock))}"
    mac = hmac.digest(key.public_pem(), signed.encode(), hashlib.sha256)
    expected = "algorithm_not_allowed" if name == "HS256" else "signature_wrong"
    assert reason(read_token, f"{signed}.{encoded(mac)}") == expected


def test_a_token_that_brings_its_own_key(
    issuer: Issuer, key: SigningKey, clock: VirtualClock, read_token: Read
) -> None:
    forger = SigningKey(key.key_id)
    public = {name: forger.jwk()[name] for name in ("kty", "n", "e", "kid")}
    for header in (
        {},
        {"jwk": public},
        {"jku": "http://127.0.0.1:1/jwks"},
        {"x5u": "http://127.0.0.1:1/x5u"},
    ):
        token = forger.sign(good(issuer, clock), **header)
        assert reason(read_token, token) == "signature_wrong"


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"kid": "nobody's"}, "key_unknown"),
        ({"kid": ""}, "no_key_id"),
        ({"kid": "k" * 257}, "no_key_id"),
        ({"typ": "secevent+jwt"}, "type_not_allowed"),
        ({"typ": "dpop+jwt"}, "type_not_allowed"),
    ],
)
def test_headers_that_are_not_as_they_should_be(
    issuer: Issuer,
    key: SigningKey,
    clock: VirtualClock,
    header: dict[str, Any],
    why: str,
) -> None:
    assert reason(reader(issuer, clock), key.sign(good(issuer, clock), **header)) == why


def test_a_header_that_asks_for_what_we_do_not_know(
    issuer: Issuer, key: SigningKey, clock: VirtualClock, read_token: Read
) -> None:
    header = encoded(
        {"alg": "RS256", "kid": key.key_id, "typ": "JWT", "crit": ["exp"], "exp": 4_000_000_000}
    )
    token = f"{header}.{encoded(good(issuer, clock))}.{encoded(b'whatever')}"
    assert reason(read_token, token) == "critical_header"


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "e30.e30.e30",
        "é.é.é",
        "W10.e30.",
        f"{encoded(b'{')}.e30.e30",
        f"{encoded(b'[' * 2_000)}.e30.e30",
    ],
)
def test_what_is_no_token(read_token: Read, token: str) -> None:
    assert reason(read_token, token) in {"malformed", "algorithm_not_allowed"}


def test_a_token_that_is_cut_off_or_changed_anywhere(
    issuer: Issuer, key: SigningKey, clock: VirtualClock, read_token: Read
) -> None:
    token = key.sign(good(issuer, clock))
    for place in range(0, len(token) - 1, 7):
        other = "A" if token[place] != "A" else "B"
        reason(read_token, token[:place] + other + token[place + 1 :])
        reason(read_token, token[:place])


def test_a_huge_token(
    issuer: Issuer, key: SigningKey, clock: VirtualClock, read_token: Read
) -> None:
    assert reason(read_token, key.sign(good(issuer, clock, more="m" * 8_192))) == "too_long"


def test_an_algorithm_that_is_not_among_those_allowed(
    issuer: Issuer, key: SigningKey, clock: VirtualClock
) -> None:
    read_token = reader(issuer, clock, algorithms=("ES256",))
    assert reason(read_token, key.sign(good(issuer, clock))) == "algorithm_not_allowed"
