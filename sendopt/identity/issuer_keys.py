"""The public keys with which an issuer signs, kept for a while and renewed when they change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from sendopt import strict_json
from sendopt.clock import Clock
from sendopt.errors import InvalidInput
from sendopt.identity.refusal import IssuerAway, TokenRefused

#: The kind of key, and its curve, of each algorithm that a setting may name: public keys all.
KEY_OF_ALGORITHM = {"RS256": ("RSA", None), "ES256": ("EC", "P-256"), "EdDSA": ("OKP", "Ed25519")}

_LEAST_RSA_BITS = 2048
_FRESH_SECONDS = 600.0
#: So long an issuer may be away while its last known keys are believed.
_STALE_SECONDS = 24 * 3600.0
#: A token with a key id that nobody knows makes us ask the issuer, but not more often than this.
_LEAST_BETWEEN_SECONDS = 10.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    keys: Mapping[tuple[str, str], PyJWK]  # by key id and algorithm
    at: float


class IssuerKeys:
    """Keys of one issuer, for any number of threads: one of its own asks, and holds up no other.

    Nothing is asked before the first token comes, so that a service starts while its issuer is
    away.

    Args:
        fetch: returns the document at an address, or raises ConnectionError.
        issuer: its URL; its keys are where its own discovery document says.
        algorithms: of `KEY_OF_ALGORITHM`; other keys of the issuer are left out.
        clock: tells how old the keys are.
    """

    def __init__(
        self,
        fetch: Callable[[str], bytes],
        *,
        issuer: str,
        algorithms: Collection[str],
        clock: Clock,
    ) -> None:
        self._fetch = fetch
        self._issuer = issuer
        self._algorithms = frozenset(algorithms)
        self._clock = clock
        self._lock = threading.Lock()
        self._known: _Known | None = None
        self._asking: Future[None] | None = None
        self._asked_at: float | None = None

    def renewal(self, key_id: str, algorithm: str) -> Future[None] | None:
        """Begin to ask the issuer if that is due, and return what to wait for before `find`.

        While nothing is known everybody waits for the one question. Else whoever began it waits
        alone: anybody can make up ids of keys. A question that fails leaves what is known.

        Returns:
            None where `find` can tell at once.
        """
        with self._lock:
            known = self._known
            is_lost = known is None or self._age(known) > _STALE_SECONDS
            if (
                known is not None
                and self._age(known) <= _FRESH_SECONDS
                and (key_id, algorithm) in known.keys
            ):
                return None
            if self._asking is not None and not self._asking.done():
                return self._asking if is_lost else None
            now, last = self._clock.monotonic(), self._asked_at
            if last is not None and now - last < _LEAST_BETWEEN_SECONDS:
                return None
            self._asked_at = now
            asking = self._asking = Future()
            # A daemon: a service that stops does not wait for an issuer that is slow.
            threading.Thread(
                target=self._renew, args=(asking, now), name="issuer-keys", daemon=True
            ).start()
            return asking

    def find(self, key_id: str, algorithm: str) -> PyJWK:
        """Return the key of this id for this algorithm, as it is known now.

        A renewal that is due is begun, and not waited for.

        Raises:
            IssuerAway: the issuer was never reached, or too long ago.
            TokenRefused: `key_unknown`.
        """
        self.renewal(key_id, algorithm)
        known = self._known
        if known is None or self._age(known) > _STALE_SECONDS:
            raise IssuerAway
        try:
            return known.keys[key_id, algorithm]
        except KeyError:
            raise TokenRefused("key_unknown") from None

    def _age(self, known: _Known) -> float:
        return self._clock.monotonic() - known.at

    def _renew(self, asking: Future[None], now: float) -> None:
        try:
            self._known = _Known(self._ask(), now)
        except (ConnectionError, InvalidInput) as error:
            _log.warning("issuer_keys_not_renewed", issuer=self._issuer, error=str(error))
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            asking.set_exception(error)
            return
        asking.set_result(None)

    def _ask(self) -> dict[tuple[str, str], PyJWK]:
        about = _object(self._fetch(discovery_url(self._issuer)))
        if about.get("issuer") != self._issuer:
            raise _unusable("it says that it is another issuer")
        address = about.get("jwks_uri")
        if not isinstance(address, str) or _scheme(address) not in _schemes(self._issuer):
            raise _unusable("its jwks_uri is no address as safe as its own")
        listed = _object(self._fetch(address)).get("keys")
        if not isinstance(listed, list):
            raise _unusable("its keys are no list")
        return {
            (key_id, algorithm): key
            for each in listed
            for key_id, algorithm, key in _usable(each, self._algorithms)
        }


def discovery_url(issuer: str) -> str:
    """Return where an issuer describes itself (OpenID Connect Discovery 1.0, section 4)."""
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def _schemes(issuer: str) -> set[str]:
    return {"https", urlsplit(issuer).scheme}


def _scheme(address: str) -> str | None:
    """Return the scheme of an address; None = it is no URL."""
    try:
        return urlsplit(address).scheme
    except ValueError:
        return None


def _object(document: bytes) -> dict[str, Any]:
    found = strict_json.loads(document)
    if not isinstance(found, dict):
        raise _unusable("its answer is no JSON object")
    return found


def _usable(jwk: Any, algorithms: frozenset[str]) -> list[tuple[str, str, PyJWK]]:
    """Return id, algorithm and key, if it is one that signs by an algorithm that is allowed."""
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig" or "d" in jwk or "k" in jwk:
        return []
    kind = (jwk.get("kty"), jwk.get("crv"))
    algorithm = next((name for name, each in KEY_OF_ALGORITHM.items() if each == kind), None)
    key_id = jwk.get("kid")
    if algorithm not in algorithms or jwk.get("alg", algorithm) != algorithm:
        return []
    if not isinstance(key_id, str) or not key_id:
        return []
    try:
        key = PyJWK(jwk, algorithm)
    except PyJWTError:
        return []
    if algorithm == "RS256" and key.key.key_size < _LEAST_RSA_BITS:
        return []
    return [(key_id, algorithm, key)]


def _unusable(message: str) -> InvalidInput:
    return InvalidInput(f"the issuer cannot be used: {message}", code="issuer_unusable")
