"""Text from outside that more than one stage takes: ids of users, URLs, and names with a slip.

An id means the same user in events, devices and campaigns; a URL that a click or a provider follows
leads one way, whoever reads it.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from urllib.parse import SplitResult, urlsplit

from sendopt.errors import InvalidInput

MAX_ID_CHARACTERS = 256
MAX_URL_CHARACTERS = 2_048

#: Marks that make a message read in another order than it has: "gpj.exe" as "exe.jpg". The two that
#: override; the others may stand where an Arabic name stands in an English sentence.
OVERRIDING = frozenset("\u202d\u202e")

#: Visible by their category, and yet drawn as nothing, or as a blank (Unicode's property
#: Default_Ignorable_Code_Point outside Cf, and the empty Braille cell).
_DRAWN_AS_NOTHING = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_REPLACEMENT = "\ufffd"

#: What programs write where a value is missing. In lower case; "NA" only as R and pandas write it.
SPELLINGS_OF_MISSING = frozenset(
    {
        *("null", "\\n", "nil", "none", "nan", "-nan", "nat", "n/a", "undefined", "undef"),
        *("(null)", "(nil)", "(none)", "(not set)", "<null>", "<nil>", "<none>", "<na>", "<nan>"),
        *("[null]", "[object object]", "[object undefined]", "[object null]"),
        *("#n/a", "#na", "#n/a n/a", "#null!", "#ref!", "#value!", "#name?", "#div/0!", "#num!"),
        # What stands for everybody who is not logged in, as product analytics know it.
        *("anonymous", "guest", "distinct_id", "distinctid", "not_authenticated"),
        *("{}", "[]", '""', "not set"),
        # SAS and Stata; the World Bank. As ids they could not be named in a URL either, where
        # clients take them for steps.
        *(".", ".."),
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    }
)

#: What template languages leave where nobody filled in a value: {{user_id}} (also URL-encoded),
#: ${user_id}, [[user_id]], <%= user_id %>, {% user_id %}, %%user_id%%, *|USER_ID|*, #{user_id},
#: {user_id} and <user_id>. A UUID in braces and a message id in angle brackets are none.
_MARKED = (
    r"\{\{|\}\}|%7b(%7b|[a-z_])|[$#@]\{|\{%|%\}|<%|%>|\[\[|\]\]|%%\w+%%|\*\|\w+\|\*"
    r"|\{[a-z_][\w.]*\}"
)
_PLACEHOLDER = re.compile(rf"{_MARKED}|<[a-z_][\w.]*>", re.ASCII | re.IGNORECASE)
#: What people are to read may hold markup in angle brackets, or a percentage: "-50%, only today".
#: Beside the above, {name|there}, {0} and {}, %NAME%, and %s, %d, %1$s and %(name)s of printf.
_PLACEHOLDER_IN_TEXT = re.compile(
    rf"{_MARKED}|\{{\s*[a-z_]\w*\s*[.|:,}}]|\{{\d*\}}"
    r"|(?<![\w%])%([a-z_]\w*%|(\d+\$|\(\w+\))?[sd])(?!\w)",
    re.ASCII | re.IGNORECASE,
)
_PLACEHOLDER_IN_URL = re.compile(_MARKED, re.ASCII | re.IGNORECASE)
#: A placeholder is shown with what stands in it, for so many characters.
_SHOWN = 24
#: JSON of a list or an object, where exports write several ids into one field.
_JSON = re.compile(r'\[(["\[{\]]|-?\d+(\.\d+)?\s*[,\]])|\{["}]')
#: One of these stands in every placeholder, and in JSON of more than one value.
MARKS_OF_NO_ID = "{<[%*]}>"

#: Comparing takes the product of two lengths; no name of ours is nearly as long.
_LONGEST_SLIP = 64

_URL = re.compile(r"[!-\[\]-~]+")  # printable ASCII without space and backslash


def why_no_id(text: str) -> str | None:
    r"""Return why two ids could look like `text` and not be the same, or why it names nobody.

    None if it is fit to be an id. Upper and lower case differ, and so do scripts.

    >>> why_no_id("user 7"), why_no_id("user\u200b7"), why_no_id("NULL")
    (None, 'holds U+200B, which cannot be seen', 'spells a missing value')
    >>> why_no_id("{{user_id}}")
    'holds a placeholder of a template that nobody filled in'
    """
    if reason := _why_no_value(text):
        return reason
    if not (text.isascii() and text.isprintable()):
        for each in text:
            if reason := _why_not(each):
                return f"holds U+{ord(each):04X}, {reason}"
    if text.strip() != text:
        return "begins or ends with a blank"
    if not unicodedata.is_normalized("NFC", text):
        return "is not composed (Unicode's form NFC), and looks like text that is"
    return None


def placeholder_in_text(text: str) -> str | None:
    """Return the first placeholder that a text to people holds, and what follows it; None = none.

    >>> placeholder_in_text("Hello {{name}}!"), placeholder_in_text("Hello %s")
    ('{{name}}!', '%s')
    >>> placeholder_in_text("-50% today, {really}")
    '{really}'
    >>> placeholder_in_text("50 % off :-} <3")
    """
    return _shown(text, _PLACEHOLDER_IN_TEXT)


def placeholder_in_url(url: str) -> str | None:
    """Return the first placeholder that a link holds, and what follows it; None = none.

    >>> placeholder_in_url("https://shop.example/?u=%7B%7Bid%7D%7D")
    '%7B%7Bid%7D%7D'
    >>> placeholder_in_url("https://shop.example/%E2%82%AC?d=%d0%b0")
    """
    return _shown(url, _PLACEHOLDER_IN_URL)


def _shown(text: str, pattern: re.Pattern[str]) -> str | None:
    found = pattern.search(text)
    return None if found is None else text[found.start() : found.start() + _SHOWN]


def _why_no_value(text: str) -> str | None:
    if spells_missing(text):
        return "spells a missing value"
    if _PLACEHOLDER.search(text):
        return "holds a placeholder of a template that nobody filled in"
    if _JSON.search(text):
        return "holds JSON of a list or an object, where one value belongs"
    return None


def _why_not(character: str) -> str | None:
    category = unicodedata.category(character)
    if character == _REPLACEMENT:
        return "which stands where bytes were no UTF-8"
    if category in _HIDDEN or _DRAWN_AS_NOTHING.match(character):
        return "which cannot be seen"
    if category == "Zs" and character != " ":
        return "a blank that looks like another"
    return None


def spells_missing(text: str) -> bool:
    """Tell whether `text` is what some program wrote for no value at all."""
    return text == "NA" or text.lower() in SPELLINGS_OF_MISSING


def quoted(value: object, *, limit: int = 60) -> str:
    r"""Return `value` as JSON for a message: shortened, and what nobody could see spelled out.

    >>> quoted("ann\u200b"), quoted(True), quoted({"a": None})
    ('"ann\\u200b"', 'true', '{"a": null}')
    """
    told = json.dumps(
        value if not isinstance(value, str) else value[: limit + 1],
        ensure_ascii=False,
        default=str,
    )
    text = "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in told)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def one_of(names: Iterable[str]) -> str:
    """Return what is to be expected where one of `names` belongs.

    >>> one_of(["even", "learned"])
    '"even" or "learned"'
    """
    *others, last = map(quoted, names)
    return f"{', '.join(others)} or {last}" if others else last


def nearest(name: str, names: Iterable[str], *, alike: float = 0.6) -> str | None:
    """Return that of `names` which was most likely meant by `name`; None = none is like it.

    >>> nearest("comit", ["commit", "top"]), nearest("colour", ["commit", "top"])
    ('commit', None)

    Args:
        name: what was written.
        names: what could have been.
        alike: the least ratio of `difflib` from 0 to 1.
    """
    if len(name) > _LONGEST_SLIP:
        return None
    return next(iter(get_close_matches(name, names, n=1, cutoff=alike)), None)


def did_you_mean(name: str, names: Iterable[str]) -> str | None:
    """Return the question whether the nearest of `names` was meant, if one is near.

    >>> did_you_mean("platfrom", ["platform", "timezone"])
    'did you mean platform?'
    """
    near = nearest(name, names)
    return None if near is None else f"did you mean {near}?"


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


def url_not_allowed(rule: str, field: str | None, *, hint: str | None = None) -> InvalidInput:
    """Return the refusal of a URL that breaks `rule`."""
    return InvalidInput(
        "this URL is not allowed", code="url_not_allowed", field=field, expected=rule, hint=hint
    )
