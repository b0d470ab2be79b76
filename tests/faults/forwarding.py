"""Stands between clients and a server of this machine, and fails as it is told; see `proxy.py`.

A program of its own: `forwarding.py SERVER_PORT HANDLE`, where HANDLE is that of the pipe over
which it is steered. Its first word there is the port at which it listens. It ends with the pipe.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import socket
import struct
import sys
from dataclasses import dataclass
from multiprocessing.connection import Connection

#: For SO_ATTACH_FILTER (asm-generic/socket.h): a filter of one instruction, which lets no byte of
#: a packet through. The kernel drops what arrives before it could acknowledge it.
_SO_ATTACH_FILTER = 26
_DROP_ALL = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0))
_ONE_INSTRUCTION = struct.pack("@HP", 1, ctypes.addressof(_DROP_ALL))
_BLOCK = 1 << 16
#: What the server needs to carry out a COMMIT whose answer will be lost.
_COMMIT_SECONDS = 0.05


@dataclass(eq=False)
class _Wire:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    is_half_open: bool = False
    is_silent: bool = False

    def cut(self) -> None:
        self.client.transport.abort()
        self.server.transport.abort()

    def leave_half_open(self) -> None:
        """Let neither end hear anything of the other any more, not even that its words arrive."""
        self.is_half_open = True
        for end in (self.client, self.server):
            if end.is_closing():
                continue
            wire: socket.socket = end.get_extra_info("socket")
            wire.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, _ONE_INSTRUCTION)

    def silence(self) -> None:
        """Acknowledge what the client sends and forward nothing; the server's end is closed."""
        self.is_silent = True
        self.server.transport.abort()


class Forwarding:
    """Forwards to `server_port`, as long as nothing else was asked for over the `pipe`.

    A request is the name of one of its methods and its arguments; each gets an answer.
    """

    def __init__(self, server_port: int, pipe: Connection) -> None:
        self._server_port = server_port
        self._pipe = pipe
        self._delay_seconds = 0.0
        self._loses_answer = False
        self._wires: set[_Wire] = set()
        self._at_work: set[asyncio.Future[None]] = set()  # keeps them from being collected
        self._ended = asyncio.Event()

    async def until_the_end(self) -> None:
        """Listen, and do what is asked for, until nobody holds the other end of the pipe."""
        listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), self._obey)
        self._pipe.send(listener.sockets[0].getsockname()[1])
        await self._ended.wait()

    def cut(self) -> None:
        for each in set(self._wires):
            each.cut()

    def leave_half_open(self) -> None:
        for each in self._wires:
            each.leave_half_open()

    def silence(self) -> None:
        for each in self._wires:
            each.silence()

    def delay(self, seconds: float) -> None:
        self._delay_seconds = seconds

    def lose_next_commit_answer(self) -> None:
        self._loses_answer = True

    def has_lost_commit_answer(self) -> bool:
        return not self._loses_answer

    def _obey(self) -> None:
        try:
            name, arguments = self._pipe.recv()
        except EOFError:
            asyncio.get_running_loop().remove_reader(self._pipe.fileno())
            self._ended.set()
        else:
            self._pipe.send(getattr(self, name)(*arguments))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, server = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.transport.abort()
            return
        wire = _Wire(writer, server)
        self._wires.add(wire)
        for pump in (self._pump(reader, server, wire), self._pump(from_server, writer, wire)):
            future = asyncio.ensure_future(pump)
            self._at_work.add(future)
            future.add_done_callback(self._at_work.discard)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, wire: _Wire
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(_BLOCK):
                if wire.is_silent:
                    continue
                if self._delay_seconds:
                    await asyncio.sleep(self._delay_seconds)
                sink.write(data)
                await sink.drain()
                if self._loses_answer and b"COMMIT" in data:
                    self._loses_answer = False
                    wire.client.transport.abort()
                    await asyncio.sleep(_COMMIT_SECONDS)
        if not wire.is_half_open and not wire.is_silent:
            wire.cut()
            self._wires.discard(wire)


async def main() -> None:
    server_port, handle = map(int, sys.argv[1:])
    with Connection(handle) as pipe:
        await Forwarding(server_port, pipe).until_the_end()


if __name__ == "__main__":
    asyncio.run(main())
