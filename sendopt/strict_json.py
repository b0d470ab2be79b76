"""Read JSON as it was meant, or say exactly where it is wrong.

The standard parser accepts NaN, repeated keys and any depth; each has cost somebody money. This
is the one door through which JSON from outside enters: request bodies, campaign files, lines of
an import. Field rules are pydantic models in strict mode, so "1" is never taken for 1.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sendopt.errors import InvalidInput

MAX_DEPTH = 32
MAX_KEYS = 10_000
MAX_TEXT = 65_536  # characters of one string

Model = TypeVar("Model", bound=BaseModel)


class StrictModel(BaseModel):
    """A body whose unknown fields are errors and whose values are never coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def loads(body: bytes) -> Any:
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
    _limit_depth(text)
    keys = 0

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal keys
        keys += len(pairs)
        if keys > MAX_KEYS:
            raise InvalidInput(
                "too many keys", code="too_complex", expected=f"at most {MAX_KEYS} keys"
            )
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise InvalidInput(f"the key {key!r} stands twice", code="malformed_json")
            found[key] = value
        return found

    try:
        value = json.loads(
            text,
            object_pairs_hook=object_of,
            parse_constant=_refuse_constant,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        raise _malformed(error.msg, len(text[: error.pos].encode("utf-8"))) from error
    _check_text(value, "")
    return value


def validate(model: type[Model], value: Any, *, at: str = "") -> Model:
    """Check `value` against `model`; the first broken rule becomes the error.

    `at` is the JSON Pointer of `value` within the whole document.

    Raises:
        InvalidInput: with `field` as a JSON Pointer and a code of `missing_field`,
            `unknown_field`, `wrong_type` or `invalid`.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise from_pydantic(error, at=at) from error


def from_pydantic(error: ValidationError, *, at: str = "") -> InvalidInput:
    """Turn the first finding of pydantic into our own error."""
    first = error.errors(include_url=False, include_input=False)[0]
    cause = first.get("ctx", {}).get("error")
    pointer = at + "".join(f"/{_escape(str(part))}" for part in first["loc"])
    if isinstance(cause, InvalidInput):
        return InvalidInput(
            cause.message,
            code=cause.code,
            field=pointer,
            expected=cause.expected,
            hint=cause.hint,
        )
    kind = first["type"]
    if kind == "missing":
        code = "missing_field"
    elif kind == "extra_forbidden":
        code = "unknown_field"
    elif kind.endswith(("_type", "_parsing")):
        code = "wrong_type"
    else:
        code = "invalid"
    return InvalidInput(wording(first["msg"]), code=code, field=pointer)


def wording(message: str) -> str:
    """Say what pydantic says so that it reads after the name of a field."""
    known = {"Field required": "is missing", "Extra inputs are not permitted": "is not known here"}
    return known.get(message) or message.removeprefix("Input ").removeprefix("Value error, ")


def _escape(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")  # RFC 6901, section 3


def _malformed(what: str, offset: int) -> InvalidInput:
    return InvalidInput(f"not JSON at byte {offset}: {what}", code="malformed_json")


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidInput(
        f"{name} is not a number", code="number_out_of_range", expected="a finite number"
    )


def _integer(digits: str) -> int:
    """Read a whole number that a store can hold. Length first: thousands of digits cost time."""
    if len(digits) > 20 or not -(2**63) <= (number := int(digits)) < 2**63:
        raise InvalidInput(
            "an integer is out of range",
            code="number_out_of_range",
            expected="a signed integer of 64 bits",
        )
    return number


def _limit_depth(text: str) -> None:
    """Count brackets outside strings first: the recursive parser would overflow the stack."""
    depth = 0
    in_string = False
    escaped = False
    for character in text:
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise InvalidInput(
                    "nested too deeply", code="too_complex", expected=f"at most {MAX_DEPTH} levels"
                )
        elif character in "]}":
            depth -= 1


def _check_text(value: Any, pointer: str) -> None:
    """Refuse text that stores cannot keep, and numbers that overflowed while parsing."""
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise InvalidInput(
                "holds a NUL or a lone surrogate", code="text_invalid", field=pointer or None
            )
        if len(value) > MAX_TEXT:
            raise InvalidInput(
                "is too long",
                code="too_complex",
                field=pointer or None,
                expected=f"at most {MAX_TEXT} characters",
            )
    elif isinstance(value, float):
        if value in (float("inf"), float("-inf")):
            raise InvalidInput(
                "is out of range",
                code="number_out_of_range",
                field=pointer or None,
                expected="a finite number",
            )
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_text(key, pointer)
            _check_text(inner, f"{pointer}/{_escape(key)}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _check_text(inner, f"{pointer}/{index}")
