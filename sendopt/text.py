"""Text from outside that more than one stage takes: ids of users, and URLs.

An id means the same user in events, devices and campaigns; a URL that a click or a provider follows
leads one way, whoever reads it.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import SplitResult, urlsplit

from sendopt.errors import InvalidInput

MAX_ID_CHARACTERS = 256
MAX_URL_CHARACTERS = 2_048

#: Marks that make text read in another order than it has: "gpj.exe" as "exe.jpg". In an id all of
#: them; in a message, where an Arabic name may stand in an English sentence, the two that override.
REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
OVERRIDING = frozenset("\u202d\u202e")

_URL = re.compile(r"[!-\[\]-~]+")  # printable ASCII without space and backslash


def hidden_in_id(text: str) -> str | None:
    r"""Return the first character of `text` that nobody would see, or that moves others.

    >>> hidden_in_id("user-7"), hidden_in_id("user\t7")
    (None, '\t')
    """
    return next(
        (each for each in text if unicodedata.category(each) in {"Cc", "Cs"} or each in REORDERING),
        None,
    )


def split_url(url: str, *, field: str | None = None) -> SplitResult:
    """Take apart an absolute http or https URL that carries no credentials.

    Raises:
        InvalidInput: `url_not_allowed`, at `field`; the URL itself is not repeated.
    """
    if not _URL.fullmatch(url) or len(url) > MAX_URL_CHARACTERS:
        raise url_not_allowed(f"at most {MAX_URL_CHARACTERS} characters of printable ASCII", field)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:  # an unfinished IPv6 address, a port out of range
        raise url_not_allowed("an absolute URL", field) from error
    if parts.scheme not in {"http", "https"}:
        raise url_not_allowed("http or https", field)
    if not parts.hostname or port == 0 or "@" in parts.netloc:
        raise url_not_allowed("a host, and no user name", field)
    return parts


def url_not_allowed(rule: str, field: str | None) -> InvalidInput:
    """Return the refusal of a URL that breaks `rule`."""
    return InvalidInput(
        "this URL is not allowed", code="url_not_allowed", field=field, expected=rule
    )
