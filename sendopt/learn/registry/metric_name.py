"""What a figure is called in MLflow, which refuses some names."""

from __future__ import annotations

import posixpath
import re
from hashlib import sha256

_LONGEST = 250  # characters
_ACCEPTED = re.compile(r"[\w.\- :/]+")  # as a whole, and only as a normalised path
_REPLACED = re.compile(r"[^\w.\- ]")
_DIGITS = 16
_MARKED = re.compile(rf" [0-9a-f]{{{_DIGITS}}}")  # at the end


def metric_name(name: str) -> str:
    """Return `name` where MLflow accepts it, else a legible one that no other name gets.

    Figures of a part of the users carry its name, such as a platform, which may be any text. Such a
    name is cut, what MLflow refuses becomes `_`, and digits of its SHA-256 tell it from others:
    `iOS, tablet` becomes `iOS_ tablet c32636549ff81a94`.
    """
    if _is_accepted(name) and not _MARKED.fullmatch(name[-_DIGITS - 1 :]):
        return name
    digest = sha256(name.encode()).hexdigest()[:_DIGITS]
    return f"{_REPLACED.sub('_', name)[: _LONGEST - _DIGITS - 1]} {digest}"


def _is_accepted(name: str) -> bool:
    return (
        len(name) <= _LONGEST
        and _ACCEPTED.fullmatch(name) is not None
        and posixpath.normpath(name) == name
        and not name.startswith(("/", ".."))
        and name != "."
    )
