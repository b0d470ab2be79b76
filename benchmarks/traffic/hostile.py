"""Clients that break the rules of HTTP or of time, each over a connection of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from traffic.client import Client

_DRIBBLE = 0.5  # seconds between two bytes
_LONGEST = 120.0  # seconds until a slow client loses its own patience


async def nonsense(port: int, _key: str) -> None:
    """Bytes that are no HTTP."""
    await _send(port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 40)


async def endless_head(port: int, _key: str) -> None:
    """One header field that goes on, whatever is answered."""
    parts = [b"a" * 65_536] * 16_384
    await _send(port, b"GET / HTTP/1.1\r\nHost: x\r\nX: ", *parts, heeds_answers=False)


async def many_fields(port: int, _key: str) -> None:
    """Ten thousand header fields."""
    await _send(port, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000 + b"\r\n")


async def long_address(port: int, _key: str) -> None:
    """An address of 100 kB."""
    await _send(port, b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")


async def sent_ahead(port: int, _key: str) -> None:
    """A thousand requests without waiting for an answer."""
    await _send(port, b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n" * 1_000)


async def too_large_a_body(port: int, key: str) -> None:
    """Two megabytes of events."""
    await Client(port, key).ask("POST", "/v1/events", b"[" + b" " * 2_000_000 + b"]")


async def heavy_body(port: int, key: str) -> None:
    """A megabyte of JSON that is dear to read, and useless."""
    event = b'{"event_id":"%d",' % id(port) + b'"a":[[1]],' * 100 + b'"user_id":"u"}'
    await Client(port, key).ask("POST", "/v1/events", b"[" + b",".join([event] * 450) + b"]")


async def stranger(port: int, _key: str) -> None:
    """A key that nobody issued."""
    await Client(port, "so_" + "0" * 16 + "_" + "0" * 64).get("/v1/campaigns/x")


async def slow_head(port: int, _key: str) -> None:
    """A head that comes byte by byte and never ends."""
    await _send(port, b"GET /healthz HTTP/1.1\r\nX: ", *[b"a"] * 1_000, pause=_DRIBBLE)


async def slow_body(port: int, key: str) -> None:
    """A body that comes byte by byte and never ends."""
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n["
    )
    await _send(port, head.encode(), *[b" "] * 900, pause=_DRIBBLE)


async def silent(port: int, _key: str) -> None:
    """A connection over which nothing comes."""
    await _send(port)


HOSTILE: tuple[Callable[[int, str], Awaitable[None]], ...] = (
    nonsense,
    endless_head,
    many_fields,
    long_address,
    sent_ahead,
    too_large_a_body,
    heavy_body,
    stranger,
)
SLOW: tuple[Callable[[int, str], Awaitable[None]], ...] = (slow_head, slow_body, silent)


async def _send(port: int, *parts: bytes, pause: float = 0.0, heeds_answers: bool = True) -> None:
    """Send parts over a new connection until the service hangs up, or says that it will."""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(_LONGEST):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                    if heeds_answers and reader.at_eof():
                        break
                    await asyncio.sleep(pause)
                while await reader.read(65_536):
                    pass
            finally:
                writer.transport.abort()
