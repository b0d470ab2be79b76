"""Describe the API: what FastAPI knows by itself, and what only we know.

Bodies are read by the stages' own parsers, so that a rule stands in one place for files, the
command line and HTTP. FastAPI therefore does not see them; routes name their model with `takes`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from sendopt.api.problems import Problem
from sendopt.api.schemas.answer import Answer

_REF = "#/components/schemas/{model}"
_NO_NAME = re.compile(r"[^A-Za-z0-9.\-_]")  # which the framework replaces, as of `Page[User]`
_body_models: set[type[BaseModel]] = set()


def takes(model: type[BaseModel], *, example: Any, up_to: int | None = None) -> dict[str, Any]:
    """Return the `openapi_extra` of a route whose JSON body follows `model`.

    With `up_to` the body is an array of 1 to so many of them. One whose fields all have defaults
    may be left out.
    """
    _body_models.add(model)
    schema: dict[str, Any] = {"$ref": _REF.format(model=model.__name__)}
    if up_to is not None:
        schema = {"type": "array", "minItems": 1, "maxItems": up_to, "items": schema}
    content = {"application/json": {"schema": schema, "example": example}}
    required = up_to is not None or any(each.is_required() for each in model.model_fields.values())
    return {"requestBody": {"required": required, "content": content}}


def document(api: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of `api`; built once, then the same object."""
    if api.openapi_schema is None:
        described = get_openapi(
            title=api.title,
            version=api.version,
            summary=api.summary,
            description=api.description,
            routes=api.routes,
            tags=api.openapi_tags,
            servers=api.servers,
            license_info=api.license_info,
        )
        models: list[type[BaseModel]] = [
            Problem,
            *sorted(_body_models, key=lambda model: model.__name__),
        ]
        _, extra = models_json_schema(
            [(model, "validation") for model in models], ref_template=_REF
        )
        schemas = described.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(extra["$defs"])
        # Examples as they are written: the framework leaves out every null.
        _show_requests(described, api)
        for model in _answers(Answer):
            name = _NO_NAME.sub("_", model.__name__)
            if name in schemas and (examples := model.examples()):
                schemas[name]["examples"] = examples
        described["components"]["schemas"] = dict(sorted(schemas.items()))
        for operation in _operations(described):
            operation.setdefault("security", [])  # said aloud: nobody needs a key here
            _show_examples(operation, schemas)
        api.openapi_schema = described
    return api.openapi_schema


def _answers(kind: type[Answer]) -> Iterator[type[Answer]]:
    for each in kind.__subclasses__():
        yield each
        yield from _answers(each)


def _show_requests(described: dict[str, Any], api: FastAPI) -> None:
    for context in iter_route_contexts(api.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and route.openapi_extra and route.include_in_schema:
            for method in route.methods or ():
                operation = described["paths"][route.path][method.lower()]
                operation["requestBody"] = route.openapi_extra["requestBody"]


def _operations(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in described["paths"].values():
        yield from methods.values()


def _show_examples(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Give every answer the example of its schema, where tools look for one."""
    for answer in operation["responses"].values():
        for content in answer.get("content", {}).values():
            example = _example(content.get("schema", {}), schemas)
            if example is not None:
                content.setdefault("example", example)


def _example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "items" in schema:
        inner = _example(schema["items"], schemas)
        return None if inner is None else [inner]
    return next(iter(schema.get("examples", ())), None)


def text(api: FastAPI) -> str:
    """Return the document of `api` as JSON, the same text for the same API."""
    return json.dumps(document(api), indent=2, ensure_ascii=False) + "\n"


def write_openapi(api: FastAPI, path: Path) -> None:
    """Write the document of `api` to `path`, the same bytes for the same API."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(api))
