"""Writes lines in a thread of its own, so that nobody who logs waits for whoever reads.

A pipe that nobody reads is full after 64 kB, and the next line waits; on the event loop all
requests would wait with it.
"""

from __future__ import annotations

import io
import os
import select
import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue

#: A line has some 300 bytes.
MOST_WAITING = 10_000
_LAST_LINES_SECONDS = 2.0


class LogLines(io.TextIOBase):
    """A text stream, such as takes the place of stderr, that never keeps its writers waiting.

    What comes while too many lines wait, and what the descriptor refuses, is left out and counted;
    a line says so as soon as one can be written again.

    Args:
        descriptor: where the lines go; may be any kind of file.
        left_out: returns the line that says how many were left out.
        most: lines that may wait.
    """

    def __init__(
        self, descriptor: int, left_out: Callable[[int], str], *, most: int = MOST_WAITING
    ) -> None:
        self._descriptor = descriptor
        self._left_out = left_out
        self._most = most
        self._waiting = SimpleQueue[str | threading.Event]()
        self._missing = 0
        self._counting = threading.Lock()
        self._starting = threading.Lock()
        self._thread = threading.Thread()
        self._start_writer()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """What text is written in."""
        return "utf-8"

    def fileno(self) -> int:
        return self._descriptor

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        """Take whole lines."""
        if self._waiting.qsize() < self._most:
            self._waiting.put(text)
        else:
            self._count([text])
        if not self._thread.is_alive():
            self._start_writer()
        return len(text)

    def flush(self) -> None:
        """Return at once; `close` waits."""

    def close(self) -> None:
        """Let what was taken come out, but do not wait for long for a reader who is gone."""
        if not self.closed:
            written = threading.Event()
            self._waiting.put(written)
            written.wait(_LAST_LINES_SECONDS)
        super().close()

    def _start_writer(self) -> None:
        """Start the only writer, or another one after it was ended by whatever ends threads."""
        with self._starting:
            if not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="log lines", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            taken = [self._waiting.get()]
            # All at once: whoever writes line by line waits for the interpreter with each.
            taken += [self._waiting.get() for _ in range(self._waiting.qsize())]
            self._write_lines([each for each in taken if isinstance(each, str)])
            for each in taken:
                if isinstance(each, threading.Event):
                    each.set()

    def _write_lines(self, lines: list[str]) -> None:
        with self._counting:
            missing, self._missing = self._missing, 0
        try:
            _write_all(self._descriptor, "".join(lines))
            lines = []
            if missing:
                _write_all(self._descriptor, self._left_out(missing))
                missing = 0
        except OSError:
            self._count(lines, missing)

    def _count(self, lines: Iterable[str], missing: int = 0) -> None:
        with self._counting:
            self._missing += missing + sum(text.count("\n") for text in lines)


def _write_all(descriptor: int, text: str) -> None:
    left = memoryview(text.encode("utf-8", "backslashreplace"))
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:  # whoever shares it made it so
            select.select([], [descriptor], [])
