"""Signed links: who holds one may follow it, and nobody can make one up.

A token is `<key id>.<link id>.<mac>`. It names a link by a random id and nothing else; where it
leads is looked up in the state, so no change to a token can send anybody elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping

from sendopt.errors import InvalidInput, NotFound
from sendopt.text import quoted

#: 192 of HMAC-SHA256's 256 bits (RFC 2104, section 5, allows to cut to half): 32 characters
#: without padding, so that each character of a token counts.
_MAC_BYTES = 24
_MIN_KEY_BYTES = 16

_KEY_ID = r"[A-Za-z0-9_-]{1,16}"
_LINK_ID = r"[A-Za-z0-9_-]{1,64}"
_TOKEN = re.compile(rf"({_KEY_ID})\.({_LINK_ID})\.([A-Za-z0-9_-]{{32}})", re.ASCII)


class LinkSigner:
    """Makes and opens tokens. Several keys may be valid, so that keys can be changed."""

    def __init__(self, keys: Mapping[str, bytes], current: str, base_url: str) -> None:
        """Sign with `keys[current]`, accept every one of `keys`, put links under `base_url`.

        Raises:
            InvalidInput: `key_invalid`, for a missing or short key, or an id unfit for a token.
        """
        for key_id, key in keys.items():
            if not re.fullmatch(_KEY_ID, key_id, re.ASCII) or len(key) < _MIN_KEY_BYTES:
                raise InvalidInput(
                    f"the link key {quoted(key_id)} cannot be used",
                    code="key_invalid",
                    expected=f"an id like {_KEY_ID} and at least {_MIN_KEY_BYTES} bytes",
                )
        if current not in keys:
            raise InvalidInput(f"there is no link key {quoted(current)}", code="key_invalid")
        self._keys = dict(keys)
        self._current = current
        self._base_url = base_url.rstrip("/")

    def url(self, link_id: str) -> str:
        """Return the address to put into a message.

        Raises:
            InvalidInput: `link_invalid`, for an id that no token could be opened with.
        """
        return f"{self._base_url}/t/{self.token(link_id)}"

    def token(self, link_id: str) -> str:
        if not re.fullmatch(_LINK_ID, link_id, re.ASCII):
            raise InvalidInput(
                "this link's id fits into no token", code="link_invalid", expected=_LINK_ID
            )
        return f"{self._current}.{link_id}.{self._mac(self._current, link_id)}"

    def open(self, token: str) -> str:
        """Return the link id in `token`.

        Raises:
            NotFound: `link_unknown`; the answer is the same whatever is wrong with the token.
        """
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise link_unknown()
        key_id, link_id, mac = match.groups()
        if key_id not in self._keys or not hmac.compare_digest(self._mac(key_id, link_id), mac):
            raise link_unknown()
        return link_id

    def _mac(self, key_id: str, link_id: str) -> str:
        digest = hmac.digest(self._keys[key_id], f"{key_id}.{link_id}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:_MAC_BYTES]).decode()


def link_unknown() -> NotFound:
    """Return the one answer to every token that leads nowhere."""
    return NotFound("this link leads nowhere", code="link_unknown")
