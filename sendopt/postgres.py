"""How a PostgreSQL server is asked, so that one that has vanished is missed within seconds.

By default libpq and the kernel wait for minutes or hours for a server whose machine or network is
gone: nobody closes such a connection. What counts here is whether the server's machine acknowledges
what arrives, which it does at once however long a statement takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, urlencode, urlsplit

#: Parameters of libpq (postgresql.org/docs/current/libpq-connect.html); seconds, but for the last.
PATIENCE: Mapping[str, int] = {
    "connect_timeout": 4,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 4_000,  # milliseconds
}


def with_patience(uri: str) -> str:
    """Return a libpq URI with these parameters; those that it has already stay as they are.

    >>> with_patience("postgresql://u@db/log?connect_timeout=3")[:45]
    'postgresql://u@db/log?connect_timeout=3&keepa'
    """
    parts = urlsplit(uri)
    given = parse_qs(parts.query, keep_blank_values=True)
    further = urlencode({name: value for name, value in PATIENCE.items() if name not in given})
    return parts._replace(query="&".join(filter(None, (parts.query, further)))).geturl()
