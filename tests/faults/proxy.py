"""A network that fails: stands between clients and a server of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import socket
import struct
import threading
from dataclasses import dataclass

#: For SO_ATTACH_FILTER (asm-generic/socket.h): a filter of one instruction, which lets no byte of
#: a packet through. The kernel drops what arrives before it could acknowledge it.
_SO_ATTACH_FILTER = 26
_DROP_ALL = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0))
_ONE_INSTRUCTION = struct.pack("@HP", 1, ctypes.addressof(_DROP_ALL))
_BLOCK = 1 << 16
#: What the server needs to carry out a COMMIT whose answer will be lost.
_COMMIT_SECONDS = 0.05


@dataclass(eq=False)
class _Connection:
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


class Proxy:
    """Forwards from `port` to `server_port`, in a thread of its own, as long as it is well.

    Attributes:
        delay_seconds: by which everything is late.
        lose_next_commit_answer: let the next COMMIT through and cut its connection then.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self.delay_seconds = 0.0
        self.lose_next_commit_answer = False
        self._connections: set[_Connection] = set()
        self._forwarding: set[asyncio.Future[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        listening = asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._listener = asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        self.port: int = self._listener.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Cut every connection, seen by both ends."""
        self._loop.call_soon_threadsafe(lambda: [each.cut() for each in set(self._connections)])

    def leave_half_open(self) -> None:
        """Lose everything that is sent over the connections of this moment, and tell nobody."""
        self._loop.call_soon_threadsafe(
            lambda: [each.leave_half_open() for each in self._connections]
        )

    def silence(self) -> None:
        """Acknowledge whatever comes over the connections of this moment, and forward nothing.

        The server's ends are closed: it forgets these sessions.
        """

        def silence() -> None:
            for each in self._connections:
                each.is_silent = True
                each.server.transport.abort()

        self._loop.call_soon_threadsafe(silence)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        self._listener.close()
        for connection in set(self._connections):
            connection.cut()
        if self._forwarding:
            await asyncio.wait(self._forwarding)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, server = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection(writer, server)
        self._connections.add(connection)
        for pump in (
            self._pump(reader, server, connection),
            self._pump(from_server, writer, connection),
        ):
            self._forwarding.add(asyncio.ensure_future(pump))

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, connection: _Connection
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(_BLOCK):
                if connection.is_silent:
                    continue
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                sink.write(data)
                await sink.drain()
                if self.lose_next_commit_answer and b"COMMIT" in data:
                    self.lose_next_commit_answer = False
                    connection.client.transport.abort()
                    await asyncio.sleep(_COMMIT_SECONDS)
        if not connection.is_half_open and not connection.is_silent:
            connection.cut()
            self._connections.discard(connection)
