"""A POST under an Idempotency-Key is carried out once, and answered the same again."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from api.conftest import NOW
from emptied import Emptied

from sendopt.api import create_api
from sendopt.api.auth import guarded_routes
from sendopt.app import App
from sendopt.clock import VirtualClock
from sendopt.errors import Conflict, InvalidInput, StoreFailure
from sendopt.records import TenantId
from sendopt.settings import Settings, StateSettings
from sendopt.state import tenants
from sendopt.state.requests import KEPT_FOR
from sendopt.state.tables import api_key
from sendopt.state.tables_requests import keyed_request

SHOP = TenantId("shop")
DRAFT = {
    "campaign_id": "drafted",
    "channel": "simulator",
    "variants": [{"variant_id": "plain", "title": "T", "body": "B", "url": "https://a.example/"}],
    "send_window": {"earliest_at": "2026-10-02T00:00:00Z", "latest_at": "2026-10-03T00:00:00Z"},
    "audience": "everyone",
    "quiet_hours": None,
}
KEY_BODY = {"name": "night import", "role": "ingest"}


@pytest.fixture(params=["sqlite", "postgres"])
def shop(
    request: pytest.FixtureRequest, empty_home: Path, tmp_path: Path
) -> Iterator[tuple[App, VirtualClock]]:
    """An application with a tenant, over either database."""
    home = shutil.copytree(empty_home, tmp_path / "home")
    clock = VirtualClock(NOW)
    if request.param == "sqlite":
        with closing(App(Settings(home=home), clock, secrets.token_bytes)) as app:
            _begin(app)
            yield app, clock
        return
    emptied: Emptied = request.getfixturevalue("_emptied_postgres")
    with emptied.lend() as url:
        settings = Settings(home=home, state=StateSettings(url=url))
        with closing(App(settings, clock, secrets.token_bytes)) as app:
            _begin(app)
            yield app, clock


def _begin(app: App) -> None:
    with app.state.write_fleet() as tx:
        tenants.create(tx, SHOP, timezone="UTC", now=NOW)


Post = Callable[..., httpx.Response]


@pytest.fixture
def post(
    shop: tuple[App, VirtualClock], serve: Callable[[App], AbstractContextManager[str]]
) -> Iterator[Post]:
    app, _ = shop
    key = app.as_owner_of(SHOP).keys.issue("tests").key
    with (
        serve(app) as url,
        httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60
        ) as client,
    ):

        def ask(path: str, body: Any = None, under: str | None = "one", **options: Any) -> Any:
            headers = [*options.pop("headers", {}).items()]
            if under is not None:
                headers.append(("Idempotency-Key", under))
            return client.post(path, json=body, headers=headers, **options)

        yield ask


def told(answer: httpx.Response) -> tuple[int, bytes, str]:
    return answer.status_code, answer.content, answer.headers["content-type"]


def is_replayed(answer: httpx.Response) -> bool:
    return answer.headers.get("idempotent-replayed") == "true"


def keys(app: App) -> int:
    with app.state.read_fleet() as tx:
        return tx.scalar(sa.select(sa.func.count()).select_from(api_key)) or 0


def test_the_same_request_is_answered_the_same_for_a_day(
    post: Post, shop: tuple[App, VirtualClock]
) -> None:
    first = post("/v1/campaigns", DRAFT)
    assert (first.status_code, is_replayed(first)) == (201, False)
    again = post("/v1/campaigns", DRAFT)
    assert told(again) == told(first)
    assert is_replayed(again)
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert not is_replayed(post("/v1/campaigns", DRAFT, under=None))
    shop[1].advance(KEPT_FOR)
    shop[0].rounds.forget_requests()
    with shop[0].state.read(SHOP) as tx:
        assert tx.scalar(sa.select(sa.func.count()).select_from(keyed_request)) == 0
    assert post("/v1/campaigns", DRAFT).json()["repeated"] is True


@pytest.mark.parametrize(
    "other",
    [
        ("/v1/campaigns", DRAFT | {"campaign_id": "another"}),
        ("/v1/campaigns?commit=false", DRAFT),
        ("/v1/campaigns/drafted/preview", DRAFT),
        ("/v1/campaigns/drafted/cancel", None),
    ],
)
def test_another_request_under_the_key_is_refused(
    post: Post, other: tuple[str, dict[str, Any] | None]
) -> None:
    assert post("/v1/campaigns", DRAFT).status_code == 201
    refused = post(*other)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert refused.json()["field"] == "Idempotency-Key"


def test_what_was_refused_is_looked_at_anew(
    post: Post, shop: tuple[App, VirtualClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report of a send overtakes its hand-over, a campaign its definition, a clock ours."""
    early = post("/v1/campaigns/drafted/cancel")
    assert (early.status_code, early.json()["code"]) == (404, "campaign_unknown")
    assert post("/v1/campaigns", DRAFT, under=None).status_code == 201
    again = post("/v1/campaigns/drafted/cancel")
    assert (again.status_code, is_replayed(again)) == (200, False)
    assert is_replayed(post("/v1/campaigns/drafted/cancel"))
    for error in (Conflict("not yet", code="not_handed_over"), InvalidInput("ahead")):
        under = error.code
        with monkeypatch.context() as refusing:

            def refuse(*_: object, error: Exception = error, **__: object) -> None:
                raise error

            refusing.setattr("sendopt.app.campaigns.Campaigns.put", refuse)
            refused = post("/v1/campaigns", DRAFT, under=under)
            assert refused.status_code in (409, 422)
        assert post("/v1/campaigns", DRAFT, under=under).status_code == 200


def test_nobody_else_gets_what_was_answered(post: Post, shop: tuple[App, VirtualClock]) -> None:
    assert post("/v1/campaigns", DRAFT, under=None).status_code == 201
    first = post("/v1/campaigns/drafted/cancel")
    assert told(post("/v1/campaigns/drafted/cancel")) == told(first)
    analyst = shop[0].as_owner_of(SHOP).keys.issue("a", role="analyst").key
    headers = {"Authorization": f"Bearer {analyst}"}
    assert post("/v1/campaigns/drafted/cancel", headers=headers).status_code == 403
    owner = shop[0].as_owner_of(SHOP).keys.issue("b").key
    headers = {"Authorization": f"Bearer {owner}"}
    other = post("/v1/campaigns/drafted/cancel", headers=headers)
    assert other.json()["code"] == "idempotency_key_reused"


@pytest.mark.parametrize("key", ["", "a b", "é".encode(), "x" * 256])
def test_what_is_no_key_is_refused(post: Post, key: str) -> None:
    answer = post("/v1/campaigns", DRAFT, under=None, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")


@pytest.mark.parametrize("second", ["one", "two"])
def test_two_keys_are_refused(post: Post, shop: tuple[App, VirtualClock], second: str) -> None:
    before = keys(shop[0])
    answer = post("/v1/keys", KEY_BODY, headers={"Idempotency-Key": second})
    assert (answer.status_code, answer.json()["code"]) == (422, "repeated_parameter")
    assert answer.json()["field"] == "Idempotency-Key"
    assert keys(shop[0]) == before


def test_what_came_of_events_is_told_again(post: Post) -> None:
    event = {"event_id": "e", "user_id": "u", "event_type": "session"}
    events = [event | {"occurred_at": "2026-10-01T09:00:00Z"}, {"event_id": "f"}]
    first = post("/v1/events", events)
    assert first.status_code == 207
    assert told(post("/v1/events", events)) == told(first)


def test_of_many_at_once_one_is_carried_out(post: Post, shop: tuple[App, VirtualClock]) -> None:
    before = keys(shop[0])
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: post("/v1/keys", KEY_BODY), range(8)))
    assert keys(shop[0]) == before + 1
    (made,) = [answer for answer in found if answer.status_code == 201]
    others = {answer.json()["code"] for answer in found if answer is not made}
    assert others <= {"request_in_progress", "already_issued"}
    for answer in found:
        if answer.status_code == 409 and answer.json()["code"] == "request_in_progress":
            assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("path", ["/v1/keys", "/v1/keys/{}/rotate"])
def test_a_secret_is_shown_once_and_kept_nowhere(
    post: Post, shop: tuple[App, VirtualClock], path: str
) -> None:
    app, _ = shop
    old = app.as_owner_of(SHOP).keys.issue("old", role="ingest").listed.key_id
    body = {"overlap_hours": 1} if "rotate" in path else KEY_BODY
    made = post(path.format(old), body)
    assert made.status_code == 201
    before = keys(app)
    again = post(path.format(old), body)
    assert (again.status_code, again.json()["code"]) == (409, "already_issued")
    assert made.json()["listed"]["key_id"] in again.json()["detail"]
    assert keys(app) == before
    secret = made.json()["key"].split("_")[2]
    with app.state.read(SHOP) as tx:
        (row,) = tx.execute(sa.select(keyed_request)).all()
    assert (row.status, row.body) == (None, None)
    assert secret not in repr(row)


def test_a_failure_is_not_kept_and_the_next_try_begins_at_once(
    post: Post, shop: tuple[App, VirtualClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    failure = StoreFailure("away", statement="x", code="store_unavailable")
    for error, status in ((failure, 503), (RuntimeError("unforeseen"), 500)):
        with monkeypatch.context() as broken:

            def fail(*_: object, error: Exception = error, **__: object) -> None:
                raise error

            broken.setattr("sendopt.app.campaigns.Campaigns.put", fail)
            assert post("/v1/campaigns", DRAFT).status_code == status
    assert post("/v1/campaigns", DRAFT).status_code == 201


def test_a_process_that_died_in_between_is_followed_by_the_next_try(
    post: Post, shop: tuple[App, VirtualClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The effect is stored and the answer is not: as if the process had ended there."""
    app, clock = shop
    with monkeypatch.context() as dead:
        dead.setattr("sendopt.app.requests.Requests.keep", lambda *_: None)
        assert post("/v1/campaigns", DRAFT).status_code == 201
        assert post("/v1/keys", KEY_BODY, under="two").status_code == 201
    before = keys(app)
    assert post("/v1/campaigns", DRAFT).json()["code"] == "request_in_progress"
    clock.advance(timedelta(minutes=2))
    again = post("/v1/campaigns", DRAFT)
    assert (again.status_code, again.json()["repeated"]) == (200, True)
    assert post("/v1/keys", KEY_BODY, under="two").json()["code"] == "already_issued"
    assert keys(app) == before


def test_a_token_is_kept_nowhere_either(post: Post, shop: tuple[App, VirtualClock]) -> None:
    body = {"expires_in_seconds": 3600}
    for _ in range(2):
        made = post("/v1/users/ann/device-token", body)
        assert (made.status_code, is_replayed(made)) == (201, False)
    with shop[0].state.read(SHOP) as tx:
        (row,) = tx.execute(sa.select(keyed_request)).all()
    assert (row.status, row.body) == (None, None)


def test_every_answer_that_shows_a_secret_says_so(shop: tuple[App, VirtualClock]) -> None:
    for route in guarded_routes(create_api(shop[0])):
        fields = {*getattr(route.response_model, "model_fields", ())}
        if fields & {"key", "token", "secret"}:
            assert route.response_model.shows_secret, route.path
