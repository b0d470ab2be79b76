"""What it costs to parse the head of a request, by the two parsers that uvicorn can use.

python benchmarks/heads.py

Prints CPU, the least of five runs: other programs cannot add to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import h11
import httptools

_HEADS = 5_000
_HEAD = (
    b"GET /v1/users/user-00000001/best-times?top=24 HTTP/1.1\r\nHost: localhost:8420\r\n"
    b"Authorization: Bearer so_0123456789abcdef_" + b"0" * 64 + b"\r\n"
    b"User-Agent: x\r\nAccept: */*\r\nAccept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n"
)


class _Callbacks:
    def on_header(self, name: bytes, value: bytes) -> None:
        pass


def by_httptools() -> None:
    httptools.HttpRequestParser(_Callbacks()).feed_data(_HEAD)


def by_h11() -> None:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(_HEAD)
    while not isinstance(connection.next_event(), h11.EndOfMessage):
        pass


def main() -> None:
    for parse in (by_httptools, by_h11):
        print(
            f"{parse.__name__}: {min(_timed(parse) for _ in range(5)) * 1e6:.1f} µs of CPU a head"
        )


def _timed(parse: Callable[[], None]) -> float:
    begun = time.process_time()
    for _ in range(_HEADS):
        parse()
    return (time.process_time() - begun) / _HEADS


if __name__ == "__main__":
    main()
