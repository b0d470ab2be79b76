"""An issuer that is slow from the start holds up nobody but those whose tokens need it."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from api.serving import serving
from issuer import AUDIENCE, Issuer, SigningKey

from sendopt.api.admission import KINDS
from sendopt.app import App, open_app
from sendopt.records import TenantId
from sendopt.settings import Settings

ACME = TenantId("acme")
MANY = 2 * max(kind.at_once for kind in KINDS)


class SlowFront:
    """Takes connections for a server, and forwards none of them before it is opened."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.is_asked, self.is_open = threading.Event(), threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.is_open.set()
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                self.is_asked.set()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        self.is_open.wait()
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self._to)) as server:
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            _copy(client, server)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65_536):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey("one")


@pytest.fixture
def front(key: SigningKey) -> Iterator[tuple[Issuer, SlowFront]]:
    """An issuer that names the front as its own address, and what stands there."""
    issuer = Issuer({"owner": {"sendopt_tenant": ACME, "sendopt_roles": ["owner"]}})
    front = SlowFront(urlsplit(issuer.url).port or 0)
    issuer.be_known_as(f"http://127.0.0.1:{front.port}")
    issuer.start(key)
    yield issuer, front
    front.close()
    issuer.stop()


@pytest.fixture
def service(
    front: tuple[Issuer, SlowFront],
    empty_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[App]:
    monkeypatch.setattr("sendopt.app.issuer._TIMEOUT", timedelta(seconds=60))
    home = shutil.copytree(empty_home, tmp_path / "home")
    oidc = {"issuer": f"http://127.0.0.1:{front[1].port}", "audience": AUDIENCE}
    with closing(open_app(Settings.model_validate({"home": home, "oidc": oidc}))) as app:
        app.operator.create_tenant(ACME, timezone="UTC")
        yield app


def get(url: str, bearer: str) -> httpx.Response:
    return httpx.get(
        f"{url}/v1/campaigns", headers={"Authorization": f"Bearer {bearer}"}, timeout=60
    )


def test_keys_of_ours_are_answered_while_many_wait_for_a_slow_issuer(
    service: App, front: tuple[Issuer, SlowFront], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sendopt.api.auth._PATIENCE_SECONDS", 300.0)
    issuer, slow = front
    tokens = [issuer.token("owner") for _ in range(MANY)]
    ours = service.as_owner_of(ACME).keys.issue("tests", role="owner").key
    with ExitStack() as ends, ThreadPoolExecutor(MANY) as people:
        url = ends.enter_context(serving(service))
        ends.callback(slow.is_open.set)
        asked = [people.submit(get, url, token) for token in tokens]
        assert slow.is_asked.wait(60)
        assert [get(url, ours).status_code for _ in range(MANY)] == [200] * MANY
        assert not any(each.done() for each in asked)
        slow.is_open.set()
        assert [each.result().status_code for each in asked] == [200] * MANY


def test_who_waits_in_vain_for_an_issuer_is_told_to_come_again(
    service: App, front: tuple[Issuer, SlowFront], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sendopt.api.auth._PATIENCE_SECONDS", 0.2)
    issuer, slow = front
    token = issuer.token("owner")
    with serving(service) as url:
        refused = [get(url, token) for _ in range(2)]
        assert [each.status_code for each in refused] == [503, 503]
        assert refused[0].json()["code"] == "overloaded"
        assert refused[0].headers["Retry-After"] == "5"
        monkeypatch.setattr("sendopt.api.auth._PATIENCE_SECONDS", 300.0)
        slow.is_open.set()
        assert get(url, token).status_code == 200
