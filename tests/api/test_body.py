"""Bodies that lie about themselves, sent byte by byte over a real connection."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from sendopt.api import body

Exchange = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def exchange(url: str, acme_key: str) -> Exchange:
    """Send a raw request; return the status and the body of the answer."""

    def run(*headers: str, parts: list[bytes]) -> tuple[int, dict[str, Any]]:
        head = [
            "POST /v1/events HTTP/1.1",
            "Host: test",
            f"Authorization: Bearer {acme_key}",
            "Content-Type: application/json",
            *headers,
        ]
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
            connection.sendall("\r\n".join([*head, "", ""]).encode())
            for part in parts:
                try:
                    connection.sendall(part)
                except (BrokenPipeError, ConnectionResetError):
                    break  # the service stopped reading, as it should
            return _answer(connection)

    return run


def _answer(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    received = b""
    while b"\r\n\r\n" not in received:
        received += (chunk := connection.recv(65536))
        assert chunk, f"the connection ended after {received!r}"
    head, _, answer = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split()[0])
    while len(answer) < length:
        answer += (chunk := connection.recv(65536))
        assert chunk, f"the connection ended after {received!r}"
    return int(head.split()[1]), json.loads(answer[:length])


def chunked(payload: bytes) -> bytes:
    return f"{len(payload):x}\r\n".encode() + payload + b"\r\n"


def test_a_body_announced_too_large_is_refused_before_it_comes(exchange: Exchange) -> None:
    status, problem = exchange("Content-Length: 10000000000", parts=[])
    assert (status, problem["code"]) == (413, "body_too_large")


def test_endless_chunks_are_read_no_further_than_the_limit(exchange: Exchange) -> None:
    piece = chunked(b" " * 65_536)
    status, problem = exchange("Transfer-Encoding: chunked", parts=[piece] * 1000)
    assert (status, problem["code"]) == (413, "body_too_large")


def test_the_limit_itself_is_allowed_and_a_byte_more_is_not(exchange: Exchange) -> None:
    for excess, expected in ((0, "malformed_json"), (1, "body_too_large")):
        payload = b" " * (body.MAX_BODY_BYTES + excess)
        _, problem = exchange("Transfer-Encoding: chunked", parts=[chunked(payload), chunked(b"")])
        assert problem["code"] == expected


def test_what_stands_behind_the_announced_length_is_no_part_of_the_body(
    exchange: Exchange,
) -> None:
    another = b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n"
    status, problem = exchange("Content-Length: 2", parts=[b"[]" + another])
    assert (status, problem["code"]) == (422, "empty_batch")


def test_a_stranger_cannot_make_the_service_read(url: str) -> None:
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(
            b"POST /v1/events HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000\r\n\r\n"
        )
        assert _answer(connection)[0] == 401
