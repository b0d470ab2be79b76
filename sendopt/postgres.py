"""How a PostgreSQL server is asked, so that one that has vanished is missed within seconds.

By default libpq and the kernel wait for minutes or hours for a server whose machine or network is
gone: nobody closes such a connection. What counts here is whether the server's machine acknowledges
what arrives, which it does at once however long a statement takes.

The server is asked to look at us in the same way. A session that it believes in keeps its rights
and the locks of its rows, and by default it would believe in one of a lost machine for hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote, urlencode, urlsplit

#: Parameters of libpq (postgresql.org/docs/current/libpq-connect.html); seconds, but for the last.
_OURS: Mapping[str, int] = {
    "connect_timeout": 4,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 4_000,  # milliseconds
}
#: Settings of the session (postgresql.org/docs/current/runtime-config-connection.html), as well.
_OF_SERVER: Mapping[str, int] = {
    "tcp_keepalives_idle": 2,
    "tcp_keepalives_interval": 1,
    "tcp_keepalives_count": 2,
    "tcp_user_timeout": 4_000,
}
_OPTIONS = "options"


def patience(given: Mapping[str, str]) -> dict[str, str | int]:
    """Return the parameters of libpq to connect with beside those that are `given`, which win.

    >>> patience({"options": "-c geqo=off"})["options"][-36:]
    '-c tcp_user_timeout=4000 -c geqo=off'
    """
    settings = [f"-c {name}={value}" for name, value in _OF_SERVER.items()]
    options = " ".join([*settings, *filter(None, [given.get(_OPTIONS)])])
    return {name: value for name, value in _OURS.items() if name not in given} | {_OPTIONS: options}


def with_patience(uri: str) -> str:
    """Return a libpq URI with these parameters; those that it has already stay as they are.

    >>> with_patience("postgresql://u@db/log?connect_timeout=3")[:45]
    'postgresql://u@db/log?connect_timeout=3&keepa'
    """
    parts = urlsplit(uri)
    given = dict(pair.partition("=")[::2] for pair in parts.query.split("&") if pair)
    further = patience({name: unquote(value) for name, value in given.items()})
    asked = urlencode(further, quote_via=quote)  # libpq reads + as it stands
    kept = [f"{name}={value}" for name, value in given.items() if name not in further]
    return parts._replace(query="&".join([*kept, asked])).geturl()
