"""Why a bearer token was refused."""

from __future__ import annotations


class TokenRefused(Exception):
    """A token that opens nothing.

    Attributes:
        reason: for the log of the operator alone; who sent the token is never told.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class IssuerAway(TokenRefused):
    """Nobody can tell yet whether a token is good: the keys of its issuer are not known."""

    def __init__(self) -> None:
        super().__init__("issuer_keys_unknown")
