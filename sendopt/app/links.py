"""Signed links: the door for whoever holds a message, whose token is the credential."""

from __future__ import annotations

from sendopt import track
from sendopt.app.stores import Stores


class Links:
    """What devices tell of the messages that they got.

    Args:
        stores: of the whole process.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def follow(self, token: str, request: track.ClickRequest) -> track.Redirect:
        """Record a click and return where it leads.

        Raises:
            NotFound: `link_unknown`.
        """
        return track.follow_link(
            self._stores.state,
            self._stores.link_signer,
            token,
            request,
            now=self._stores.clock.now(),
            random_bytes=self._stores.random_bytes,
        )

    def report(self, token: str, kind: str) -> track.ResponseVerdict:
        """Record what a device reports with the token of its message.

        Raises:
            NotFound: `link_unknown`.
            Conflict: `not_handed_over`.
        """
        return track.record_by_token(
            self._stores.state, self._stores.link_signer, token, kind, now=self._stores.clock.now()
        )
