"""HTTP/1.1 within limits: heads, times and connections that a stranger cannot stretch.

uvicorn's parser, httptools, reads a head of any size for as long as it takes. This adds the limits
before anything is built of what came: docs/decisions/0033-overload.md says why here.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle, Transport
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from sendopt.api import problems
from sendopt.api.connections import Connections
from sendopt.api.metrics import Metrics
from sendopt.api.observe import HEADERS, new_request_id

#: Of a request's head: its address, its number of fields, and all of it together.
MOST_URL_BYTES = 8 * 1024
MOST_FIELDS = 64
MOST_HEAD_BYTES = 16 * 1024
#: Requests that a client may send ahead on one connection.
MOST_AHEAD = 16
#: Of a body that its answer did not wait for: so short a one is let come, and the connection kept.
_MOST_UNREAD_BYTES = 64 * 1024
#: How long a refused client may go on sending what nobody reads, so that it gets to its answer.
_LEAVING_SECONDS = 2.0
#: The pause after each piece of that. A fast sender would fill the event loop's time with it.
_PAUSE_SECONDS = 0.05

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Times:
    """How long a connection waits for its client, in seconds."""

    head: float  # from its first byte, or from the connection's beginning, to its end
    idle: float  # for the next request
    answer: float  # until the client takes more of an answer


class LimitedConfig(uvicorn.Config):
    """What uvicorn hands to every connection, and our limits beside it."""

    def __init__(
        self,
        app: Any,
        *,
        times: Times,
        connections: Connections,
        metrics: Metrics,
        random_bytes: Callable[[int], bytes],
        **options: Any,
    ) -> None:
        super().__init__(app, http=LimitedProtocol, **options)
        self.times = times
        self.open_connections = connections
        self.metrics = metrics
        self.random_bytes = random_bytes


@dataclass(frozen=True)
class _Refusal:
    status: int
    code: str
    detail: str
    expected: str
    hint: str = "nothing of the request was begun"


_MALFORMED = _Refusal(400, "malformed_request", "this is no HTTP request", "HTTP/1.1 (RFC 9112)")
_URL_TOO_LONG = _Refusal(
    414, "url_too_long", "the address is too long", f"at most {MOST_URL_BYTES} bytes"
)
_HEAD_TOO_LARGE = _Refusal(
    431,
    "head_too_large",
    "the request's head is too large",
    f"at most {MOST_HEAD_BYTES} bytes in at most {MOST_FIELDS} fields",
)
_TOO_FAR_AHEAD = _Refusal(
    503,
    "overloaded",
    "too many requests were sent ahead on one connection",
    f"at most {MOST_AHEAD} before their answers",
)
_NO_CONNECTION = _Refusal(
    503,
    "overloaded",
    "all connections are at work",
    "fewer connections at once",
    hint="repeat it after Retry-After; nothing of it was begun",
)


class _HeadRefused(Exception):
    """Ends the parsing; httptools wraps it."""


class _Deadline:
    """Ends something unless it is stopped before."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: TimerHandle | None = None

    @property
    def runs(self) -> bool:
        return self._timer is not None

    def start(self, seconds: float, end: Callable[[], None]) -> None:
        self.stop()
        self._timer = self._loop.call_later(seconds, end)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class LimitedProtocol(HttpToolsProtocol):
    """One connection: reads heads within limits, and ends when its client keeps it waiting."""

    def __init__(
        self,
        config: LimitedConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.timeout_keep_alive = config.times.idle  # type: ignore[assignment] # seconds, of any size
        self._limits = config
        self._refusal: _Refusal | None = None
        self._leaving = False  # answered for the last time; what still comes is thrown away
        self._in_head = False
        self._in_unread_body = False  # the answer was given before the body had come
        self._begun = 0  # heads that began in the chunk that is being read
        self._chunk_bytes = 0  # of a head: the chunks that hold nothing else
        self._field_bytes = 0
        self._head_ends = _Deadline(self.loop)
        self._answer_ends = _Deadline(self.loop)
        self._pause_ends = _Deadline(self.loop)

    # What the event loop calls.

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        if self._limits.open_connections.open(self):
            super().connection_made(transport)
            self._await_head()
        else:
            self.transport = transport
            self._refuse(_NO_CONNECTION)
            self._limits.open_connections.turn_away(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_ends.stop()
        self._answer_ends.stop()
        self._pause_ends.stop()
        self._limits.open_connections.close(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._leaving:
            self.transport.pause_reading()
            self._pause_ends.start(_PAUSE_SECONDS, self.transport.resume_reading)
            return
        was_idle, self._begun = self._is_idle() and not self._in_head, 0
        if self._is_idle() and not self._head_ends.runs:
            self._await_head()
        super().data_received(data)
        if self._in_head and not self._leaving:
            # The parser tells of whole fields only; a single one could be of any length.
            if self._begun == (1 if was_idle else 0):  # nothing else is in this chunk
                self._chunk_bytes += len(data)
            if self._chunk_bytes > MOST_HEAD_BYTES:
                self._refuse(_HEAD_TOO_LARGE)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._answer_ends.start(self._limits.times.answer, self._close_at_once)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._answer_ends.stop()

    # What the parser calls.

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._begun += 1
        self._chunk_bytes = self._field_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MOST_URL_BYTES:
            self._stop_parsing(_URL_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._field_bytes += len(name) + len(value)
        if len(self.headers) > MOST_FIELDS or self._field_bytes > MOST_HEAD_BYTES:
            self._stop_parsing(_HEAD_TOO_LARGE)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_ends.stop()
        if len(self.pipeline) >= MOST_AHEAD:
            self._stop_parsing(_TOO_FAR_AHEAD)
        self._limits.open_connections.works(self)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._in_unread_body:
            self._in_unread_body = False
            self._head_ends.stop()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        body_is_read = not self.cycle.more_body
        was_last = not self.pipeline
        super().on_response_complete()
        if not was_last or self._leaving:
            return
        self._limits.open_connections.waits(self)
        if self.transport.get_write_buffer_size() and not self._answer_ends.runs:
            self._answer_ends.start(self._limits.times.answer, self._close_if_stuck)
        if body_is_read:
            if self._in_head:
                self._await_head()
        elif self._announced_bytes() <= _MOST_UNREAD_BYTES:
            # Many clients send head and body apart, and believe in the connection once they have
            # an answer: to hang up now would lose their next request.
            self._in_unread_body = True
            self._await_head()
        else:
            self._leave()  # nobody wants the rest, however long it is

    # How a connection ends.

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser could not read, or was told not to."""
        self._refuse(self._refusal or _MALFORMED)

    def make_room(self) -> None:
        """Close at once, for a new connection."""
        self._close_at_once()

    def timeout_keep_alive_handler(self) -> None:
        """End a connection whose client asked nothing more."""
        if not self._in_head:
            self._close_at_once()

    def _await_head(self) -> None:
        self._head_ends.start(self._limits.times.head, self._head_is_late)

    def _head_is_late(self) -> None:
        if self._in_head:
            self._refuse(
                _Refusal(
                    408,
                    "head_incomplete",
                    "the request's head did not arrive in time",
                    f"all of it within {self._limits.times.head:.0f} seconds",
                )
            )
        else:
            self._close_at_once()  # it never asked anything

    def _refuse(self, refusal: _Refusal) -> None:
        """Answer instead of the application; after answers that are under way, hang up instead."""
        self._limits.metrics.refused.labels("connections", refusal.code).inc()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
            self._leaving = True
            return
        self.transport.write(self._rendered(refusal))
        self._leave()

    def _leave(self) -> None:
        """Say that nothing more will come, and wait a moment for the client to hear it.

        To close while it still sends would make its system throw the answer away (RFC 9112,
        section 9.6).
        """
        self._leaving = True
        self._unset_keepalive_if_required()
        if self.transport.is_closing():
            return
        if self.flow is not None:
            self.flow.resume_reading()
        self.transport.write_eof()
        self._head_ends.start(_LEAVING_SECONDS, self._close_at_once)

    def _stop_parsing(self, refusal: _Refusal) -> None:
        self._refusal = refusal
        raise _HeadRefused

    def _announced_bytes(self) -> float:
        """Return how long the body of the request is that came last, which may be endless."""
        announced = dict(self.headers).get(b"content-length", b"")
        return int(announced) if announced.isdigit() else float("inf")

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _close_if_stuck(self) -> None:
        self._answer_ends.stop()
        if self.transport.get_write_buffer_size():
            self._close_at_once()

    def _close_at_once(self) -> None:
        self._pause_ends.stop()
        self._limits.open_connections.close(self)
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # to close would wait for a client that takes nothing
        else:
            self.transport.close()

    def _rendered(self, refusal: _Refusal) -> bytes:
        request_id = new_request_id(self._limits.random_bytes)
        answer = problems.respond(
            problems.of_connection(
                refusal.status,
                refusal.code,
                refusal.detail,
                request_id,
                expected=refusal.expected,
                hint=refusal.hint,
            )
        )
        headers = [
            *answer.raw_headers,
            (b"connection", b"close"),
            (b"x-request-id", request_id.encode("ascii")),
            *HEADERS,
        ]
        lines = [b"%b: %b\r\n" % header for header in headers]
        phrase = HTTPStatus(refusal.status).phrase.encode("ascii")
        status = b"HTTP/1.1 %d %b\r\n" % (refusal.status, phrase)
        return b"".join([status, *lines, b"\r\n", bytes(answer.body)])
