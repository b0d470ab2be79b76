"""Keeps passwords out of whatever people and programs are shown: messages, logs, settings.

Three ways, because each alone misses some: what is known to be a secret is looked for as it is;
what stands where secrets stand (in a URL before the `@`, behind `password=`), and what has the form
of one (an API key), is taken for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, unquote

MASK = "***"

#: Shorter ones would be found in ordinary words and numbers.
_SHORTEST = 4

_NAMES = (
    r"(?:[\w.-]*(?:password|passwd|passphrase|pwd|secret|credential|api[_-]?key|access[_-]?key"
    r"|auth[_-]?key|token|signature)[\w.-]*|sig|pass)"
)
#: NAME=value as in a query or a libpq string, NAME: value as in JSON or a header.
_NAMED = re.compile(
    rf"""(?P<name>\b{_NAMES}["']?\s*(?:=|:|%3D)\s*)"""
    r"""(?P<value>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s&;,'"<>()\]}]+)""",
    re.IGNORECASE,
)
#: What stands between the scheme of a URL and its last `@`, slashes included: a password with one
#: makes the URL invalid, and it is such a URL that messages quote.
_USERINFO = re.compile(
    r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)(?P<user>[^\s:/@'\"]*):[^\s'\"<>]*@", re.IGNORECASE
)

#: What is a secret by its own form: our API keys, of which the first half is public; keys of
#: webhooks; what an Authorization header carries.
_FORMS = re.compile(
    r"(?P<kept>\bso_[0-9a-f]{16}_)[0-9a-f]{64}\b"
    r"|(?P<webhook>\bwhsec_)[A-Za-z0-9+/=]{16,}"
    r"|(?P<scheme>\b(?:Bearer|Basic) )[\w.~+/=-]{8,}"
)

#: Longest first: a secret may contain another.
_known: list[str] = []


def remember(*secrets: str) -> None:
    """Let `masked` hide these wherever they stand, also as a URL writes them."""
    forms = {
        form
        for secret in secrets
        for form in (secret, unquote(secret), quote(secret, safe=""), quote_plus(secret))
        if len(form) >= _SHORTEST
    }
    _known[:] = sorted(forms | set(_known), key=len, reverse=True)


def secrets_in(text: str) -> Iterator[str]:
    """Yield what stands where secrets stand in a URL or a libpq string."""
    for match in _USERINFO.finditer(text):
        yield match[0].rpartition("@")[0].removeprefix(match["scheme"]).partition(":")[2]
    for match in _NAMED.finditer(text):
        yield match["value"].strip("'\"")


def masked(text: str) -> str:
    """Return `text` with three stars for every secret.

    >>> masked("cannot reach postgresql://ann:s3cret@db/log?sslpassword=x")
    'cannot reach postgresql://ann:***@db/log?sslpassword=***'
    >>> masked("host=db password='a b' dbname=log")
    'host=db password=*** dbname=log'
    """
    for secret in _known:
        if secret in text:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
    text = _FORMS.sub(lambda found: f"{found[found.lastgroup or 0]}{MASK}", text)
    text = _USERINFO.sub(rf"\g<scheme>\g<user>:{MASK}@", text)
    return _NAMED.sub(rf"\g<name>{MASK}", text)


def hide_in(error: BaseException) -> None:
    """Mask what an error says, and those that caused it: chains end in tracebacks and in logs."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        following.args = tuple(
            masked(each) if isinstance(each, str) else each for each in following.args
        )
        following = following.__cause__ or following.__context__
