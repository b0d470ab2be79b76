"""The same service as a fleet: its state and the log's catalog in PostgreSQL, the data in S3."""

from __future__ import annotations

import atexit
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

import psycopg
from faults.deployment import environment, furnish
from servers import S3, Postgres

from sendopt.app import open_app

PARTS = ("serve", "dispatch", "append")


class Fleet:
    """Servers for any number of deployments, one after the other."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sendopt-fleet-")
        self.postgres = Postgres()
        self.s3 = S3(Path(self._folder.name, "buckets"))
        self.start()
        self._create("furnished", "template0")
        home = {"SENDOPT_HOME": str(Path(self._folder.name, "home"))}
        with environment(home | self._settings("furnished", self.postgres.port)):
            app = open_app()
        with closing(app):
            self.key = furnish(app)

    def start(self) -> None:
        self.postgres.start()
        self.s3.start()

    def close(self) -> None:
        self.s3.stop()
        self.postgres.close()
        self._folder.cleanup()

    def settings(self, name: str, *, port: int | None = None) -> dict[str, str]:
        """Return the settings of a deployment over a database of its own.

        `port` is where PostgreSQL is spoken to, where that is not its own.
        """
        self._create(name, "furnished")
        return self._settings(name, port or self.postgres.port)

    def _create(self, name: str, template: str) -> None:
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())

    def _settings(self, name: str, port: int) -> dict[str, str]:
        url = f"postgresql://postgres@127.0.0.1:{port}/{name}"
        return {
            "SENDOPT_STATE__URL": url,
            "SENDOPT_LOG__CATALOG": url,
            "SENDOPT_LOG__DATA": f"s3://lake/{name}",
            "SENDOPT_LOG__S3_ENDPOINT": self.s3.endpoint,
            "SENDOPT_LOG__S3_KEY_ID": "any",
            "SENDOPT_LOG__S3_SECRET": "any",
            "SENDOPT_LOG__S3_USE_SSL": "false",
        }


@cache
def fleet() -> Fleet:
    """Return the servers of this process, which end with it."""
    servers = Fleet()
    atexit.register(servers.close)
    return servers
