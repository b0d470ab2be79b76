"""Offers requests to a service on the loopback; a process of its own for the benchmarks.

python benchmarks/http_load.py closed|open PORT KEY PATH USERS AMOUNT

Prints JSON. `closed`: so many keep-alive clients, each with one request at a time, for a number of
seconds. `open`: every request has its moment, and its time counts from there, sent or not.

One thread over plain sockets: on few cores whatever the client needs, the service has not. The
kernel notes when an answer arrives, so what the client adds by noticing late can be told apart.
"""

from __future__ import annotations

import gc
import json
import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Iterator

CLIENTS = 16
SECONDS = 6.0  # of the open loop
CONNECTIONS = 64  # of the open loop; who finds none free waits, and the wait counts

_STAMPED = 35  # SO_TIMESTAMPNS (Linux): the kernel tells when what is received arrived
_STAMP = struct.Struct("@qq")  # seconds, nanoseconds since 1970
_NS = 1_000_000_000


def closed_loop(port: int, key: str, path: str, users: int, seconds: float) -> object:
    """Return how many requests were answered, in how many seconds."""
    connections = [Connection(port, key, path) for _ in range(CLIENTS)]
    found = select.epoll()
    by_number = {}
    for connection in connections:
        by_number[connection.fileno()] = connection
        found.register(connection.fileno(), select.EPOLLIN)
    numbers = user_numbers(users)
    answered, begun = 0, time.perf_counter()
    end = begun + seconds
    for connection in connections:
        connection.ask(next(numbers))
    while (now := time.perf_counter()) < end:
        for number, _ in found.poll():
            if by_number[number].answered():
                by_number[number].ask(next(numbers))
                answered += 1
    return {"answered": answered, "seconds": now - begun}


def open_loop(port: int, key: str, path: str, users: int, offered: float) -> object:
    """Return what was sent a second, and of each request three durations in seconds.

    `total`: from its moment until the client has its answer. `service`: from sending it until its
    answer has arrived. `late`: from its moment until it was sent.
    """
    idle = deque(Connection(port, key, path, stamped=True) for _ in range(CONNECTIONS))
    busy: dict[Connection, tuple[int, int]] = {}  # when it was due and sent
    numbers = user_numbers(users)
    count, sent = int(offered * SECONDS), 0
    total, service, late = [], [], []
    begun = time.time_ns()
    while sent < count or busy:
        now = time.time_ns()
        while idle and sent < count and (due := begun + int(sent / offered * _NS)) <= now:
            connection = idle.popleft()  # each in turn: none is so long idle that it is closed
            at = time.time_ns()
            connection.ask(next(numbers))
            busy[connection] = (due, at)
            sent += 1
        wait = max(begun + int(sent / offered * _NS) - time.time_ns(), 0) / _NS
        ready, _, _ = select.select(list(busy), [], [], wait if idle and sent < count else 1.0)
        for connection in ready:
            if connection.answered():
                due, at = busy.pop(connection)
                total.append((time.time_ns() - due) / _NS)
                service.append((connection.arrived_ns - at) / _NS)
                late.append((at - due) / _NS)
                idle.append(connection)
    rate = sent / ((time.time_ns() - begun) / _NS)
    return {"rate": rate, "total": total, "service": service, "late": late}


def user_numbers(users: int) -> Iterator[int]:
    """Yield numbers of users all over the place."""
    number = 0
    while True:
        yield number
        number = (number + 104_729) % users


class Connection:
    """One keep-alive connection that carries one request at a time."""

    def __init__(self, port: int, key: str, path: str, *, stamped: bool = False) -> None:
        before, after = path.split("{}")
        self._before = f"GET {before}".encode()
        self._after = (
            f"{after} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
        )
        self._got = b""
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if stamped:
            self._socket.setsockopt(socket.SOL_SOCKET, _STAMPED, 1)
        self._room = socket.CMSG_SPACE(_STAMP.size) if stamped else 0
        self.arrived_ns = 0  # when the last of the answer did, if stamped

    def fileno(self) -> int:
        return self._socket.fileno()

    def ask(self, number: int) -> None:
        self._socket.send(self._before + b"user-%08d" % number + self._after)

    def answered(self) -> bool:
        """Receive what is there, and tell whether the answer is whole."""
        if self._room:
            data, stamps, _, _ = self._socket.recvmsg(65_536, self._room)
            for _, _, stamp in stamps:
                seconds, nanoseconds = _STAMP.unpack(stamp)
                self.arrived_ns = seconds * _NS + nanoseconds
        else:
            data = self._socket.recv(65_536)
        if not data:
            raise ConnectionError("the service hung up")
        got = self._got = self._got + data
        head = got.find(b"\r\n\r\n")
        at = got.find(b"content-length: ", 0, head)
        if head < 0 or len(got) < head + 4 + int(got[at + 16 : got.find(b"\r", at)]):
            return False
        if not got.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(got.decode())
        self._got = b""
        return True


def main() -> None:
    how, port, key, path, users, amount = sys.argv[1:]
    loop = closed_loop if how == "closed" else open_loop
    gc.disable()  # what it keeps is little, and its pauses would look like the service's
    print(json.dumps(loop(int(port), key, path, int(users), float(amount))))


if __name__ == "__main__":
    main()
