"""A service under attack: a home of its own, its processes, and the phones that it sends to."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
from receiver import Receiver
from service.processes import SENDOPT, free_port
from waiting import PATIENCE, wait_until

from sendopt.app import App, open_app
from sendopt.records import TenantId
from sendopt.settings import Settings

TENANT = TenantId("default")
LEASE_SECONDS = 1
_ANSWERING = {"run", "serve"}  # the parts that answer requests
_SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
_PRICES = {
    "currency": "EUR",
    "click_price_minor": "1.5",
    "response_price_minor": "2",
    "attribution_window_seconds": 24 * 3600,
    "effective_at": "2020-01-01T00:00:00Z",
}


def make_template(home: Path) -> str:
    """Make a home to be copied; return its API key."""
    with closing(open_app(Settings(home=home))) as app:
        return furnish(app)


def furnish(app: App) -> str:
    """Make a tenant, its prices and a registry; return its API key."""
    app.open_stores()
    key = app.as_owner_of(TENANT).keys.issue("fault machine").key
    app.as_owner_of(TENANT).statements.put_rate_card(_PRICES)
    app.secrets  # noqa: B018 - made at first use
    app.registry.models(TENANT)
    return key


class Deployment:
    """One home and the processes over it; as many as a scenario wants, ended with it.

    Args:
        home: its folder; a log of all its processes is beside it.
        environment: further settings, and what loads the shim.
        entry: the program that takes sendopt's arguments.
    """

    def __init__(
        self, home: Path, environment: Mapping[str, str], *, entry: Sequence[str] = (str(SENDOPT),)
    ) -> None:
        self.home = home
        self._entry = entry
        self.log = home.with_suffix(".log")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = {
            "SENDOPT_HOME": str(home),
            "SENDOPT_HTTP__PORT": str(self.port),
            "SENDOPT_HTTP__BASE_URL": self.url,
            "SENDOPT_DELIVER__ALLOW_PRIVATE_ADDRESSES": "true",
            "SENDOPT_DELIVER__LEASE_SECONDS": str(LEASE_SECONDS),
            "SENDOPT_DELIVER__RETRY_FIRST_SECONDS": "0.2",
            "SENDOPT_DELIVER__RETRY_LONGEST_SECONDS": "1",
            "SENDOPT_DELIVER__MAX_ATTEMPTS": "100",
            "SENDOPT_DELIVER__TIMEOUT_SECONDS": "5",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "PYTHONFAULTHANDLER": "1",
            **environment,
        }
        self.readiness = ""  # what `/readyz` said last
        self.parts: dict[str, subprocess.Popen[bytes]] = {}  # what should always run, by name

    def register_devices(self, users: list[str], receiver: Receiver) -> None:
        """Give each user a device whose messages go to `receiver`."""
        with self.opened() as app:
            for user in users:
                address = {"url": f"{receiver.url}/{user}", "secret": _SECRET}
                device = {"device_id": user, "user_id": user, "channel": "webhook"}
                app.as_owner_of(TENANT).devices.register(device | {"address": address})

    @contextmanager
    def opened(self) -> Iterator[App]:
        """Open the stores in this process, to look at them."""
        with environment(self.settings):
            app = open_app()
        with closing(app):
            yield app

    def start(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start `sendopt <command>`, without waiting for anything."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*self._entry, *command],
                env={**os.environ, **self.settings, **environment},
                stdout=log,
                stderr=log,
            )

    def run(self, *command: str, **environment: str) -> int:
        """Run `sendopt <command>` and return its exit status."""
        process = self.start(*command, **environment)
        try:
            return process.wait(PATIENCE.total_seconds())
        except subprocess.TimeoutExpired as error:
            _abort(process)
            raise AssertionError(f"`sendopt {' '.join(command)}` does not end") from error

    def keep_up(self, *parts: str) -> None:
        """Start these commands, and again whenever they have ended: `restart_ended`.

        What follows a blank tells two of a kind apart.
        """
        for part in parts:
            self.parts[part] = self.start(part.split()[0])

    def restart_ended(self) -> list[str]:
        """Start again what has ended, as an orchestrator does; return which parts."""
        ended = [part for part, process in self.parts.items() if process.poll() is not None]
        self.keep_up(*ended)
        return ended

    def wait_until_ready(self) -> float:
        """Wait for `/readyz`, starting again what has ended.

        Returns the seconds that it took; 0 if it was ready all the time.
        """
        if _ANSWERING.isdisjoint(self.restart_ended()) and self.is_ready():
            return 0.0
        begun_at = time.monotonic()

        def ready() -> bool:
            self.restart_ended()
            return self.is_ready()

        wait_until(ready, f"a service that is ready, logging {self.log}")
        return time.monotonic() - begun_at

    def crashes(self) -> dict[str, str]:
        """Return what the log says of errors that nobody has explained: one line of each type."""
        found = {}
        lines = iter(self.log.read_text(errors="replace").splitlines())
        for line in lines:
            if line.startswith("Traceback"):
                last = next((each for each in lines if not each.startswith(" ")), line)
                found[last.partition(":")[0].rpartition(".")[2]] = last
            elif '"frames"' in line and "frames" in (said := json.loads(line)):
                found[said["error"]] = line
        return found

    def is_ready(self) -> bool:
        try:
            answer = httpx.get(f"{self.url}/readyz", timeout=5)
        except httpx.TransportError as error:
            self.readiness = type(error).__name__
            return False
        self.readiness = answer.text
        return answer.status_code == 200

    def stop(self) -> None:
        """End every part as an operator does."""
        for process in self.parts.values():
            process.terminate()
        for part, process in self.parts.items():
            try:
                process.wait(PATIENCE.total_seconds())
            except subprocess.TimeoutExpired as error:
                _abort(process)
                raise AssertionError(f"{part} does not end when it is told to") from error
        self.parts.clear()

    def kill(self) -> None:
        """End everything without warning."""
        for process in self.parts.values():
            process.kill()
            process.wait()
        self.parts.clear()

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.home)
        self.log.unlink(missing_ok=True)


def _abort(process: subprocess.Popen[bytes]) -> None:
    """End it so that its log says where each thread is; without that where it cannot say it."""
    process.send_signal(signal.SIGABRT)
    try:
        process.wait(PATIENCE.total_seconds())
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the block; those that load a library are for others."""
    ours = {name: value for name, value in settings.items() if name != "LD_PRELOAD"}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
