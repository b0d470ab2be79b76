"""Limits of heads, times and connections, tried over real connections byte by byte."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sendopt.api import protocol
from sendopt.app import App
from sendopt.clock import SystemClock
from sendopt.records import TenantId
from sendopt.settings import HttpSettings, Settings

LIVES = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
CONNECTIONS = 4


@pytest.fixture(scope="module")
def impatient(
    tmp_path_factory: pytest.TempPathFactory,
    empty_home: Path,
    serve: Callable[[App], AbstractContextManager[str]],
) -> Iterator[tuple[str, str]]:
    """A service with room for few connections and little patience; its URL and a key."""
    home = shutil.copytree(empty_home, tmp_path_factory.mktemp("impatient") / "home")
    http = HttpSettings(
        connections=CONNECTIONS, head_seconds=0.5, body_seconds=0.5, idle_seconds=0.5
    )
    settings = Settings(home=home, http=http)
    with closing(App(settings, SystemClock(), secrets.token_bytes)) as app:
        key = app.as_owner_of(TenantId("default")).keys.issue("tests").key
        with serve(app) as url:
            yield url, key


def connect(url: str) -> socket.socket:
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port), timeout=60)


def received(connection: socket.socket) -> bytes:
    """All that comes until the service hangs up."""
    parts = []
    while part := connection.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def refusal(answer: bytes) -> tuple[int, dict[str, Any]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"x-request-id: " in head
    return int(head.split()[1]), json.loads(body)


def told(url: str, *parts: bytes) -> tuple[int, dict[str, Any]]:
    with connect(url) as connection:
        for part in parts:
            connection.sendall(part)
        return refusal(received(connection))


START = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("parts", "status", "code"),
    [
        ([START, b"X: " + b"a" * protocol.MOST_HEAD_BYTES + b"\r\n\r\n"], 431, "head_too_large"),
        ([START + b"X: ", *[b"a" * 4_096] * 8], 431, "head_too_large"),
        ([START, b"X: y\r\n" * protocol.MOST_FIELDS, b"\r\n"], 431, "head_too_large"),
        ([b"GET /" + b"a" * protocol.MOST_URL_BYTES + b" HTTP/1.1\r\n\r\n"], 414, "url_too_long"),
        ([b"GET /" + b"a" * 4_096, *[b"a" * 4_096] * 8], 414, "url_too_long"),
        ([b"\x16\x03\x01\x02\x00\x01\x00\x01"], 400, "malformed_request"),
        ([b"GET /healthz HTTP/1.1\r\nHost x\r\n\r\n"], 400, "malformed_request"),
        (
            [START + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"],
            400,
            "malformed_request",
        ),
    ],
    ids=[
        "one field too long",
        "a field without an end",
        "too many fields",
        "an address too long",
        "an address without an end",
        "not HTTP",
        "no colon",
        "two lengths",
    ],
)
def test_a_head_beyond_its_limits_is_refused_with_a_problem(
    url: str, parts: list[bytes], status: int, code: str
) -> None:
    found, problem = told(url, *parts)
    assert (found, problem["code"], problem["status"]) == (status, code, status)


def test_a_head_at_its_limits_is_read(url: str) -> None:
    fields = b"".join(b"X-%02d: %b\r\n" % (n, b"a" * 200) for n in range(protocol.MOST_FIELDS - 1))
    assert len(fields) < protocol.MOST_HEAD_BYTES
    with connect(url) as connection:
        connection.sendall(LIVES.removesuffix(b"\r\n") + fields + b"\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_a_head_that_is_never_ended_is_given_up(impatient: tuple[str, str]) -> None:
    status, problem = told(impatient[0], b"GET /healthz HTTP/1.1\r\nX: ")
    assert (status, problem["code"]) == (408, "head_incomplete")


def test_who_says_nothing_or_nothing_more_is_hung_up_on(impatient: tuple[str, str]) -> None:
    with connect(impatient[0]) as silent, connect(impatient[0]) as idle:
        idle.sendall(LIVES)
        assert received(silent) == b""
        assert received(idle).count(b"HTTP/1.1") == 1


def test_empty_lines_are_no_way_to_stay(impatient: tuple[str, str]) -> None:
    with connect(impatient[0]) as connection:
        connection.settimeout(0.05)
        ended = False
        for _ in range(1_000):
            try:
                connection.sendall(b"\r\n")
                ended = connection.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True
            if ended:
                break
        assert ended


def test_a_body_that_never_comes_is_given_up(impatient: tuple[str, str]) -> None:
    url, key = impatient
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n[{"
    )
    status, problem = told(url, head.encode())
    assert (status, problem["code"]) == (408, "body_incomplete")


def test_a_body_that_nobody_wants_ends_the_connection(url: str) -> None:
    head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
    status, _ = told(url, head)
    assert status == 401


@pytest.mark.parametrize("length", [2, 60_000])
def test_a_short_body_may_come_after_its_answer(url: str, length: int) -> None:
    head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length
    with connect(url) as connection:
        for _ in range(3):
            connection.sendall(head)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 401 ")
            connection.sendall(b"x" * length)
        connection.sendall(LIVES)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_a_short_body_that_never_comes_ends_the_connection(impatient: tuple[str, str]) -> None:
    with connect(impatient[0]) as half, connect(impatient[0]) as whole:
        half.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nx")
        whole.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nxx")
        assert received(half).count(b"HTTP/1.1") == 1
        assert received(whole).count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "start",
    [
        START + b"X: ",
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
    ],
)
def test_a_refused_client_that_sends_on_is_read_slowly(url: str, start: bytes) -> None:
    """At its own speed, a gigabyte a second, the event loop would have time for nobody else."""
    sent, piece = 0, b"a" * 65_536
    with connect(url) as connection, suppress(OSError):
        connection.sendall(start)
        while True:
            connection.sendall(piece)
            sent += len(piece)
    assert sent < 64 * 2**20


def test_half_open_heads_shut_nobody_out(impatient: tuple[str, str]) -> None:
    with ExitStack() as held:
        for _ in range(10 * CONNECTIONS):
            held.enter_context(connect(impatient[0])).sendall(b"GET / HTTP/1.1\r\nX: ")
        with connect(impatient[0]) as connection:
            connection.sendall(LIVES)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_requests_sent_ahead_are_answered_in_order_up_to_a_limit(url: str) -> None:
    asked = 4 * protocol.MOST_AHEAD
    with connect(url) as connection:
        connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n" * asked)
        answered = received(connection).count(b"HTTP/1.1 200 ")
    assert protocol.MOST_AHEAD <= answered < asked
