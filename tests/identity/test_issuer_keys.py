"""The keys of an issuer are renewed when they change, and never in a stampede."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from identity.test_access_token import CLAIMS, fetch, reader, reason, wait_for
from issuer import AUDIENCE, Issuer, SigningKey
from jwt import PyJWK

from sendopt.clock import VirtualClock
from sendopt.identity.issuer_keys import IssuerKeys
from sendopt.identity.refusal import IssuerAway, TokenRefused


class Counting:
    """Fetches documents, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        return fetch(url)


def found_when_asked(keys: IssuerKeys, key_id: str, algorithm: str = "RS256") -> PyJWK:
    wait_for(keys.renewal(key_id, algorithm))
    return keys.find(key_id, algorithm)


@pytest.fixture
def clock() -> VirtualClock:
    """Ahead of the issuer's, which goes on while it starts and a busy machine does other things."""
    return VirtualClock(datetime.now(UTC) + timedelta(minutes=5))


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer({"program": CLAIMS})
    yield issuer
    issuer.stop()


def test_keys_are_asked_for_once_and_again_when_they_are_old(
    issuer: Issuer, clock: VirtualClock
) -> None:
    issuer.start(SigningKey("one"))
    counting = Counting()
    read = reader(issuer, clock, fetch=counting)
    token = issuer.token("program")
    assert counting.asked == []
    for _ in range(3):
        read(token)
    assert [url.removeprefix(issuer.url) for url in counting.asked] == [
        "/.well-known/openid-configuration",
        "/jwks",
    ]
    clock.advance(timedelta(minutes=9))
    read(token)
    assert len(counting.asked) == 2
    clock.advance(timedelta(minutes=1, seconds=1))
    read(token)
    assert len(counting.asked) == 4


def test_a_rotated_key_is_believed_at_its_first_token(issuer: Issuer, clock: VirtualClock) -> None:
    one, two = SigningKey("one"), SigningKey("two")
    issuer.start(one)
    read = reader(issuer, clock)
    old = issuer.token("program")
    read(old)
    issuer.stop()
    issuer.start(two, one)
    clock.advance(timedelta(seconds=11))
    new = issuer.token("program")
    assert read(new).subject == read(old).subject == "program"
    issuer.stop()
    issuer.start(two)  # the first has been withdrawn
    clock.advance(timedelta(minutes=10, seconds=1))
    read(new)
    assert reason(read, old) in {"key_unknown", "expired"}


def test_key_ids_that_nobody_knows_are_asked_for_rarely(
    issuer: Issuer, clock: VirtualClock
) -> None:
    key = SigningKey("one")
    issuer.start(key)
    counting = Counting()
    read = reader(issuer, clock, fetch=counting)
    read(issuer.token("program"))
    clock.advance(timedelta(seconds=11))
    before = len(counting.asked)
    for number in range(100):
        assert reason(read, SigningKey("one").sign({}, kid=f"of-{number}")) == "key_unknown"
        if number == 50:
            clock.advance(timedelta(seconds=10))
    assert len(counting.asked) - before == 2 * 2


def test_who_comes_while_keys_are_asked_for_waits_for_that_one_question(
    issuer: Issuer, clock: VirtualClock
) -> None:
    issuer.start(SigningKey("one"))
    token = issuer.token("program")
    everybody_is_there = threading.Barrier(8)
    counting = Counting()
    read = reader(issuer, clock, fetch=counting)
    found: list[str] = []

    def come() -> None:
        everybody_is_there.wait()
        found.append(read(token).subject)

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["program"] * 8
    assert len(counting.asked) == 2


def test_made_up_key_ids_do_not_wait_for_a_slow_issuer(clock: VirtualClock) -> None:
    is_asked, may_answer, is_slow = threading.Event(), threading.Event(), threading.Event()
    answer = answering(ABOUT, {"keys": [_public(SigningKey("one"))]})

    def fetch(url: str) -> bytes:
        if is_slow.is_set():
            is_asked.set()
            may_answer.wait(60)
        return answer(url)

    found = IssuerKeys(fetch, issuer=ISSUER, algorithms=["RS256"], clock=clock)
    found_when_asked(found, "one")
    clock.advance(timedelta(seconds=11))
    is_slow.set()
    refused: list[str] = []

    def come() -> None:
        with pytest.raises(TokenRefused) as error:
            found_when_asked(found, "made-up")
        refused.append(error.value.reason)

    asking = threading.Thread(target=come)
    asking.start()
    assert is_asked.wait(60)
    others = [threading.Thread(target=come) for _ in range(6)]
    for other in others:
        other.start()
    for other in others:
        other.join(3)
    told_meanwhile = list(refused)
    may_answer.set()
    for thread in (asking, *others):
        thread.join()
    assert told_meanwhile == ["key_unknown"] * 6


def test_nobody_who_looks_for_a_key_waits_for_an_issuer_that_is_slow_from_the_start(
    clock: VirtualClock,
) -> None:
    """Who waits would hold a thread; requests with keys of ours need threads as well."""
    may_answer = threading.Event()
    answer = answering(ABOUT, {"keys": [_public(SigningKey("one"))]})

    def fetch(url: str) -> bytes:
        may_answer.wait(60)
        return answer(url)

    found = IssuerKeys(fetch, issuer=ISSUER, algorithms=["RS256"], clock=clock)
    refused = threading.Semaphore(0)

    def come() -> None:
        with pytest.raises(IssuerAway):
            found.find("one", "RS256")
        refused.release()

    threads = [threading.Thread(target=come) for _ in range(20)]
    for thread in threads:
        thread.start()
    are_refused = [refused.acquire(timeout=10) for _ in threads]
    asked = found.renewal("one", "RS256")
    may_answer.set()
    for thread in threads:
        thread.join()
    assert all(are_refused)
    wait_for(asked)
    assert found.find("one", "RS256").key_id == "one"


def test_while_the_issuer_is_away_its_keys_are_believed_for_a_day(
    issuer: Issuer, clock: VirtualClock
) -> None:
    key = SigningKey("one")
    issuer.start(key)
    read = reader(issuer, clock)
    read(issuer.token("program"))
    issuer.stop()
    claims = {"iss": issuer.url, "aud": AUDIENCE, "sub": "program"}

    def fresh() -> str:
        at = int(clock.now().timestamp())
        return key.sign({**claims, "iat": at, "exp": at + 60})

    for _ in range(23):
        clock.advance(timedelta(hours=1))
        read(fresh())
    clock.advance(timedelta(hours=1, seconds=1))
    assert reason(read, fresh()) == "issuer_keys_unknown"
    issuer.start(key)
    clock.advance(timedelta(seconds=11))
    read(fresh())


def test_an_issuer_that_was_away_at_the_start_is_asked_again(
    issuer: Issuer, clock: VirtualClock
) -> None:
    key = SigningKey("one")
    read = reader(issuer, clock)
    token = key.sign({"sub": "program"})
    assert reason(read, token) == "issuer_keys_unknown"
    issuer.start(key)
    assert reason(read, token) == "issuer_keys_unknown"  # it was asked a moment ago
    clock.advance(timedelta(seconds=10))
    assert reason(read, token) == "another_issuer"


def answering(document: Any, keys: Any) -> Callable[[str], bytes]:
    return lambda url: json.dumps(document if ".well-known" in url else keys).encode()


ISSUER = "https://issuer.example"
ABOUT = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"}


@pytest.mark.parametrize(
    ("document", "keys"),
    [
        ({**ABOUT, "issuer": "https://evil.example"}, {"keys": []}),
        ({**ABOUT, "jwks_uri": "http://issuer.example/jwks"}, {"keys": []}),
        ({**ABOUT, "jwks_uri": "file:///etc/passwd"}, {"keys": []}),
        ({**ABOUT, "jwks_uri": "https://[issuer.example/jwks"}, {"keys": []}),
        ({**ABOUT, "jwks_uri": "https://a\u2100b/jwks"}, {"keys": []}),
        ({"issuer": ISSUER}, {"keys": []}),
        ([], {"keys": []}),
        (ABOUT, {}),
        (ABOUT, {"keys": "none"}),
    ],
)
def test_an_issuer_that_cannot_be_used_is_as_one_that_is_away(
    clock: VirtualClock, document: Any, keys: Any
) -> None:
    found = IssuerKeys(answering(document, keys), issuer=ISSUER, algorithms=["RS256"], clock=clock)
    with pytest.raises(TokenRefused, match="issuer_keys_unknown"):
        found_when_asked(found, "one")


def _public(key: SigningKey, **changed: Any) -> dict[str, Any]:
    private = {"d", "p", "q", "dp", "dq", "qi"}
    jwk = {name: value for name, value in key.jwk().items() if name not in private} | changed
    return {name: value for name, value in jwk.items() if value is not None}


def test_only_keys_that_sign_by_an_algorithm_that_is_allowed_are_believed(
    clock: VirtualClock,
) -> None:
    rsa, curve = SigningKey("rsa"), SigningKey("curve", "ES256")
    weak = json.loads(json.dumps(_public(rsa, kid="weak", n="AQAB")))
    listed = [
        _public(rsa),
        _public(rsa, kid="unnamed-algorithm", alg=None),
        _public(rsa, kid="encrypts", use="enc"),
        _public(rsa, kid="other", alg="RS512"),
        _public(rsa, kid=None),
        _public(rsa, kid=["rsa"]),
        _public(curve),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "secret", "alg": "HS256"},
        rsa.jwk() | {"kid": "private"},
        weak,
        "no key",
        {},
    ]
    found = IssuerKeys(
        answering(ABOUT, {"keys": listed}),
        issuer=ISSUER,
        algorithms=["RS256"],
        clock=clock,
    )
    believed = {"rsa", "unnamed-algorithm"}
    for name in believed:
        assert found_when_asked(found, name).algorithm_name == "RS256"
    for name, algorithm in (
        ("rsa", "ES256"),
        ("encrypts", "RS256"),
        ("other", "RS512"),
        ("curve", "ES256"),
        ("secret", "HS256"),
        ("private", "RS256"),
        ("weak", "RS256"),
    ):
        with pytest.raises(TokenRefused, match="key_unknown"):
            found_when_asked(found, name, algorithm)
