"""What is kept of further columns: `attributes`, one JSON object that every parser reads alike."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from sendopt import strict_json
from sendopt.errors import InvalidInput
from sendopt.records import COUNTING_ATTRIBUTE
from sendopt.text import quoted

MAX_CHARACTERS = 65_536
MAX_DEPTH = 32

_NO_TEXT = re.compile(r"[\x00\ufffd\ud800-\udfff]")
_WORDS = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def canonical(value: Any) -> str:
    """Return the JSON of `value`, sorted and compact: equal attributes are equal text."""
    return _WORDS.encode(value)


def merge(given: Any, further: Mapping[str, Any]) -> tuple[str, list[InvalidInput]]:
    """Return the attributes of an event as JSON, and what could not be kept of them.

    A column goes before a member of `given` that has its name. Nulls say nothing and are left out.

    Args:
        given: the value of `attributes`: an object, the JSON text of one, or None.
        further: values of columns that the contract does not know, by name.

    Raises:
        InvalidInput: `attribute_reserved`.
    """
    if (given is None or given == "") and not further:
        return "{}", []
    lost: list[InvalidInput] = []
    kept: dict[str, Any] = {}
    for path, members in (("attributes/", _members(given, lost)), ("", further)):
        for name, value in members.items():
            _keep(kept, name, value, path + name, lost)
    if COUNTING_ATTRIBUTE in kept:
        raise InvalidInput(
            f"may not hold {COUNTING_ATTRIBUTE}, by which sendopt marks what it counted",
            code="attribute_reserved",
            field="attributes",
        )
    text = canonical(kept)
    if len(text) > MAX_CHARACTERS:
        lost.append(
            InvalidInput(
                f"are {len(text):,} characters long",
                code="too_complex",
                field="attributes",
                expected=f"at most {MAX_CHARACTERS:,} characters of JSON, further columns included",
            )
        )
        text = "{}"
    return text, lost


def _members(given: Any, lost: list[InvalidInput]) -> Mapping[str, Any]:
    """Return the members of `given`; none of what is no object."""
    if given is None or given == "":
        return {}
    try:
        return _object(given)
    except InvalidInput as error:
        lost.append(
            InvalidInput(
                f"{quoted(given)}: {error.message}",
                code=error.code,
                field="attributes",
                expected="a JSON object, or its text",
            )
        )
        return {}


def _object(given: Any) -> Mapping[str, Any]:
    value = given
    if isinstance(given, InvalidInput):  # a reader's
        raise given
    if isinstance(given, str):
        body = given.encode("utf-8", "replace")
        value = strict_json.loads(body, limits=strict_json.BY_FIELD)
    if not isinstance(value, dict):
        raise InvalidInput("no JSON object", code="malformed_json")
    return value


def _keep(
    kept: dict[str, Any], name: str, value: Any, place: str, lost: list[InvalidInput]
) -> None:
    try:
        _check_text(name)
        storable = _storable(value, depth=2)
    except InvalidInput as error:
        lost.append(error.at(quoted(place) if _NO_TEXT.search(place) else place))
        return
    if storable is not None:
        kept[name] = storable


def _storable(value: Any, *, depth: int) -> Any:
    """Return `value` as JSON can hold it, or raise; `depth` counts the levels up to it."""
    match value:
        case None | bool():
            return value
        case str():
            return _check_text(value)
        case int() | float():
            return _number(value)
        case Mapping() | list():
            return _nested(value, depth=depth + 1)
        case InvalidInput():  # a reader's, where no value could be told
            raise value
        case _:
            return str(value)


def _nested(value: Mapping[Any, Any] | list[Any], *, depth: int) -> Any:
    if depth > MAX_DEPTH + 1:
        raise InvalidInput(
            "is nested too deeply", code="too_complex", expected=f"at most {MAX_DEPTH} levels"
        )
    if isinstance(value, list):
        return [_storable(each, depth=depth) for each in value]
    return {_check_text(str(key)): _storable(each, depth=depth) for key, each in value.items()}


def _number(value: float) -> float | None:
    """Return a number; None for NaN, which data frames write where a number is missing."""
    # A whole number is compared first: the largest ones have no float to be looked at.
    fits = -(2**63) <= value < 2**63 if isinstance(value, int) else not math.isinf(value)
    if not fits:
        raise InvalidInput(
            f"{quoted(value)} is out of range",
            code="number_out_of_range",
            expected="a finite number; a whole one within 64 bits, or its digits as text",
        )
    return None if isinstance(value, float) and math.isnan(value) else value


def _check_text(text: str) -> str:
    if _NO_TEXT.search(text):
        raise InvalidInput(
            f"{quoted(text)} holds what is no text: NUL, or bytes that were no UTF-8",
            code="text_invalid",
            expected="UTF-8 text",
        )
    return text
