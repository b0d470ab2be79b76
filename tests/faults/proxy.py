"""A network that fails: stands between clients and a server of this machine."""

from __future__ import annotations

import subprocess
import sys
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest
from waiting import PATIENCE

_PROGRAM = Path(__file__).with_name("forwarding.py")


class Proxy:
    """Forwards from `port` to `server_port`, in a process of its own, as long as it is well.

    A thread would not do: a call of ours into a library that keeps the interpreter to itself
    while it waits for the server would wait for an answer that nobody forwards.
    """

    def __init__(self, server_port: int) -> None:
        self._pipe, theirs = Pipe()
        with theirs:
            handle = theirs.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-P", _PROGRAM, str(server_port), str(handle)], pass_fds=[handle]
            )
        self.port: int = self._answer()

    def cut(self) -> None:
        """Cut every connection, seen by both ends."""
        self._ask("cut")

    def leave_half_open(self) -> None:
        """Lose everything that is sent over the connections of this moment, and tell nobody."""
        self._ask("leave_half_open")

    def silence(self) -> None:
        """Acknowledge whatever comes over the connections of this moment, and forward nothing.

        The server's ends are closed: it forgets these sessions.
        """
        self._ask("silence")

    def delay(self, seconds: float) -> None:
        """Let everything be so late from now on."""
        self._ask("delay", seconds)

    def lose_next_commit_answer(self) -> None:
        """Let the next COMMIT through, and cut its connection then."""
        self._ask("lose_next_commit_answer")

    def has_lost_commit_answer(self) -> bool:
        return bool(self._ask("has_lost_commit_answer"))

    def close(self) -> None:
        self._pipe.close()
        self._process.kill()
        self._process.wait()

    def _ask(self, name: str, *arguments: float) -> Any:
        self._pipe.send((name, arguments))
        return self._answer()

    def _answer(self) -> Any:
        if not self._pipe.poll(PATIENCE.total_seconds()):
            pytest.fail(f"waited {PATIENCE} in vain: an answer of the proxy")
        return self._pipe.recv()
