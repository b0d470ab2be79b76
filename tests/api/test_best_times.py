"""Best times: the same answer from the score store and from the log, to whom it belongs."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from waiting import wait_until

from sendopt.api.best_times import KEY_SECONDS
from sendopt.app import App
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import VirtualClock
from sendopt.records import TenantId
from sendopt.settings import Settings

Serve = Callable[[App], AbstractContextManager[str]]
STUDY_IS_OVER = datetime(2025, 3, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def clock() -> VirtualClock:
    return VirtualClock(STUDY_IS_OVER)


@pytest.fixture(scope="module")
def scored(
    trained_home: Path, tmp_path_factory: pytest.TempPathFactory, clock: VirtualClock
) -> Iterator[App]:
    home = tmp_path_factory.mktemp("scored") / "home"
    shutil.copytree(trained_home, home)
    with closing(App(Settings(home=home), clock, secrets.token_bytes)) as app:
        app.operator.create_tenant(TenantId("other"), timezone="UTC")
        app.as_owner_of(DEFAULT_TENANT).scores.compute()
        yield app


@pytest.fixture(scope="module")
def service(scored: App, serve: Serve) -> Iterator[str]:
    with serve(scored) as url:
        yield url


@pytest.fixture
def client(scored: App, service: str) -> Iterator[httpx.Client]:
    key = scored.as_owner_of(DEFAULT_TENANT).keys.issue("tests").key
    with httpx.Client(
        base_url=service, headers={"Authorization": f"Bearer {key}"}, timeout=60
    ) as client:
        yield client


@pytest.fixture(scope="module")
def user_id(scored: App) -> str:
    user: str = scored.as_owner_of(DEFAULT_TENANT).scores.slots()["user_id"][0].as_py()
    return user


def of_user(user_id: str, **query: int) -> str:
    return str(httpx.URL(f"/v1/users/{user_id}/best-times", params=query))


def until_hot(client: httpx.Client, path: str) -> httpx.Response:
    """Ask until the answer no longer comes from a route; its numbers are rounded then."""
    answers: list[httpx.Response] = []

    def is_rounded() -> bool:
        answers.append(client.get(path))
        return len(str(answers[-1].json()["slots"][0]["open_probability"])) < 10

    wait_until(is_rounded, "an answer of the store itself")
    return answers[-1]


def test_the_store_answers_what_the_route_answers(
    scored: App, client: httpx.Client, user_id: str
) -> None:
    runs = (
        scored.as_owner_of(DEFAULT_TENANT).scores.current().about.runs
    )  # a user without news keeps an older one
    as_of = {f"stored; as_of={run:%Y-%m-%dT%H:%M:%SZ}" for run in runs}
    for query in ({}, {"top": 1}, {"top": 168}):
        path = of_user(user_id, **query)
        # An encoded digit is nothing for the short way; the route reads it as it is meant.
        encoded = "".join(f"%{ord(digit):x}" for digit in str(query.get("top", 24)))
        slow = client.get(httpx.URL(of_user(user_id)).copy_with(query=f"top={encoded}".encode()))
        fast = until_hot(client, path)
        for answer in (slow, fast):
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-request-id"].startswith("req_")
            assert answer.headers["sendopt-scores"] in as_of
            assert answer.headers["sendopt-scores"] == slow.headers["sendopt-scores"]
        told, expected = fast.json(), slow.json()
        assert [list(slot) for slot in told["slots"]] == [list(slot) for slot in expected["slots"]]
        for slot, as_expected in zip(told["slots"], expected["slots"], strict=True):
            assert slot == pytest.approx(as_expected, rel=5e-4)
        assert {**told, "slots": []} == {**expected, "slots": []}
        assert list(told) == list(expected)


@pytest.mark.parametrize(
    ("query", "status"), [("top=0", 422), ("top=169", 422), ("top=x", 422), ("top=", 422)]
)
def test_what_the_route_refuses_is_refused(
    client: httpx.Client, user_id: str, query: str, status: int
) -> None:
    until_hot(client, of_user(user_id))
    refused = client.get(f"{of_user(user_id)}?{query}")
    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"
    assert client.get(of_user("nobody")).json()["code"] == "user_unknown"
    assert client.post(of_user(user_id)).json()["code"] == "method_not_allowed"


def test_another_tenant_and_a_stranger_get_nothing(
    scored: App, service: str, client: httpx.Client, user_id: str
) -> None:
    until_hot(client, of_user(user_id))
    their_key = scored.as_owner_of(TenantId("other")).keys.issue("tests").key
    good = client.headers["Authorization"]
    for authorization, status in (
        (f"Bearer {their_key}", 404),
        (f"{good}0", 401),
        (good[:-1], 401),
        (good.removeprefix("Bearer "), 401),
        ("Bearer \xfc", 401),
    ):
        for _ in range(3):  # also once everything is remembered that may be
            headers = {"Authorization": authorization.encode("latin-1")}
            answer = httpx.get(f"{service}{of_user(user_id)}", headers=headers)
            assert answer.status_code == status
    assert client.get(of_user(user_id), params={"key": good}).status_code == 401
    assert httpx.get(f"{service}{of_user(user_id)}").status_code == 401


def test_a_revoked_key_is_worthless_after_a_moment(scored: App, service: str, user_id: str) -> None:
    key = scored.as_owner_of(DEFAULT_TENANT).keys.issue("to be revoked").key
    with httpx.Client(
        base_url=service, headers={"Authorization": f"Bearer {key}"}, timeout=60
    ) as client:
        until_hot(client, of_user(user_id))
        scored.as_owner_of(DEFAULT_TENANT).keys.revoke(key.split("_")[1])
        time.sleep(KEY_SECONDS + 0.1)
        assert client.get(of_user(user_id)).status_code == 401
        assert client.get(of_user(user_id)).status_code == 401


def test_scores_that_are_too_old_are_worked_out_anew(
    scored: App, clock: VirtualClock, client: httpx.Client, user_id: str
) -> None:
    stored = until_hot(client, of_user(user_id)).json()
    clock.advance(timedelta(hours=37))
    wait_until(
        lambda: not client.get(of_user(user_id)).headers["sendopt-scores"].startswith("stored"),
        "an answer that is not stored",
    )
    answer = client.get(of_user(user_id))
    assert answer.headers["sendopt-scores"] == "live; reason=scores_too_old"
    assert answer.json()["model_version"] == stored["model_version"]
    scored.as_owner_of(DEFAULT_TENANT).scores.compute()
    assert until_hot(client, of_user(user_id)).json()["slots"]
