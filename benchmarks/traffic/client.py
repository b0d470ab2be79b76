"""A client over plain sockets: on few cores whatever it needs, the service has not."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

_LONGEST = 60.0  # seconds that an answer may take


@dataclass(frozen=True)
class Answer:
    """What came back; the status is 0 where nothing did."""

    status: int
    seconds: float
    body: bytes = b""

    @property
    def good(self) -> bool:
        return 200 <= self.status < 400

    @property
    def refused(self) -> bool:
        return self.status in {429, 503}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Keeps connections open and uses each for one request at a time."""

    def __init__(self, port: int, key: str = "") -> None:
        self._port = port
        self._key = key
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def get(self, path: str) -> Answer:
        return await self.ask("GET", path)

    async def post(self, path: str, body: Any) -> Answer:
        return await self.ask("POST", path, json.dumps(body).encode())

    async def ask(self, method: str, path: str, body: bytes = b"", *fields: str) -> Answer:
        """Send a request and return its answer; its time counts from here on."""
        head = [f"{method} {path} HTTP/1.1", "Host: localhost", *fields]
        if self._key:
            head.append(f"Authorization: Bearer {self._key}")
        if body:
            head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        request = "\r\n".join([*head, "", ""]).encode() + body
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(_LONGEST):
                status, answer = await self._exchange(request)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            return Answer(0, time.perf_counter() - begun)
        return Answer(status, time.perf_counter() - begun, answer)

    async def _exchange(self, request: bytes) -> tuple[int, bytes]:
        while True:
            is_old = bool(self._idle)
            reader, writer = self._idle.pop() if is_old else await self._connect()
            try:
                writer.write(request)
                status, body, stays = await _read(reader)
            except (OSError, asyncio.IncompleteReadError):
                writer.close()
                if is_old:
                    continue  # the service had closed it while it was idle
                raise
            except asyncio.CancelledError:
                writer.close()
                raise
            if stays:
                self._idle.append((reader, writer))
            else:
                writer.close()
            return status, body

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self._port)

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
    body = await reader.readexactly(int(length)) if length else b""
    return int(head.split()[1]), body, b"connection: close" not in head
