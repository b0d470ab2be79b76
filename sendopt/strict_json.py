"""Read JSON as it was meant, or say exactly where it is wrong.

The standard parser accepts NaN, repeated keys and any depth; each has cost somebody money. This
is the one door through which JSON from outside enters: request bodies, campaign files, lines of
an import. Field rules are pydantic models in strict mode, so "1" is never taken for 1.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NoReturn, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from sendopt.errors import InvalidInput
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

#: Of the faults of one body.
_MOST_TOLD = 20

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
        return None, _faults(error, at=at, model=model)


def from_pydantic(error: ValidationError, *, at: str = "") -> InvalidInput:
    """Turn the findings of pydantic into our own error: the first, with all others in its hint."""
    return together(_faults(error, at=at, model=None))


def together(faults: Sequence[InvalidInput]) -> InvalidInput:
    """Return the first fault, with all others in its hint."""
    first, *others = faults
    if others:
        told = [_in_short(each) for each in others[:_MOST_TOLD]]
        more = len(others) - len(told)
        hint = "also wrong: " + "; ".join(told) + (f"; and {more} more" if more else "")
        first.hint = hint if first.hint is None else f"{first.hint}; {hint}"
    return first


def _in_short(fault: InvalidInput) -> str:
    expected = f", expected {fault.expected}" if fault.expected else ""
    hint = f" ({fault.hint})" if fault.hint else ""
    return f"{fault.field}: {fault.message}{expected}{hint}"


def _faults(
    error: ValidationError, *, at: str, model: type[BaseModel] | None
) -> list[InvalidInput]:
    found = error.errors(include_url=False, include_input=False)
    return [_fault(each, at, model) for each in found]


def _fault(found: ErrorDetails, at: str, model: type[BaseModel] | None) -> InvalidInput:
    cause = found.get("ctx", {}).get("error")
    pointer = at + "".join(f"/{escaped(str(part))}" for part in found["loc"])
    if isinstance(cause, InvalidInput):
        return InvalidInput(
            cause.message,
            code=cause.code,
            field=pointer,
            expected=cause.expected,
            hint=cause.hint,
        )
    kind = found["type"]
    if kind == "missing":
        code = "missing_field"
    elif kind == "extra_forbidden":
        code = "unknown_field"
    elif kind.endswith(("_type", "_parsing")):
        code = "wrong_type"
    else:
        code = "invalid"
    hint = _nearest(found["loc"], model) if code == "unknown_field" else None
    return InvalidInput(wording(found["msg"]), code=code, field=pointer, hint=hint)


def _nearest(loc: tuple[int | str, ...], model: type[BaseModel] | None) -> str | None:
    """Ask whether the field of that name was meant which is most like an unknown one."""
    *above, name = loc
    for part in above:
        if model is not None and isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation)
    near = [] if model is None else get_close_matches(str(name), model.model_fields, n=1)
    return f"did you mean {near[0]}?" if near else None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that a field holds, by itself, in a list, or beside null."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def wording(message: str) -> str:
    """Say what pydantic says so that it reads after the name of a field."""
    known = {
        "Field required": "is missing",
        "Extra inputs are not permitted": "is not known here",
        "Input should be a valid string": "should be text, in quotes",
    }
    return known.get(message) or _without_its_own_words(message)


def _without_its_own_words(message: str) -> str:
    for subject in ("Input ", "List ", "String ", "Value error, "):
        message = message.removeprefix(subject)
    return message.replace(" after validation", "")


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


def _check(value: Any, pointer: str, limits: Limits, *, depth: int) -> None:
    """Refuse what is too large, and what stores cannot keep."""
    if isinstance(value, str):
        _check_text(value, pointer, limits)
    elif isinstance(value, float):
        if limits.storable and value in (float("inf"), float("-inf")):
            raise InvalidInput(
                "is out of range",
                code="number_out_of_range",
                field=pointer or None,
                expected="a finite number",
            )
    elif isinstance(value, dict | list):
        if depth == limits.depth:
            raise _too_deep(limits)
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in inner:
            if isinstance(key, str):
                _check_text(key, pointer, limits)
            _check(each, f"{pointer}/{escaped(str(key))}", limits, depth=depth + 1)


def _check_text(text: str, pointer: str, limits: Limits) -> None:
    if limits.storable and ("\x00" in text or any("\ud800" <= each <= "\udfff" for each in text)):
        raise InvalidInput(
            "holds a NUL or a lone surrogate", code="text_invalid", field=pointer or None
        )
    if len(text) > limits.text:
        raise InvalidInput(
            "is too long",
            code="too_complex",
            field=pointer or None,
            expected=f"at most {limits.text} characters",
        )
