"""The secrets that the service makes for itself: link keys and the Web Push (VAPID) key.

They live in `HOME/secrets.json`, readable by its owner alone, made once at first use. In a fleet
every process mounts the same file. Losing it breaks the links that are already out and the
browsers' subscriptions, so it belongs into the backup, and into no repository.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sendopt.disk import sync
from sendopt.errors import InvalidInput

LINK_KEY_BYTES = 32


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """Keys in use; `repr` is off so that no log line can hold them."""

    link_keys: dict[str, bytes]  # key id → key; old ids stay so that old links still open
    current_link_key: str
    vapid_private_key_pem: str


def load_or_create_secrets(home: Path, random_bytes: Callable[[int], bytes]) -> Secrets:
    """Read `home/secrets.json`, making it first if it is missing.

    Two processes that start at once agree: the file is linked into place, and the loser reads
    what the winner wrote. It survives a power cut before the first link is signed with it.

    Raises:
        InvalidInput: `secrets_unusable`, if the file is there but cannot be used.
    """
    path = secrets_file(home)
    if not path.exists():
        _create(path, random_bytes)
    return load_secrets(path)


def secrets_file(home: Path) -> Path:
    """Return where the secrets of a home are."""
    return home / "secrets.json"


def lost_secrets(home: Path) -> InvalidInput:
    """Say that the secrets of a home are gone that links or browsers depend on."""
    return InvalidInput(
        f"{secrets_file(home)} is gone, and links were signed or browsers subscribed with it",
        code="secrets_unusable",
        hint="restore it from the backup, or in a fleet mount it; if there is none, "
        "docs/runbooks/key-rotated.md says how to begin with new ones",
    )


def load_secrets(path: Path) -> Secrets:
    """Read secrets that are there.

    Raises:
        InvalidInput: `secrets_unusable`.
    """
    try:
        stored = json.loads(path.read_text())
        _require_unchanged(stored)
        serialization.load_pem_private_key(stored["vapid_private_key_pem"].encode(), None)
        return Secrets(
            link_keys={
                key_id: base64.b64decode(key, validate=True)
                for key_id, key in stored["link_keys"].items()
            },
            current_link_key=stored["current_link_key"],
            vapid_private_key_pem=stored["vapid_private_key_pem"],
        )
    except (OSError, KeyError, AttributeError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"{path} cannot be used",
            code="secrets_unusable",
            hint="restore it from the backup, readable by whoever runs this; a new one would break "
            "every link already sent. If you changed its keys yourself, remove its member sha256",
        ) from error


def _require_unchanged(content: Mapping[str, Any]) -> None:
    if "sha256" in content and content["sha256"] != _digest(content):
        raise InvalidInput("it is not what was written", code="secrets_unusable")


def _digest(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of everything but itself: a changed key would still look like one."""
    rest = {name: value for name, value in content.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _create(path: Path, random_bytes: Callable[[int], bytes]) -> None:
    private_key = ec.generate_private_key(ec.SECP256R1())
    content: dict[str, Any] = {
        "link_keys": {"k1": base64.b64encode(random_bytes(LINK_KEY_BYTES)).decode()},
        "current_link_key": "k1",
        "vapid_private_key_pem": private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
    }
    content["sha256"] = _digest(content)
    draft = path.with_name(f".{path.name}.{random_bytes(8).hex()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # unlike rename, never replaces a file that is already in use
    except FileExistsError:
        pass  # another process was first; its keys count
    finally:
        draft.unlink()
    sync(path.parent)
