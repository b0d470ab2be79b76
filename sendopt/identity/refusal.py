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
