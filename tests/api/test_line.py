"""A campaign from its definition to its statement, over HTTP alone."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import sqlalchemy as sa

from sendopt.app import App
from sendopt.clock import VirtualClock
from sendopt.records import TenantId
from sendopt.settings import Settings
from sendopt.state.tables import click, planned_send

BROWSER = {"User-Agent": "Mozilla/5.0 (Android 16; Mobile; rv:148.0) Gecko/148.0 Firefox/148.0"}
DESTINATION = "https://shop.example/autumn?from=push&x=%C3%A4"
USERS = [f"u{number:02}" for number in range(30)]
CAMPAIGN: dict[str, Any] = {
    "campaign_id": "autumn",
    "channel": "simulator",
    "variants": [{"variant_id": "v", "title": "Autumn", "body": "Sale", "url": DESTINATION}],
    "send_window": {"earliest_at": "2026-10-02T00:00:00Z", "latest_at": "2026-10-03T00:00:00Z"},
    "audience": [*USERS, "without device"],
    "quiet_hours": {"start": "22:00", "end": "08:00"},
}


@dataclass
class Line:
    """A campaign that has gone out; every test takes users of its own."""

    app: App
    clock: VirtualClock
    shop: httpx.Client  # the tenant's own servers
    device: httpx.Client  # a browser: no key
    preview: dict[str, Any]
    report: dict[str, Any]
    tokens: dict[str, str] = field(default_factory=dict)  # by user
    sends: dict[str, str] = field(default_factory=dict)  # by user
    unused: list[str] = field(default_factory=lambda: list(USERS))

    def a_user(self) -> str:
        return self.unused.pop()

    def a_token(self) -> str:
        return self.tokens[self.a_user()]

    def click_count(self) -> int:
        with self.app.state.read_fleet() as tx:
            return tx.scalar(sa.select(sa.func.count()).select_from(click)) or 0


@pytest.fixture(scope="module")
def line(
    empty_home: Path, tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., Any]
) -> Iterator[Line]:
    clock = VirtualClock(datetime(2026, 10, 1, 9, 30, tzinfo=UTC))
    home = shutil.copytree(empty_home, tmp_path_factory.mktemp("line") / "home")
    with closing(App(Settings(home=home), clock, secrets.token_bytes)) as app:
        app.operator.create_tenant(TenantId("shop"), timezone="Europe/Vienna")
        app.as_owner_of(TenantId("shop")).statements.put_rate_card(
            {
                "currency": "EUR",
                "click_price_minor": "2",
                "response_price_minor": "10",
                "attribution_window_seconds": 86_400,
                "effective_at": "2026-10-01T00:00:00Z",
            },
        )
        key = app.as_owner_of(TenantId("shop")).keys.issue("tests").key
        with (
            serve(app) as url,
            httpx.Client(
                base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60
            ) as shop,
            httpx.Client(base_url=url, headers=BROWSER, timeout=60) as device,
        ):
            for user in USERS:
                body = {"device_id": f"d-{user}", "user_id": user, "channel": "simulator"}
                assert shop.post("/v1/devices", json={**body, "address": {}}).status_code == 200
            preview = shop.post("/v1/campaigns/autumn/preview", json=CAMPAIGN).json()
            report = shop.post("/v1/campaigns?commit=true", json=CAMPAIGN).json()
            line = Line(app, clock, shop, device, preview, report)
            dispatcher = app.rounds.dispatcher(on_simulated=lambda message: keep(line, message))
            clock.advance_to(datetime(2026, 10, 2, 16, 0, tzinfo=UTC))  # 18:00 in Vienna
            dispatcher.dispatch_due()
            clock.advance(timedelta(minutes=10))
            yield line


def keep(line: Line, message: Any) -> None:
    line.tokens[message.user_id] = urlsplit(message.click_url).path.removeprefix("/t/")
    line.sends[message.user_id] = message.send_id


def counted(response: httpx.Response) -> str:
    assert response.status_code == 302
    assert response.headers["location"] == DESTINATION
    return response.headers["sendopt-counted"]


def test_everybody_is_accounted_for(line: Line) -> None:
    counts = line.shop.get("/v1/campaigns/autumn").json()["counts"]
    assert sum(counts.values()) == len(CAMPAIGN["audience"])
    assert counts["delivered"] == len(USERS)
    assert counts["suppressed"] == 1


def test_the_preview_was_the_plan(line: Line) -> None:
    assert line.report["preview"] == line.preview
    assert line.preview["suppressed"] == {"user_unknown": 1}
    by_hour = line.preview["by_local_hour"]
    assert (len(by_hour), by_hour["18"], sum(by_hour.values())) == (24, len(USERS), len(USERS))
    assert line.preview["fallback_share"] == 1.0


def test_a_preview_of_another_campaign_than_the_address_names_is_refused(line: Line) -> None:
    response = line.shop.post("/v1/campaigns/spring/preview", json=CAMPAIGN)
    assert (response.status_code, response.json()["code"]) == (422, "id_mismatch")
    # Before anything is planned, or even read.
    response = line.shop.post("/v1/campaigns/spring/preview", json=CAMPAIGN | {"variants": []})
    assert (response.status_code, response.json()["code"]) == (422, "id_mismatch")


def test_putting_the_campaign_again_changes_nothing(line: Line) -> None:
    again = line.shop.post("/v1/campaigns", json=CAMPAIGN)
    assert (again.status_code, again.json()["repeated"]) == (200, True)
    changed = {**CAMPAIGN, "quiet_hours": None}
    response = line.shop.post("/v1/campaigns", json=changed)
    assert (response.status_code, response.json()["code"]) == (409, "campaign_conflict")


def test_a_send_tells_why_it_has_its_time(line: Line) -> None:
    user = line.a_user()
    send = line.shop.get(f"/v1/sends/{line.sends[user]}").json()
    assert (send["user_id"], send["state"], send["attempt_count"]) == (user, "delivered", 1)
    assert send["handed_over_at"] == send["due_at"] == "2026-10-02T16:00:00Z"
    decision = send["decision"]
    assert decision["chosen_at"] == send["due_at"]
    assert decision["propensity"] == 1.0
    assert decision["fallback_reason"]
    assert decision["timezone"] == "Europe/Vienna"
    excluded = {slot["excluded_by"] for slot in decision["slots"]}
    assert excluded == {None, "quiet_hours"}
    assert "tenant_id" not in send


def test_the_first_tap_counts_and_the_second_does_not(line: Line) -> None:
    token = line.a_token()
    assert counted(line.device.get(f"/t/{token}")) == "?1"
    assert counted(line.device.get(f"/t/{token}")) == "?0;reason=duplicate"


@pytest.mark.parametrize(
    ("method", "headers", "reason"),
    [
        ("HEAD", BROWSER, "head_request"),
        ("GET", {**BROWSER, "Sec-Purpose": "prefetch;prerender"}, "prefetch"),
        ("GET", {**BROWSER, "Purpose": "preview"}, "prefetch"),
        ("GET", {**BROWSER, "X-Moz": "prefetch"}, "prefetch"),
        ("GET", {"User-Agent": "Slackbot-LinkExpanding 1.0"}, "bot"),
        ("GET", {"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}, "bot"),
        ("GET", {"User-Agent": ""}, "no_user_agent"),
    ],
)
def test_what_nobody_tapped_is_redirected_and_not_counted(
    line: Line, method: str, headers: dict[str, str], reason: str
) -> None:
    token = line.a_token()
    response = line.device.request(method, f"/t/{token}", headers=headers)
    assert counted(response) == f"?0;reason={reason}"
    assert counted(line.device.get(f"/t/{token}")) == "?1"


def test_a_changed_link_leads_nowhere_and_counts_nothing(line: Line) -> None:
    token, foreign = line.a_token(), line.a_token()
    key_id, link_id, mac = token.split(".")
    before = line.click_count()
    for changed in (
        f"{key_id}.{link_id}.{mac[:-1]}",
        f"{key_id}.{link_id}.{'B' if mac[0] == 'A' else 'A'}{mac[1:]}",
        f"{key_id}.{link_id}.",
        f"{key_id}.{link_id}",
        f"{key_id}.{link_id}.{foreign.split('.')[2]}",
        f"{key_id}.{foreign.split('.')[1]}.{mac}",
        f"k2.{link_id}.{mac}",
        f"{token}.{mac}",
        f"{token}x",
        f"{token}%0d%0aLocation:%20https://evil.example",
        f"{token}%00",
        token.replace(".", "%252e"),
        f"{token}?url=https://evil.example",
        f"{token}?next=//evil.example",
        f"%20{token}",
        "a" * 5_000,
        "%ff",
    ):
        for method in ("GET", "HEAD"):
            response = line.device.request(method, f"/t/{changed}")
            assert response.status_code == 404, changed
            assert "location" not in response.headers
            assert method == "HEAD" or response.json()["code"] in {"link_unknown", "route_unknown"}
    assert line.click_count() == before


def test_a_device_reports_with_the_token_of_its_message_alone(line: Line) -> None:
    user = line.a_user()
    for kind in ("delivery", "open", "response", "dismissal", "opt_out"):
        for repeated in (False, True):
            response = line.device.post(f"/t/{line.tokens[user]}/{kind}")
            assert response.status_code == 200, response.text
            assert response.headers["access-control-allow-origin"] == "*"
            answer = response.json()
            assert (answer["kind"], answer["repeated"]) == (kind, repeated)
            assert answer["send_id"] == line.sends[user]
            assert "tenant_id" not in answer


def test_a_beacon_needs_no_media_type(line: Line) -> None:
    path = f"/t/{line.a_token()}/open"
    response = line.device.post(path, content=b"{}", headers={"Content-Type": "text/plain"})
    assert response.status_code == 200


def test_what_cannot_be_reported_is_refused(line: Line) -> None:
    token = line.a_token()
    for path, status, code in (
        (f"/t/{token}/click", 422, "kind_unknown"),
        (f"/t/{token}/", 404, "route_unknown"),
        (f"/t/{token}x/open", 404, "link_unknown"),
        ("/t/k1.nothing.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/open", 404, "link_unknown"),
    ):
        response = line.device.post(path)
        assert (response.status_code, response.json()["code"]) == (status, code)


def test_the_tenants_servers_report_too(line: Line) -> None:
    path = f"/v1/sends/{line.sends[line.a_user()]}/responses"
    body = {"kind": "response", "occurred_at": "2026-10-02T18:05:00+02:00"}
    first = line.shop.post(path, json=body).json()
    assert (first["occurred_at"], first["repeated"]) == ("2026-10-02T16:05:00Z", False)
    again = line.shop.post(path, json={"kind": "response"}).json()
    assert (again["occurred_at"], again["repeated"]) == ("2026-10-02T16:05:00Z", True)


def test_a_receipt_from_the_tenants_servers_is_recorded_once_and_never_billed(line: Line) -> None:
    path = f"/v1/sends/{line.sends[line.a_user()]}/responses"
    before = line.shop.get("/v1/statements/2026-10").content
    answers = [line.shop.post(path, json={"kind": "delivery"}) for _ in range(2)]
    assert [answer.json()["repeated"] for answer in answers] == [False, True]
    assert {answer.json()["kind"] for answer in answers} == {"delivery"}
    assert line.shop.get("/v1/statements/2026-10").content == before


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "missing_field"),
        ({"kind": "click"}, 422, "kind_unknown"),
        ({"kind": 1}, 422, "wrong_type"),
        ({"kind": "open", "billable": True}, 422, "unknown_field"),
        ({"kind": "open", "occurred_at": "2026-10-02T18:05:00"}, 422, "time_invalid"),
        ({"kind": "open", "occurred_at": "2026-10-03T18:05:00Z"}, 422, "time_in_future"),
        ({"kind": "open", "occurred_at": "2026-10-02T15:59:59Z"}, 409, "before_hand_over"),
        ([], 422, "wrong_type"),
    ],
)
def test_a_report_that_cannot_be_is_refused(line: Line, body: Any, status: int, code: str) -> None:
    send_id = next(iter(line.sends.values()))
    response = line.shop.post(f"/v1/sends/{send_id}/responses", json=body)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_the_statement_adds_up_and_carries_its_own_fingerprint(line: Line) -> None:
    token = line.a_token()
    for _ in range(3):
        line.device.get(f"/t/{token}")
    response = line.shop.get("/v1/statements/2026-10")
    assert response.headers["etag"] == f'"{hashlib.sha256(response.content).hexdigest()}"'
    statement = response.json()
    clicks = [entry for entry in statement["lines"] if entry["kind"] == "click"]
    assert clicks
    for entry in statement["lines"]:
        assert entry["gross"] == entry["net"] + sum(entry["filtered"].values())
        assert entry["amount_minor"] == entry["net"] * int(entry["unit_price_minor"])
    assert clicks[0]["filtered"]["duplicate"] >= 2
    assert statement["total_minor"] == sum(entry["amount_minor"] for entry in statement["lines"])
    assert sum(entry["gross"] for entry in clicks) == line.click_count()
    (listed,) = line.shop.get("/v1/statements").json()["items"]
    assert listed == {
        "period": "2026-10",
        "closed_at": None,
        "currency": statement["currency"],
        "gross": sum(entry["gross"] for entry in statement["lines"]),
        "net": sum(entry["net"] for entry in statement["lines"]),
        "total_minor": statement["total_minor"],
    }


def test_a_month_without_anything_is_an_empty_statement(line: Line) -> None:
    statement = line.shop.get("/v1/statements/2026-09").json()
    assert (statement["lines"], statement["total_minor"]) == ([], 0)


def test_a_statement_says_whether_it_can_still_change(
    home: Path, serve: Callable[..., Any]
) -> None:
    clock = VirtualClock(datetime(2026, 11, 1, tzinfo=UTC))
    with (
        closing(App(Settings(home=home), clock, secrets.token_bytes)) as app,
        serve(app) as url,
    ):
        tenant_id = TenantId("default")
        headers = {"Authorization": f"Bearer {app.as_owner_of(tenant_id).keys.issue('tests').key}"}
        with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
            still_open = client.get("/v1/statements/2026-10")
            clock.advance(timedelta(days=30))
            closed = app.as_owner_of(tenant_id).statements.close("2026-10")
            answer = client.get("/v1/statements/2026-10")
    assert "sendopt-closed-at" not in still_open.headers
    assert answer.headers["sendopt-closed-at"] == "2026-12-01T00:00:00+00:00"
    assert answer.text == closed.document


def test_a_send_is_called_off_only_while_it_is_planned(line: Line) -> None:
    gone = line.shop.post(f"/v1/sends/{line.sends[line.a_user()]}/cancel")
    assert gone.status_code == 409
    assert gone.json()["code"] == "send_not_planned"
    later = {**CAMPAIGN, "campaign_id": "later", "audience": [USERS[0]]}
    start = line.clock.now() + timedelta(hours=1)
    later["send_window"] = {
        "earliest_at": start.isoformat(),
        "latest_at": (start + timedelta(days=1)).isoformat(),
    }
    assert line.shop.post("/v1/campaigns?commit=true", json=later).status_code == 201
    with line.app.state.read_fleet() as tx:
        send_id = tx.scalar(
            sa.select(planned_send.c.send_id).where(planned_send.c.campaign_id == "later")
        )
    for _ in range(2):
        called_off = line.shop.post(f"/v1/sends/{send_id}/cancel")
        assert called_off.status_code == 200
        assert (called_off.json()["state"], called_off.json()["reason"]) == (
            "cancelled",
            "send_cancelled",
        )
    counts = line.shop.get("/v1/campaigns/later").json()["counts"]
    assert {state: count for state, count in counts.items() if count} == {"cancelled": 1}
