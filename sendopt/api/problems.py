"""Turn every failure into `application/problem+json` (RFC 9457).

The only place that knows which failure has which HTTP status. What a client sees is written
here: never a stack, a statement, a path, or a word of what a 5xx was about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from sendopt.api.nearest_route import route_meant_by
from sendopt.api.parameters import unheard_parameters
from sendopt.errors import (
    Conflict,
    InvalidInput,
    LeaseHeld,
    ModelNotServable,
    NotAuthorized,
    NotFound,
    NotPermitted,
    Overloaded,
    SendoptError,
    StoreFailure,
    TooManyRequests,
    together,
)
from sendopt.model_faults import faults_of

MEDIA_TYPE = "application/problem+json"

#: Of answers 503 where a store does not do what it should.
CODES_OF_STORES = (
    *("store_failure", "store_unavailable", "store_busy", "store_damaged"),
    *("disk_full", "disk_read_only", "lease_held"),
)

_STATUS_OF_CODE = {
    "malformed_json": 400,
    "too_complex": 400,
    "body_incomplete": 408,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "bad_encoding": 415,  # RFC 9110, section 15.5.16
    "no_champion": 409,  # nothing has failed: the tenant has trained no model yet
}
_STATUS_OF_TYPE: tuple[tuple[type[SendoptError], int], ...] = (
    (NotAuthorized, 401),
    (NotPermitted, 403),
    (NotFound, 404),
    (Conflict, 409),
    (InvalidInput, 422),
    (TooManyRequests, 429),
    (Overloaded, 503),
    (LeaseHeld, 503),
    (StoreFailure, 503),
    (ModelNotServable, 503),
)
_HEADERS_OF_STATUS = {
    401: {"WWW-Authenticate": 'Bearer realm="sendopt"'},
    415: {"Accept-Encoding": "identity"},
    429: {"Retry-After": "1"},
    503: {"Retry-After": "5"},
}
_HEADERS_OF_CODE = {"request_in_progress": {"Retry-After": "1"}}
_READING = {"GET", "HEAD"}
_UNEXPLAINED = "The service failed; nothing of this request was acknowledged."
_NOT_AUTHORIZED = "This needs a valid API key."
_HOW_TO_ASK = (
    "pass it as the header `Authorization: Bearer so_...`, and never in the address; "
    "`sendopt key issue NAME` makes one"
)

_log = structlog.get_logger(__name__)


class Fault(BaseModel):
    """One of the things that are wrong with a request."""

    field: str | None = Field(
        default=None,
        description="JSON Pointer (RFC 6901) of the offending value, or a parameter's name; "
        "empty for the whole of a body.",
    )
    code: str = Field(description="Stable snake_case identifier.")
    detail: str = Field(description="What is wrong there, in words that follow the field's name.")
    expected: str | None = Field(default=None, description="The form or limit that was broken.")
    hint: str | None = Field(
        default=None, description="What to do about it: the nearest name where one was misspelt."
    )


class Problem(BaseModel):
    """Why a request was refused (RFC 9457). Programs branch on `code`; people read `detail`."""

    type: str = Field(description="A URN that names the kind of problem; ends in the code.")
    title: str = Field(description="The kind of problem in words; the same every time.")
    status: int = Field(description="The HTTP status, repeated.")
    code: str = Field(description="Stable snake_case identifier.", examples=["time_in_future"])
    detail: str = Field(description="What is wrong with this request, in one sentence.")
    field: str | None = Field(
        default=None,
        description="JSON Pointer (RFC 6901) of the offending value, or a parameter's name.",
        examples=["/events/3/occurred_at"],
    )
    expected: str | None = Field(default=None, description="The form or limit that was broken.")
    hint: str | None = Field(default=None, description="What to do about it.")
    errors: list[Fault] | None = Field(
        default=None,
        description="Everything that is wrong with what was given, the first of which stands "
        "above: at most 100, and `hint` says if there are more.",
    )
    request_id: str = Field(description="Quote this when asking the operator.")


def status_of(error: SendoptError) -> int:
    """Return the HTTP status that `error` is answered with."""
    if isinstance(error, InvalidInput | ModelNotServable) and error.code in _STATUS_OF_CODE:
        return _STATUS_OF_CODE[error.code]
    for kind, status in _STATUS_OF_TYPE:
        if isinstance(error, kind):
            return status
    return 500


def of_error(error: SendoptError, request_id: str) -> Problem:
    """Describe `error` as far as the client may know."""
    status = status_of(error)
    if status >= 500 and not isinstance(error, Overloaded):
        return _problem(status, error.code, _UNEXPLAINED, request_id)
    if status == 401:
        hint = error.hint or _HOW_TO_ASK
        return _problem(status, "not_authorized", _NOT_AUTHORIZED, request_id, hint=hint)
    return _problem(
        status,
        error.code,
        _in_one_sentence(error),
        request_id,
        field=error.field,
        expected=error.expected,
        hint=error.hint,
        errors=_faults_of(error) if isinstance(error, InvalidInput) else None,
    )


def _in_one_sentence(error: SendoptError) -> str:
    if not isinstance(error, InvalidInput) or not error.others:
        return error.message
    first = f"{error.field} {error.message}" if error.field else error.message
    return f"{len(error.faults)} things are wrong, each in errors; the first: {first}"


def _faults_of(error: InvalidInput) -> list[Fault]:
    return [
        Fault(
            field=each.field,
            code=each.code,
            detail=each.message,
            expected=each.expected,
            hint=each.hint,
        )
        for each in error.faults
    ]


def of_connection(
    status: int, code: str, detail: str, request_id: str, *, expected: str, hint: str
) -> Problem:
    """Describe why a request was not even read."""
    return _problem(status, code, detail, request_id, expected=expected, hint=hint)


def internal(request_id: str) -> Problem:
    """Describe a failure that nobody foresaw."""
    return _problem(500, "internal", _UNEXPLAINED, request_id)


def respond(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return `problem` as a response."""
    return JSONResponse(
        problem.model_dump(exclude_none=True),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={
            **_HEADERS_OF_STATUS.get(problem.status, {}),
            **_HEADERS_OF_CODE.get(problem.code, {}),
            **(headers or {}),
        },
    )


def install(api: FastAPI) -> None:
    """Answer every failure of `api`'s routes, its own and the framework's, with a problem."""
    api.exception_handler(SendoptError)(_answer_error)
    api.exception_handler(RequestValidationError)(_answer_parameter)
    api.exception_handler(HTTPException)(_answer_routing)


def responses(
    codes: Mapping[int, Sequence[str]] | None = None,
    *,
    body: bool = False,
    key: bool = True,
) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of a route that can fail.

    Args:
        codes: by status, beyond those that every route has.
        body: whether the route reads one.
        key: whether whoever asks needs one.
    """
    told: dict[int, list[str]] = {}
    parts = [_OF_EVERY_ROUTE, _OF_A_KEY if key else {}, _OF_A_BODY if body else {}]
    for part in (codes or {}, *parts):
        for status, names in part.items():
            told[status] = list(dict.fromkeys([*told.get(status, ()), *names]))
    return {
        **{status: _described(status, told[status]) for status in sorted(told)},
        "default": _described("default", ["internal"]),
    }


def joined(
    told: Mapping[int | str, dict[str, Any]], codes: Mapping[int, Sequence[str]]
) -> dict[int | str, dict[str, Any]]:
    """Return the responses of a route with further codes, each once."""
    found = dict(told)
    for status, names in codes.items():
        known = found.get(status, {}).get("x-codes", ())
        found[status] = _described(status, list(dict.fromkeys([*known, *names])))
    return found


def _described(status: int | str, codes: Sequence[str]) -> dict[str, Any]:
    code, listed = codes[0], ", ".join(f"`{each}`" for each in codes)
    example = _problem(
        status if isinstance(status, int) else 500,
        code,
        _DESCRIPTIONS[status],
        "req_0000000000000000",
        errors=[Fault(code=code, detail=_DESCRIPTIONS[status])] if status == 422 else None,
    )
    return {
        "description": f"{_DESCRIPTIONS[status]}. Codes: {listed}.",
        "x-codes": codes,
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": example.model_dump(exclude_none=True),
            }
        },
    }


_OF_EVERY_ROUTE: dict[int, list[str]] = {
    422: ["unknown_parameter", "repeated_parameter"],
    429: ["too_many_requests"],
    503: ["overloaded", *CODES_OF_STORES],
}
#: Where something would change by an id that cannot exist.
OF_AN_ID: dict[int, list[str]] = {422: ["text_invalid"]}
_OF_A_KEY: dict[int, list[str]] = {401: ["not_authorized"], 403: ["permission_missing"]}
_OF_A_BODY: dict[int, list[str]] = {
    400: ["malformed_json", "too_complex"],
    408: ["body_incomplete"],
    413: ["body_too_large"],
    415: ["unsupported_media_type", "bad_encoding"],
    422: [
        *("missing_field", "unknown_field", "wrong_type", "invalid"),
        *("text_invalid", "number_out_of_range"),
    ],
}

_DESCRIPTIONS: dict[int | str, str] = {
    400: "The body is not JSON, or too complex",
    401: "No valid API key; the answer never says why",
    403: "The role of the key does not allow this",
    404: "Unknown to this tenant",
    408: "The body did not arrive in time",
    409: "Contradicts what is stored; the first stays",
    413: "The body is larger than 1 MiB",
    415: "The body is not application/json in UTF-8, or is compressed",
    422: "A value breaks a stated rule, or a name is not known; nothing was stored",
    429: "This caller has too many requests open at once",
    503: "A store or a model is not available, or too much waits already; retry",
    "default": "Any other failure",
}


def _problem(
    status: int,
    code: str,
    detail: str,
    request_id: str,
    *,
    field: str | None = None,
    expected: str | None = None,
    hint: str | None = None,
    errors: list[Fault] | None = None,
) -> Problem:
    return Problem(
        type=f"urn:sendopt:problem:{code}",
        title=code.replace("_", " ").capitalize(),
        status=status,
        code=code,
        detail=detail,
        field=field,
        expected=expected,
        hint=hint,
        errors=errors,
        request_id=request_id,
    )


async def _answer_error(request: Request, error: SendoptError) -> JSONResponse:
    return answer(request, error)


def answer(request: Request, error: SendoptError) -> JSONResponse:
    """Return the answer to a request that failed, and tell the log what the client may not know."""
    problem = of_error(error, request.state.request_id)
    if problem.status >= 500:
        _log.error(
            "request_failed",
            request_id=problem.request_id,
            code=error.code,
            statement=getattr(error, "statement", None),
        )
    return respond(problem)


async def _answer_parameter(request: Request, error: RequestValidationError) -> JSONResponse:
    """Answer path and query parameters that broke their stated forms.

    What is to be read by an id that cannot exist is unknown, and looks like any other that is.
    """
    found = error.errors()
    faults = faults_of(found, called=lambda place: str(place[1]))  # behind: where in a list
    in_path = [fault for each, fault in zip(found, faults, strict=True) if each["loc"][0] == "path"]
    refusal: SendoptError
    if in_path and request.method in _READING:
        first = in_path[0]
        refusal = NotFound(
            "nothing is known by this id", field=first.field, expected=first.expected
        )
    else:
        refusal = together([*faults, *await unheard_parameters(request)])
    return respond(of_error(refusal, request.state.request_id))


async def _answer_routing(request: Request, error: HTTPException) -> JSONResponse:
    """Answer a path or method that no route has."""
    code = {404: "route_unknown", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    problem = _problem(
        error.status_code,
        code,
        f"{error.detail}; /openapi.json lists every route, /docs shows them to people.",
        request.state.request_id,
        hint=_route_meant(request) if error.status_code == 404 else None,
    )
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else {}
    return respond(problem, headers)


def _route_meant(request: Request) -> str | None:
    near = route_meant_by(request.scope["path"], request.app.state.paths)
    return None if near is None else f"did you mean {near}?"


def _allowed(request: Request) -> str:
    """Return the methods of a path, of which each has a route of its own."""
    allowed: set[str] = set()
    for context in iter_route_contexts(request.app.routes):
        route = context.original_route
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            allowed |= set(route.methods or ())
    return ", ".join(sorted(allowed))
