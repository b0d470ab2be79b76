"""Read JSON as it was meant, or say exactly where it is wrong.

The standard parser accepts NaN, repeated keys and any depth; each has cost somebody money. This
is the one door through which JSON from outside enters: request bodies, campaign files, lines of
an import. Field rules are pydantic models in strict mode, so "1" is never taken for 1.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sendopt.errors import InvalidInput, together
from sendopt.json_forms import Place
from sendopt.model_faults import faults_of
from sendopt.text import quoted


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a text may be, so that reading it costs no more than it is worth."""

    depth: int = 32
    keys: int = 10_000
    text: int = 65_536  # characters of one string
    #: Refuse the whole for a text or a number that no store can keep. Else whoever reads the
    #: fields judges each by itself.
    storable: bool = True


#: Of a request, or of a file that is one.
REQUEST = Limits()
#: Of a line or a request of at most 1 MiB, whose fields are judged one by one.
BY_FIELD = Limits(depth=256, keys=200_000, text=1024 * 1024, storable=False)
#: Longer whole numbers are no values, and no floats; turning their digits into integers would
#: cost time.
_MAX_DIGITS = 400

Model = TypeVar("Model", bound=BaseModel)


class StrictModel(BaseModel):
    """A body whose unknown fields are errors and whose values are never coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def loads(body: bytes, *, limits: Limits = REQUEST) -> Any:
    """Parse `body`.

    Raises:
        InvalidInput: `malformed_json` (with the byte offset), `text_invalid` (not UTF-8, or a
            lone surrogate or NUL), `too_complex`, `number_out_of_range` (NaN, infinities, integers
            beyond 64 bits).
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"byte {error.start} is not UTF-8", code="text_invalid", expected="UTF-8 text"
        ) from error
    if text.startswith("\ufeff"):
        raise _malformed("a byte order mark", 0)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_objects(limits),
            parse_constant=_refuse_constant,
            parse_int=_integer if limits.storable else _whole_number,
        )
    except json.JSONDecodeError as error:
        raise _malformed(error.msg, len(text[: error.pos].encode("utf-8"))) from error
    except RecursionError as error:
        raise _too_deep(limits) from error
    # Fewer brackets than levels are no depth, wherever they stand.
    if limits.storable or body.count(b"[") + body.count(b"{") > limits.depth:
        _check(value, "", limits, depth=0)
    return value


def validate(model: type[Model], value: Any, *, at: str = "", context: Any = None) -> Model:
    """Check `value` against `model`; all broken rules become one error, named after the first.

    Args:
        model: what it must be.
        value: parsed JSON.
        at: the JSON Pointer of `value` within the whole document.
        context: what the validators of the model are told beside the value.

    Raises:
        InvalidInput: with `field` as a JSON Pointer and a code of `missing_field`,
            `unknown_field`, `wrong_type` or `invalid`.
    """
    read, faults = examined(model, value, at=at, context=context)
    if read is None:
        raise together(faults)
    return read


def examined(
    model: type[Model], value: Any, *, at: str = "", context: Any = None
) -> tuple[Model | None, list[InvalidInput]]:
    """Return `value` as `model` reads it, or None and every rule of the model that it breaks."""
    try:
        return model.model_validate(value, context=context), []
    except ValidationError as error:
        found = error.errors(include_url=False)
        return None, faults_of(found, called=lambda place: at + pointer(place), model=model)


def from_pydantic(error: ValidationError, *, at: str) -> InvalidInput:
    """Turn the findings of pydantic about the value of the field `at` into our own error."""
    return together(faults_of(error.errors(include_url=False), called=lambda _: at))


def pointer(place: Place) -> str:
    """Return the JSON Pointer of a place.

    >>> pointer(("variants", 0, "title"))
    '/variants/0/title'
    """
    return "".join(f"/{escaped(str(part))}" for part in place)


def escaped(part: str) -> str:
    """Return a key as it stands in a JSON Pointer."""
    return part.replace("~", "~0").replace("/", "~1")  # RFC 6901, section 3


def _malformed(what: str, offset: int) -> InvalidInput:
    return InvalidInput(f"not JSON at byte {offset}: {what}", code="malformed_json")


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidInput(
        f"{name} is not a number", code="number_out_of_range", expected="a finite number"
    )


def _objects(limits: Limits) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    keys = 0

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal keys
        keys += len(pairs)
        if keys > limits.keys:
            raise InvalidInput(
                "too many keys", code="too_complex", expected=f"at most {limits.keys} keys"
            )
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [key for key, _ in pairs]
            twice = next(key for key in found if names.count(key) > 1)
            raise InvalidInput(f"the key {quoted(twice)} stands twice", code="malformed_json")
        return found

    return object_of


def _integer(digits: str) -> int:
    """Read a whole number that a store can hold. Length first: thousands of digits cost time."""
    if len(digits) > 20 or not -(2**63) <= (number := int(digits)) < 2**63:
        raise InvalidInput(
            "an integer is out of range",
            code="number_out_of_range",
            expected="a signed integer of 64 bits",
        )
    return number


def _whole_number(digits: str) -> float:
    """Read a whole number; one that no field takes becomes infinite, which none takes either."""
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def _too_deep(limits: Limits) -> InvalidInput:
    return InvalidInput(
        "nested too deeply", code="too_complex", expected=f"at most {limits.depth} levels"
    )


def _check(value: Any, at: str, limits: Limits, *, depth: int) -> None:
    """Refuse what is too large, and what stores cannot keep."""
    if isinstance(value, str):
        _check_text(value, at, limits)
    elif isinstance(value, float):
        if limits.storable and value in (float("inf"), float("-inf")):
            raise InvalidInput(
                "is out of range",
                code="number_out_of_range",
                field=at or None,
                expected="a finite number",
            )
    elif isinstance(value, dict | list):
        if depth == limits.depth:
            raise _too_deep(limits)
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in inner:
            if isinstance(key, str):
                _check_text(key, at, limits)
            _check(each, f"{at}/{escaped(str(key))}", limits, depth=depth + 1)


def _check_text(text: str, at: str, limits: Limits) -> None:
    if limits.storable and ("\x00" in text or any("\ud800" <= each <= "\udfff" for each in text)):
        raise InvalidInput("holds a NUL or a lone surrogate", code="text_invalid", field=at or None)
    if len(text) > limits.text:
        raise InvalidInput(
            "is too long",
            code="too_complex",
            field=at or None,
            expected=f"at most {limits.text} characters",
        )
