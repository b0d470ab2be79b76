"""Offers requests to a service on the loopback; a process of its own for the benchmarks.

python benchmarks/http_load.py closed|open PORT KEY PATH USERS AMOUNT

Prints JSON. `closed`: so many keep-alive clients, each with one request at a time, for a number of
seconds. `open`: every request has its moment, and its time counts from there, sent or not.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop

CLIENTS = 16
SECONDS = 6.0  # of the open loop
CONNECTIONS = 64  # of the open loop; who finds none free waits, and the wait counts


async def closed_loop(port: int, key: str, path: str, users: int, seconds: float) -> object:
    """Return how many requests were answered, in how many seconds."""
    end = time.perf_counter() + seconds

    async def client(number: int) -> int:
        connection = await Connection.to(port, key, path)
        count = 0
        while time.perf_counter() < end:
            await connection.ask((number * 7919 + count * 104_729) % users)
            count += 1
        connection.close()
        return count

    begun = time.perf_counter()
    counts = await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return {"answered": sum(counts), "seconds": time.perf_counter() - begun}


async def open_loop(port: int, key: str, path: str, users: int, offered: float) -> object:
    """Return what was sent a second, the share sent over 1 ms late, and each answer's seconds."""
    idle: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
    for _ in range(CONNECTIONS):
        idle.put_nowait(await Connection.to(port, key, path))
    times: list[float] = []
    waiting: set[asyncio.Task[None]] = set()

    async def ask(number: int, due: float) -> None:
        connection = await idle.get()
        await connection.ask(number * 104_729 % users)
        times.append(time.perf_counter() - due)
        idle.put_nowait(connection)

    count, sent, late = int(offered * SECONDS), 0, 0
    begun = time.perf_counter()
    while sent < count:
        now = time.perf_counter()
        while sent < count and begun + sent / offered <= now:
            due = begun + sent / offered
            late += now - due > 0.001
            task = asyncio.ensure_future(ask(sent, due))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
            sent += 1
        await asyncio.sleep(0.0002)
    rate = sent / (time.perf_counter() - begun)
    await asyncio.gather(*waiting)
    return {"rate": rate, "late": late / count, "times": times}


class Connection(asyncio.Protocol):
    """One keep-alive connection that carries one request at a time."""

    def __init__(self, key: str, path: str) -> None:
        before, after = path.split("{}")
        self._before = f"GET {before}".encode()
        self._after = (
            f"{after} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
        )
        self._got = b""
        self._answer: asyncio.Future[None] | None = None

    @classmethod
    async def to(cls, port: int, key: str, path: str) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: cls(key, path), "127.0.0.1", port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def ask(self, number: int) -> asyncio.Future[None]:
        self._answer = asyncio.get_running_loop().create_future()
        self._got = b""
        self._transport.write(self._before + b"user-%08d" % number + self._after)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._got += data
        head = self._got.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._got.find(b"content-length: ")
        length = int(self._got[at + 16 : self._got.find(b"\r", at)])
        if len(self._got) < head + 4 + length:
            return
        if not self._got.startswith(b"HTTP/1.1 200"):
            self._answer.set_exception(RuntimeError(self._got.decode()))
        else:
            self._answer.set_result(None)

    def close(self) -> None:
        self._transport.close()


def main() -> None:
    how, port, key, path, users, amount = sys.argv[1:]
    loop = closed_loop if how == "closed" else open_loop
    print(json.dumps(uvloop.run(loop(int(port), key, path, int(users), float(amount)))))


if __name__ == "__main__":
    main()
