"""Say in words what a JSON Schema lets stand in a place: what an error expects there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

from sendopt.text import one_of, quoted

Schema = Mapping[str, Any]
#: Where a value stands: the names and positions that lead to it.
Place = tuple[int | str, ...]

#: More choices than this are no help in a sentence.
_MOST_CHOICES = 12
_WORDS = {
    "string": "text in double quotes",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
    "date-time": "a timestamp with a zone, such as 2026-10-01T09:00:00+02:00",
}


class JsonForms:
    """What a model of pydantic lets stand where."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._whole: Schema = model.model_json_schema()

    def names(self, place: Place) -> list[str]:
        """Return the fields of the object at `place`; none if there is no object with fields."""
        found = self._with("properties", self._at(place))
        return [] if found is None else list(found["properties"])

    def choices(self, place: Place) -> list[str]:
        """Return the texts of which one stands at `place`; none if it may be another value."""
        found = self._with("enum", self._at(place))
        return [] if found is None else [each for each in found["enum"] if isinstance(each, str)]

    def is_object(self, place: Place) -> bool:
        return self._with("properties", self._at(place)) is not None

    def words(self, place: Place) -> str | None:
        """Say what may stand at `place`; None where nothing is known of it."""
        schema = self._at(place)
        return None if schema is None else self._words(schema)

    def _at(self, place: Place) -> Schema | None:
        schema: Schema | None = self._whole
        for part in place:
            if schema is None:
                return None
            schema = self._step(schema, part)
        return schema

    def _step(self, schema: Schema, part: int | str) -> Schema | None:
        if isinstance(part, int):
            found = self._with("items", schema)
            return None if found is None else found["items"]
        found = self._with("properties", schema)
        if found is not None:
            step: Schema | None = found["properties"].get(part)
            return step
        found = self._with("additionalProperties", schema)
        inner = None if found is None else found["additionalProperties"]
        return inner if isinstance(inner, dict) else None

    def _with(self, key: str, schema: Schema | None) -> Schema | None:
        """Return the part of `schema` that has `key`: itself, what it refers to, or one of many."""
        if schema is None or key in schema:
            return schema
        if "$ref" in schema:
            return self._with(key, self._referred(schema))
        found = (self._with(key, each) for each in schema.get("anyOf", ()))
        return next(filter(None, found), None)

    def _referred(self, schema: Schema) -> Schema:
        name = schema["$ref"].rpartition("/")[2]
        referred: Schema = self._whole["$defs"][name]
        return referred

    def _words(self, schema: Schema) -> str:
        if "$ref" in schema:
            return self._words(self._referred(schema))
        if "anyOf" in schema:
            return " or ".join(dict.fromkeys(map(self._words, schema["anyOf"])))
        choices = schema.get("enum", [schema["const"]] if "const" in schema else [])
        if 0 < len(choices) <= _MOST_CHOICES:
            return one_of(choices)
        if schema.get("type") in {"integer", "number"}:
            return _number(schema)
        words = _WORDS.get(schema.get("format", ""), _WORDS.get(schema.get("type", ""), "a value"))
        if "properties" in schema:
            return f"{words} such as {_example(schema)}"
        return words + (
            f", such as {quoted(schema['examples'][0])}" if "examples" in schema else ""
        )


def _number(schema: Schema) -> str:
    words = "a whole number" if schema["type"] == "integer" else "a number"
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and most is not None:
        return f"{words} from {least:,} to {most:,}"
    limits = (
        ("minimum", "of at least"),
        ("exclusiveMinimum", "above"),
        ("maximum", "of at most"),
        ("exclusiveMaximum", "below"),
    )
    told = [f"{said} {schema[name]:,}" for name, said in limits if name in schema]
    return " ".join([words, " and ".join(told)]).strip()


def _example(schema: Schema) -> str:
    """Return the example of an object, else its required fields."""
    required = dict.fromkeys(schema.get("required", ()), "...")
    return json.dumps(schema.get("examples", [required])[0], ensure_ascii=False)


@cache
def forms_of(model: type[BaseModel]) -> JsonForms:
    """Return the forms of `model`, which are worked out once."""
    return JsonForms(model)
