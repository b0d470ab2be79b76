"""HTTP for providers: many POSTs at once, over HTTP/2 where the server speaks it.

libcurl's multi interface was the fastest client measured and the only one that lost and doubled
nothing when a server closed its connections (GOAWAY).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any, TypeGuard
from urllib.parse import urlsplit

import pycurl

from sendopt import outgoing
from sendopt.deliver.providers.public_address import is_public
from sendopt.deliver.providers.sockets import Sockets
from sendopt.records import EndReason

#: An answer's body is never needed; one that is longer than this is cut off.
_MAX_BODY_BYTES = 65_536
_LONGEST_WAIT_SECONDS = 1.0
_FIRST_FINAL_STATUS = 200

_REASONS = {
    pycurl.E_OPERATION_TIMEDOUT: "timed_out",
    pycurl.E_COULDNT_RESOLVE_HOST: "name_not_found",
    pycurl.E_COULDNT_CONNECT: "connection_failed",
    pycurl.E_SSL_CONNECT_ERROR: "tls_failed",
    pycurl.E_PEER_FAILED_VERIFICATION: "tls_failed",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One POST."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    """The final status and headers (names in lower case) of an answer."""

    status: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TransportError:
    """No answer. Whether the server acted on the request is not known, unless it was `refused`."""

    reason: str  # an `EndReason` where it was refused
    refused: bool = False  # by us: the URL cannot be read, or leads to a private address


_MALFORMED = TransportError(EndReason.URL_MALFORMED, refused=True)


@dataclass(slots=True)
class _Exchange:
    position: int
    headers: dict[str, str] = field(default_factory=dict)
    body_bytes: int = 0
    refused: bool = False
    stream_refused: bool = False  # the server has said that it acted on nothing of the request


class _Lent(socket.socket):
    """A socket that libcurl duplicates and that must close as soon as it has been.

    Were ours still open when libcurl closes its own, the kernel would keep the connection, and
    requests would wait on it for nothing.
    """

    def __del__(self) -> None:
        self.close()


class Transport:
    """Keeps connections open between calls. For one thread at a time.

    A request goes out once: where no answer comes, the outcome is unknown, and whoever asked
    decides whether to try again. Redirects are never followed, proxies never used, only http and
    https spoken. The address is checked when the socket is opened, so what was checked is what is
    connected to, whatever a name resolves to a moment later.

    Args:
        timeout: of one request, from its start to the last byte of its answer.
        concurrency: requests in flight at once.
        allow_private_addresses: also connect into private networks, and to this very machine.
    """

    def __init__(
        self, *, timeout: timedelta, concurrency: int = 512, allow_private_addresses: bool = False
    ) -> None:
        self._common = _common_options(timeout)
        self._concurrency = concurrency
        self._allow_private_addresses = allow_private_addresses
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAX_TOTAL_CONNECTIONS, concurrency)
        self._sockets = Sockets(self._multi)
        self._idle: list[Any] = []

    def post_all(self, requests: Sequence[Request]) -> list[Response | TransportError]:
        """Send all `requests` and return their answers in the same order.

        Takes at most `timeout` for every `concurrency` of them.
        """
        answers: list[Response | TransportError] = [_MALFORMED] * len(requests)
        waiting = (
            (position, request)
            for position, request in enumerate(requests)
            if is_contactable(request.url)
        )
        in_flight: dict[Any, _Exchange] = {}
        self._start(waiting, in_flight)
        while in_flight:
            self._sockets.turn(at_most=_LONGEST_WAIT_SECONDS)
            for curl, code in self._finished():
                exchange = in_flight.pop(curl)
                answers[exchange.position] = _answer(curl, code, exchange)
                self._multi.remove_handle(curl)
                self._idle.append(curl)
            self._start(waiting, in_flight)
        return answers

    def close(self) -> None:
        """Close every connection."""
        for curl in self._idle:
            curl.close()
        self._idle.clear()
        self._multi.close()
        self._sockets.close()

    def _start(
        self, waiting: Iterator[tuple[int, Request]], in_flight: dict[Any, _Exchange]
    ) -> None:
        while len(in_flight) < self._concurrency and (following := next(waiting, None)):
            position, request = following
            curl = self._idle.pop() if self._idle else pycurl.Curl()
            exchange = _Exchange(position)
            try:
                self._prepare(curl, request, exchange)
            except (pycurl.error, TypeError, ValueError):
                self._idle.append(curl)  # its answer stays that the request cannot be made
                continue
            in_flight[curl] = exchange
            self._multi.add_handle(curl)

    def _prepare(self, curl: Any, request: Request, exchange: _Exchange) -> None:
        curl.reset()
        body = BytesIO(request.body)
        for option, value in (
            *self._common,
            (pycurl.URL, request.url),
            (pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in request.headers.items()]),
            (pycurl.POSTFIELDSIZE, len(request.body)),
            (pycurl.READFUNCTION, body.read),
            (pycurl.SEEKFUNCTION, _only_if_untaken(exchange, body)),
            (pycurl.VERBOSE, request.url.startswith("https:")),  # only there is HTTP/2 spoken
            (pycurl.DEBUGFUNCTION, _note_refused_stream(exchange)),
            (pycurl.OPENSOCKETFUNCTION, self._open_socket(exchange)),
            (pycurl.HEADERFUNCTION, _collect_headers(exchange)),
            (pycurl.WRITEFUNCTION, _count_body(exchange)),
        ):
            curl.setopt(option, value)

    def _open_socket(self, exchange: _Exchange) -> Callable[[int, Any], Any]:
        def open_socket(_purpose: int, address: Any) -> Any:
            family, kind, protocol, where = address
            if not self._allow_private_addresses and not is_public(where[0]):
                exchange.refused = True
                return pycurl.SOCKET_BAD
            return _Lent(family, kind, protocol)

        return open_socket

    def _finished(self) -> list[tuple[Any, int]]:
        finished: list[tuple[Any, int]] = []
        remaining = 1
        while remaining:
            remaining, done, failed = self._multi.info_read()
            finished += [(curl, pycurl.E_OK) for curl in done]
            finished += [(curl, code) for curl, code, _text in failed]
        return finished


def is_contactable(url: object) -> TypeGuard[str]:
    """Whether `url` is an absolute http or https URL in ASCII, without a user's name in it."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        return (
            url.isascii()
            and parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and parts.username is None
            and parts.port != 0
        )
    except ValueError:
        return False


def _common_options(timeout: timedelta) -> list[tuple[int, Any]]:
    return [
        *outgoing.options(timeout),
        (pycurl.POST, 1),
        # Rather wait for a stream of a connection that exists than open one for each request.
        (pycurl.PIPEWAIT, 1),
    ]


def _answer(curl: Any, code: int, exchange: _Exchange) -> Response | TransportError:
    status = curl.getinfo(pycurl.RESPONSE_CODE)
    # A body that was cut off, too long or too slow does not change what the status has said.
    if status >= _FIRST_FINAL_STATUS:
        return Response(status, exchange.headers)
    if exchange.refused:
        return TransportError(EndReason.ADDRESS_NOT_PUBLIC, refused=True)
    if code == pycurl.E_URL_MALFORMAT:
        return _MALFORMED
    return TransportError(_REASONS.get(code, "connection_lost"))


def _only_if_untaken(exchange: _Exchange, body: BytesIO) -> Callable[[int, int], Any]:
    """Let libcurl go back to the beginning of a body only where the server has not acted on it.

    libcurl repeats a request by itself when a connection that it reused ends without an answer.
    The server may have taken the first one, and whoever counts attempts would not know of it. A
    stream that an HTTP/2 server refused is another matter: it says that it did nothing with it
    (RFC 9113, sections 6.8 and 8.7).
    """

    def seek(offset: int, origin: int) -> Any:
        if not exchange.stream_refused:
            return pycurl.SEEKFUNC_FAIL
        exchange.stream_refused = False
        body.seek(offset, origin)
        return pycurl.SEEKFUNC_OK

    return seek


def _note_refused_stream(exchange: _Exchange) -> Callable[[int, bytes], None]:
    """Hear from libcurl what it tells in no other way."""

    def hear(kind: int, text: bytes) -> None:
        if kind == pycurl.INFOTYPE_TEXT and b"refused by server" in text:
            exchange.stream_refused = True

    return hear


def _collect_headers(exchange: _Exchange) -> Callable[[bytes], None]:
    def collect(line: bytes) -> None:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            exchange.headers[name.strip().lower()] = value.strip()
        elif line.startswith(b"HTTP/"):
            exchange.headers.clear()  # those before belonged to an interim answer

    return collect


def _count_body(exchange: _Exchange) -> Callable[[bytes], int]:
    def count(part: bytes) -> int:
        exchange.body_bytes += len(part)
        return len(part) if exchange.body_bytes <= _MAX_BODY_BYTES else 0

    return count
