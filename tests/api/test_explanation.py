"""The explanation over REST: the application's, as JSON."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from sendopt.app import App
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import VirtualClock
from sendopt.records import UserId
from sendopt.settings import Settings

Serve = Callable[[App], AbstractContextManager[str]]
STUDY_IS_OVER = datetime(2025, 3, 20, tzinfo=UTC)
ANN = "fried2021-75"


@pytest.fixture(scope="module")
def trained(trained_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    home = tmp_path_factory.mktemp("explained") / "home"
    shutil.copytree(trained_home, home)
    with closing(App(Settings(home=home), VirtualClock(STUDY_IS_OVER), secrets.token_bytes)) as app:
        yield app


@pytest.fixture(scope="module")
def client(trained: App, serve: Serve) -> Iterator[httpx.Client]:
    headers = {
        "Authorization": f"Bearer {trained.as_owner_of(DEFAULT_TENANT).keys.issue('tests').key}"
    }
    with (
        serve(trained) as url,
        httpx.Client(base_url=url, headers=headers, timeout=60) as client,
    ):
        yield client


def test_the_fields_and_the_words(trained: App, client: httpx.Client) -> None:
    answer = client.get(f"/v1/users/{ANN}/explanation?configured_hour=20").json()
    told = trained.as_owner_of(DEFAULT_TENANT).explanations.user(UserId(ANN), configured_hour=20)
    assert tuple(answer["text"]) == told.text
    explained = answer["explanation"]
    assert len(explained["week"]) == 168
    assert explained["best"] in explained["week"]
    assert explained["over_configured"]["hour"]["hour"] == 20
    assert explained["parts"] == dict(told.explanation.parts)
    assert explained["known"]["sends"] == told.explanation.known.sends
    assert answer["standing"]["served_by"] == "champion"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("nobody/explanation", 404, "user_unknown"),
        (f"{ANN}/explanation?configured_hour=24", 422, "invalid"),
    ],
)
def test_what_cannot_be_explained(client: httpx.Client, path: str, status: int, code: str) -> None:
    problem = client.get(f"/v1/users/{path}")
    assert (problem.status_code, problem.json()["code"]) == (status, code)


def test_without_a_model_the_reason_is_told(acme: httpx.Client) -> None:
    acme.put("/v1/users/unexplained", json={"timezone": None})
    problem = acme.get("/v1/users/unexplained/explanation")
    assert (problem.status_code, problem.json()["code"]) == (409, "no_champion")
