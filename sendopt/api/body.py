"""Read request bodies: JSON in UTF-8, uncompressed, within a size and a time.

A body is read only by routes that take one, and only after the caller is known. Reading stops at
the first byte too many, whatever `Content-Length` had promised.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.requests import ClientDisconnect

from sendopt import strict_json
from sendopt.api.threads import in_thread
from sendopt.api.turns import Turn, Turns
from sendopt.errors import InvalidInput

_JSON = "application/json"
_LINES = "application/x-ndjson"
MAX_BODY_BYTES = 1024 * 1024
#: Most bodies are there by then; only the others need a place among the slow ones.
_WITH_ITS_HEAD_SECONDS = 0.05
#: Slow bodies that are read at a time: they stay in memory until they are complete.
_MOST_AT_ONCE = 64


class Bodies(Turns):
    """Turns to read a body. Nobody waits for one: a body that cannot be read now is not asked for.

    Args:
        seconds: a client that sends more slowly than this is cut off.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__("bodies", at_once=_MOST_AT_ONCE, waiting=0, patience=0.0)
        self.seconds = seconds


async def json_body(request: Request) -> Any:
    """Return the parsed body.

    Raises:
        InvalidInput: `unsupported_media_type`, `bad_encoding`, `body_too_large`,
            `body_incomplete`, and everything that `strict_json.loads` raises.
    """
    return await _parsed(request, strict_json.REQUEST)


async def body_or_nothing(request: Request) -> Any:
    """Return the parsed body, and `{}` where there is none: every field of it has a default.

    Raises:
        InvalidInput: as `json_body`.
    """
    headers = request.headers
    if "transfer-encoding" not in headers and headers.get("content-length", "0") == "0":
        return {}
    return await _parsed(request, strict_json.REQUEST)


async def events_body(request: Request) -> Any:
    """Return the parsed body of events, of which each field is judged by itself.

    Raises:
        InvalidInput: as `json_body`.
    """
    return await _parsed(request, strict_json.BY_FIELD)


async def many_bodies(request: Request) -> Any:
    """Return the parsed body of many things, of which each is judged by itself.

    That is, JSON, or with the media type `application/x-ndjson` a JSON text a line; a line that is
    none stands in the list as the error that says why.

    Raises:
        InvalidInput: as `json_body`.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _LINES:
        return await _parsed(request, strict_json.BY_FIELD)
    body = await _read(request, _LINES)
    return await in_thread(lambda: [_line(line) for line in body.split(b"\n") if line.strip()])


def _line(line: bytes) -> Any:
    try:
        return strict_json.loads(line, limits=strict_json.BY_FIELD)
    except InvalidInput as error:
        return error


JsonBody = Annotated[Any, Depends(json_body)]
#: A body all of whose fields have defaults, so that it may be left out.
OptionalBody = Annotated[Any, Depends(body_or_nothing)]
EventsBody = Annotated[Any, Depends(events_body)]
ManyBodies = Annotated[Any, Depends(many_bodies)]


async def _parsed(request: Request, limits: strict_json.Limits) -> Any:
    body = await _read(request, _JSON)
    # Scanning a mebibyte takes longer than other requests should wait for the event loop.
    return await in_thread(lambda: strict_json.loads(body, limits=limits))


def _check_media_type(request: Request, expected: str) -> None:
    media_type, *parameters = request.headers.get("content-type", "").lower().split(";")
    settings = [parameter.strip().replace('"', "") for parameter in parameters]
    known = all(setting in {"", "charset=utf-8"} for setting in settings)
    if media_type.strip() != expected or not known:
        raise InvalidInput(
            "this media type is not read here"
            if media_type.strip()
            else "there is no body, or none whose media type is named",
            code="unsupported_media_type",
            expected=f"Content-Type: {expected} (charset utf-8)",
        )
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        # A few bytes can unpack to gigabytes; a mebibyte of JSON needs no compression.
        raise InvalidInput(
            "compressed bodies are not read",
            code="bad_encoding",
            expected="no Content-Encoding, or identity",
        )


def _check_announced_length(request: Request) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > MAX_BODY_BYTES:
        raise _too_large()


async def _read(request: Request, media_type: str) -> bytes:
    """Return the body, which must be of this media type."""
    _check_media_type(request, media_type)
    _check_announced_length(request)
    body = await _arrived(request)
    request.state.body = body
    return body


async def _arrived(request: Request) -> bytes:
    """Return the body; what does not come with its head is waited for without a turn."""
    bodies: Bodies = request.app.state.bodies
    turn: Turn = request.state.turn
    body = bytearray()
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(_WITH_ITS_HEAD_SECONDS):
                await _collect(request, body)
                return bytes(body)
        async with turn.aside(bodies), asyncio.timeout(bodies.seconds):
            await _collect(request, body)  # a slow client holds no thread that others could use
    except (TimeoutError, ClientDisconnect) as error:
        raise InvalidInput(
            f"only {len(body)} bytes of the body arrived",
            code="body_incomplete",
            expected=f"the whole body within {bodies.seconds:g} seconds",
        ) from error
    return bytes(body)


async def _collect(request: Request, body: bytearray) -> None:
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()


def _too_large() -> InvalidInput:
    return InvalidInput(
        "the body is too large",
        code="body_too_large",
        expected=f"at most {MAX_BODY_BYTES} bytes",
        hint="send fewer items a request",
    )
