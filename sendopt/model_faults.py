"""Turn what pydantic finds wrong with a value into faults of ours, in plain words.

What was given is never repeated: it can be an address, a key or a person.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from sendopt.errors import MOST_TOLD, InvalidInput
from sendopt.json_forms import JsonForms, Place, forms_of
from sendopt.text import did_you_mean, nearest, one_of, quoted

_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
    "too_short": ("at least", "min_length"),
    "string_too_short": ("at least", "min_length"),
    "too_long": ("at most", "max_length"),
    "string_too_long": ("at most", "max_length"),
}
#: What a value of a type should be, by the beginning of what pydantic calls a broken one.
_TYPES = {"bool": "true or false", "int": "a whole number", "float": "a number", "string": "text"}


def faults_of(
    found: Sequence[ErrorDetails],
    *,
    called: Callable[[Place], str],
    model: type[BaseModel] | None = None,
) -> list[InvalidInput]:
    """Return what pydantic has found as faults of ours.

    Args:
        found: the details of its error.
        called: what a place is called: a JSON Pointer, a parameter, a setting.
        model: what the whole was held against; None = values by themselves.
    """
    forms = None if model is None else forms_of(model)
    # To look for the nearest name takes time; so many thousands as a body can hold need it not.
    return [
        _fault(each, called(each["loc"]), forms if place < MOST_TOLD else None)
        for place, each in enumerate(found)
    ]


def _fault(found: ErrorDetails, field: str, forms: JsonForms | None) -> InvalidInput:
    place, kind = found["loc"], found["type"]
    cause = found.get("ctx", {}).get("error")
    if isinstance(cause, InvalidInput):
        return cause.at(field)
    if kind == "extra_forbidden":
        known = forms.names(place[:-1]) if forms else []
        return unknown_name(str(place[-1]), known, code="unknown_field", field=field)
    words = forms.words(place) if forms else None
    if kind == "missing":
        return InvalidInput("is missing", code="missing_field", field=field, expected=words)
    if kind.endswith(("_type", "_parsing", "_from_float")):
        return _of_another_type(found, field, words, forms)
    choices = forms.choices(place) if forms else []
    if choices and kind in {"literal_error", "enum"}:
        return unknown_choice(found["input"], choices, code="invalid", field=field)
    return _beyond_a_limit(found, field, words)


def unknown_name(name: str, known: Collection[str], *, code: str, field: str) -> InvalidInput:
    """Return the fault of a name that means nothing where it stands, with the nearest that does."""
    near = did_you_mean(name, known)
    return InvalidInput(
        "is not known here",
        code=code,
        field=field,
        expected=None if near else ", ".join(known) or "nothing",
        hint=near,
    )


def unknown_choice(
    given: object, choices: Collection[str], *, code: str, field: str
) -> InvalidInput:
    """Return the fault of a value that is none of `choices`, with the nearest of them."""
    near = nearest(given.lower(), choices) if isinstance(given, str) else None
    return InvalidInput(
        "is not a value that it can have",
        code=code,
        field=field,
        expected=one_of(choices),
        hint=None if near is None else f"did you mean {quoted(near)}?",
    )


def wording(message: str) -> str:
    """Say what pydantic says so that it reads after the name of a field."""
    for subject in ("Input ", "List ", "String ", "Value error, "):
        message = message.removeprefix(subject)
    known = {"Field required": "is missing", "Extra inputs are not permitted": "is not known here"}
    return known.get(message) or message.replace(" after validation", "")


def _of_another_type(
    found: ErrorDetails, field: str, words: str | None, forms: JsonForms | None
) -> InvalidInput:
    given, kind = found["input"], found["type"]
    if words is None:
        words = next((said for name, said in _TYPES.items() if kind.startswith(name)), None)
    if kind.endswith("_parsing"):  # of a parameter, which is text whatever it means
        message = "cannot be read"
    else:
        message = f"is {_kind_of(given)}" if field else f"the whole of it is {_kind_of(given)}"
    is_listed = isinstance(given, list) and forms is not None and forms.is_object(found["loc"])
    return InvalidInput(
        message,
        code="wrong_type",
        field=field,
        expected=words,
        hint="take away the [ ] around it" if is_listed else None,
    )


def _beyond_a_limit(found: ErrorDetails, field: str, words: str | None) -> InvalidInput:
    kind = found["type"]
    if kind not in _BOUNDS:
        message = wording(found["msg"]).replace("'", '"')
        return InvalidInput(message, field=field, expected=words)
    said, limit = _BOUNDS[kind]
    bound = f"{said} {found['ctx'][limit]:,}"
    if limit.endswith("_length"):
        long = "short" if limit == "min_length" else "long"
        return InvalidInput(f"is too {long}", field=field, expected=bound)
    return InvalidInput("is out of range", field=field, expected=words or bound)


def _kind_of(value: object) -> str:
    """Return what a value of JSON is, and no more of it."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    kinds = {str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return kinds.get(type(value), "of another type")
