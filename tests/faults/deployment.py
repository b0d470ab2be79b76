"""A service under attack: a home of its own, its processes, and the phones that it sends to."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
from receiver import Receiver
from service.processes import SENDOPT, free_port
from waiting import wait_until

from sendopt.app import App, open_app
from sendopt.records import TenantId
from sendopt.settings import Settings

TENANT = TenantId("default")
LEASE_SECONDS = 1
_SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
_PRICES = {
    "currency": "EUR",
    "click_price_minor": "1.5",
    "response_price_minor": "2",
    "attribution_window_seconds": 24 * 3600,
    "effective_at": "2020-01-01T00:00:00Z",
}


def make_template(home: Path) -> str:
    """Make a home with a tenant, its prices and a registry, to be copied; return its API key."""
    with closing(open_app(Settings(home=home))) as app:
        app.open_stores()
        key = app.issue_key(TENANT, "fault machine")
        app.put_rate_card(TENANT, _PRICES)
        app.secrets  # noqa: B018 - made at first use
        app.registry.models(TENANT)
    return key


class Deployment:
    """One home and the processes over it; as many as a scenario wants, ended with it.

    Args:
        home: its folder; a log of all its processes is beside it.
        environment: further settings, and what loads the shim.
    """

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self.home = home
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
            **environment,
        }
        self._processes: list[subprocess.Popen[bytes]] = []

    def register_devices(self, users: list[str], receiver: Receiver) -> None:
        """Give each user a device whose messages go to `receiver`."""
        with self.opened() as app:
            for user in users:
                address = {"url": f"{receiver.url}/{user}", "secret": _SECRET}
                device = {"device_id": user, "user_id": user, "channel": "webhook"}
                app.register_device(TENANT, device | {"address": address})

    @contextmanager
    def opened(self) -> Iterator[App]:
        """Open the stores in this process, to look at them."""
        with environment(self.settings):
            app = open_app()
        with closing(app):
            yield app

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start `sendopt <command>`, without waiting for anything."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [SENDOPT, *command],
                env={**os.environ, **self.settings},
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> float:
        """Wait for `/readyz`; return the seconds that it took."""
        begun_at = time.monotonic()
        wait_until(lambda: process.poll() is not None or self.is_ready(), "a service that is ready")
        assert process.poll() is None, f"{process.args} has ended: {self.log.read_text()[-2000:]}"
        return time.monotonic() - begun_at

    def is_ready(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        return False

    def stop(self) -> None:
        """End every process as an operator does."""
        for process in self._processes:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self._processes:
            process.wait(timeout=60)
        self._processes.clear()

    def kill(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self._processes.clear()

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.home)
        self.log.unlink(missing_ok=True)


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
