"""Say how many connections may be open, and which one makes room for another."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from typing import Protocol

#: Of every process's files so many stay for stores, logs and libraries, whoever connects;
#: where there are few, two thirds of them.
_KEPT_FILES = 512
_KEPT_SHARE = 2 / 3
#: Connections beyond the limit that are told so in words, at a time.
_MOST_TURNED_AWAY = 32


class Waiting(Protocol):
    """A connection that waits for its client."""

    def make_room(self) -> None:
        """Close at once."""


class Connections:
    """Counts the open connections of a server, and remembers which of them only wait.

    One that waits for the rest of a head, for the next request, or for its client to hang up has
    begun nothing: when there are too many, the one that has waited longest goes. Whoever holds
    connections open therefore shuts nobody out.

    Args:
        most: connections at a time; fewer where the process may not open so many files.
    """

    def __init__(self, most: int) -> None:
        self.most = min(most, _connections_by_files())
        self._turned_away: set[Waiting] = set()
        self._open: dict[Waiting, bool] = {}  # the longest-waiting first; True while it waits

    def __len__(self) -> int:
        return len(self._open)

    def open(self, connection: Waiting) -> bool:
        """Take in a new connection, which waits; False if all others are at work."""
        if len(self._open) >= self.most:
            oldest = next(self._waiting(), None)
            if oldest is None:
                return False
            self.close(oldest)
            oldest.make_room()
        self._open[connection] = True
        return True

    def works(self, connection: Waiting) -> None:
        """Note that a request of this connection has begun."""
        if connection in self._open:
            self._open[connection] = False

    def waits(self, connection: Waiting) -> None:
        """Note that this connection has nothing to do, from now on."""
        if self._open.pop(connection, None) is not None:
            self._open[connection] = True

    def turn_away(self, connection: Waiting) -> None:
        """Let a connection that found no place hear so, or close it where too many are told."""
        if len(self._turned_away) < _MOST_TURNED_AWAY:
            self._turned_away.add(connection)
        else:
            connection.make_room()

    def close(self, connection: Waiting) -> None:
        """Forget a connection; again changes nothing."""
        self._open.pop(connection, None)
        self._turned_away.discard(connection)

    def _waiting(self) -> Iterator[Waiting]:
        return (connection for connection, waits in self._open.items() if waits)


def raise_file_limit() -> None:
    """Let this process open as many files as its user may; programs of old get fewer by default."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _connections_by_files() -> int:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return 1 << 20
    return max(1, limit - min(_KEPT_FILES, int(limit * _KEPT_SHARE)))
