"""A real service on the loopback: real stores in a folder of its own, a real HTTP server.

Most tests share one service with two tenants, acme and other; they keep apart by the ids that
they use. The clock stands still at `NOW`.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from api.documented import told_of
from api.serving import serving
from pydantic import SecretStr

from sendopt.app import App
from sendopt.clock import VirtualClock
from sendopt.records import TenantId
from sendopt.settings import HttpSettings, Settings
from sendopt.state.tables import metadata

METRICS_KEY = "of-the-operator"
NOW = datetime(2026, 10, 1, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory, empty_home: Path) -> Iterator[App]:
    home = shutil.copytree(empty_home, tmp_path_factory.mktemp("service") / "home")
    http = HttpSettings(metrics_key=SecretStr(METRICS_KEY))
    settings = Settings(home=home, http=http)
    with closing(App(settings, VirtualClock(NOW), secrets.token_bytes)) as app:
        app.operator.create_tenant(TenantId("acme"), timezone="Europe/Vienna")
        app.operator.create_tenant(TenantId("other"), timezone="UTC")
        app.operator.create_tenant(TenantId("shop"), timezone="UTC")
        app.operator.create_tenant(TenantId("steady"), timezone="Europe/Vienna")
        yield app


@pytest.fixture(scope="session")
def url(app: App) -> Iterator[str]:
    with serving(app) as url:
        yield url


@pytest.fixture(scope="session")
def serve() -> Callable[[App], AbstractContextManager[str]]:
    """Serve any `App` from a thread; yields its URL."""
    return serving


@pytest.fixture(scope="session")
def acme_key(app: App) -> str:
    return app.as_owner_of(TenantId("acme")).keys.issue("tests").key


@pytest.fixture(scope="session")
def acme(url: str, acme_key: str) -> Iterator[httpx.Client]:
    yield from _client(url, acme_key)


@pytest.fixture(scope="session")
def other(app: App, url: str) -> Iterator[httpx.Client]:
    yield from _client(url, app.as_owner_of(TenantId("other")).keys.issue("tests").key)


@pytest.fixture(scope="session")
def shop(app: App, url: str) -> Iterator[httpx.Client]:
    """A tenant whose users no other test knows."""
    yield from _client(url, app.as_owner_of(TenantId("shop")).keys.issue("tests").key)


@pytest.fixture(scope="session")
def steady(app: App, url: str) -> Iterator[httpx.Client]:
    """A tenant of which nobody is erased: the answers to its keyed requests are all kept."""
    yield from _client(url, app.as_owner_of(TenantId("steady")).keys.issue("tests").key)


@pytest.fixture(scope="session")
def stranger(url: str) -> Iterator[httpx.Client]:
    yield from _client(url, None)


@pytest.fixture(scope="session")
def operator(url: str) -> Iterator[httpx.Client]:
    """Whoever holds the metrics key."""
    yield from _client(url, METRICS_KEY)


@pytest.fixture(scope="session")
def row_counts(app: App) -> Callable[[], dict[str, int]]:
    """Count the rows of every table of the state: what a refusal must leave as it was."""

    def count() -> dict[str, int]:
        with app.state.read_fleet() as tx:
            return {
                table.name: tx.scalar(sa.select(sa.func.count()).select_from(table)) or 0
                for table in metadata.sorted_tables
            }

    return count


def _client(url: str, key: str | None) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    told = told_of(httpx.get(f"{url}/openapi.json", timeout=60).json())
    hooks: dict[str, list[Callable[..., Any]]] = {"response": [told]}
    with httpx.Client(base_url=url, headers=headers, timeout=60, event_hooks=hooks) as client:
        yield client
