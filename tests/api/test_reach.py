"""Whether and when a campaign reaches a user, or why not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from api.conftest import NOW

from sendopt.app import App
from sendopt.records import TenantId
from sendopt.state.tables import attempt, planned_send

DEFINITION = {
    "channel": "simulator",
    "variants": [{"variant_id": "plain", "title": "T", "body": "B", "url": "https://a.example/"}],
    "send_window": {"earliest_at": "2026-10-02T00:00:00Z", "latest_at": "2026-10-03T00:00:00Z"},
    "audience": ["ann", "bob", "out", "mute", "nobody", "kei"],
    "quiet_hours": {"start": "22:00", "end": "08:00"},
}
WANTS = {"topics": {}, "quiet_hours": None, "snoozed_until": None}
NIGHT_IN_TOKYO = {"earliest_at": "2026-10-02T13:30:00Z", "latest_at": "2026-10-02T16:00:00Z"}

Reach = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def town(app: App, url: str) -> Iterator[httpx.Client]:
    tenant_id = TenantId("reached")
    app.operator.create_tenant(tenant_id, timezone="Europe/Vienna")
    headers = {"Authorization": f"Bearer {app.as_owner_of(tenant_id).keys.issue('tests').key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        for user in ("ann", "bob", "out", "eve"):
            device = {"device_id": user, "user_id": user, "channel": "simulator", "address": {}}
            assert client.post("/v1/devices", json=device).status_code == 200
        tokyo = {"device_id": "kei", "user_id": "kei", "channel": "simulator", "address": {}}
        tokyo |= {"timezone": "Asia/Tokyo"}
        assert client.post("/v1/devices", json=tokyo).status_code == 200
        assert client.put("/v1/users/mute", json={"timezone": None}).status_code == 200
        opted_out = {"event_id": "o", "user_id": "out", "event_type": "opt_out"}
        event = opted_out | {"occurred_at": "2026-10-01T09:00:00Z"}
        assert client.post("/v1/events", json=[event]).status_code == 200
        for name, changed, commit in (
            ("draft", {}, "false"),
            ("night", {"send_window": NIGHT_IN_TOKYO}, "false"),
            ("called-off", {}, "false"),
            ("sent", {}, "true"),
        ):
            body = DEFINITION | changed | {"campaign_id": name}
            answer = client.post(f"/v1/campaigns?commit={commit}", json=body)
            assert answer.status_code == 201, answer.text
        assert client.post("/v1/campaigns/called-off/cancel").status_code == 200
        yield client


@pytest.fixture(scope="module")
def reach(town: httpx.Client) -> Reach:
    def ask(campaign: str, user: str) -> dict[str, Any]:
        answer = town.get(f"/v1/campaigns/{campaign}/users/{user}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return ask


@pytest.mark.parametrize(
    ("what", "said", "code"),
    [
        ("consent", {"given": False, "source": "a call"}, "opted_out"),
        ("preferences", WANTS | {"topics": {"sale": False}}, "topic_unwanted"),
        ("preferences", WANTS | {"snoozed_until": "2026-10-04T00:00:00Z"}, "snoozed"),
    ],
)
def test_what_a_user_says_after_the_planning_is_told(
    town: httpx.Client, reach: Reach, what: str, said: dict[str, Any], code: str
) -> None:
    user, campaign = f"says {code}", f"before-{code}"
    device = {"device_id": user, "user_id": user, "channel": "simulator", "address": {}}
    town.post("/v1/devices", json=device)
    body = DEFINITION | {"campaign_id": campaign, "audience": [user], "message_type": "sale"}
    assert town.post("/v1/campaigns?commit=true", json=body).status_code == 201
    assert reach(campaign, user)["code"] == "planned"
    assert town.put(f"/v1/users/{user}/{what}", json=said).status_code == 200
    found = reach(campaign, user)
    assert (found["code"], found["reaches"]) == (code, False)
    assert "will be stopped then" in found["text"][0]


@pytest.mark.parametrize(
    ("campaign", "user", "code", "reaches"),
    [
        ("draft", "ann", "would_be_planned", True),
        ("draft", "out", "opted_out", False),
        ("draft", "mute", "no_device", False),
        ("draft", "nobody", "user_unknown", False),
        ("draft", "eve", "not_in_audience", False),
        ("draft", "never heard of", "not_in_audience", False),
        ("night", "ann", "would_be_planned", True),
        ("night", "kei", "no_allowed_slot", False),
        ("called-off", "ann", "campaign_cancelled", False),
        ("sent", "ann", "planned", True),
        ("sent", "out", "opted_out", False),
        ("sent", "mute", "no_device", False),
        ("sent", "eve", "not_in_audience", False),
    ],
)
def test_every_case_has_a_code_and_sentences(
    reach: Reach, campaign: str, user: str, code: str, reaches: bool
) -> None:
    told = reach(campaign, user)
    assert (told["code"], told["reaches"]) == (code, reaches)
    assert told["text"]
    assert all(sentence[0].isupper() or sentence[0].isdigit() for sentence in told["text"])
    assert (told["send_id"] is None) == (campaign != "sent" or user == "eve")


def test_a_draft_tells_the_times_that_are_left_and_what_takes_the_others(reach: Reach) -> None:
    told = reach("draft", "ann")
    assert (told["slot_count"], told["excluded"]) == (24, {"quiet_hours": 10})
    # 8:00 in Vienna, and the last hour before 22:00.
    assert (told["earliest_at"], told["latest_at"]) == (
        "2026-10-02T06:00:00Z",
        "2026-10-02T19:00:00Z",
    )


def test_a_send_tells_its_time_its_attempts_and_their_error(
    app: App, town: httpx.Client, reach: Reach
) -> None:
    tenant_id = TenantId("reached")
    send_id = reach("sent", "bob")["send_id"]
    with app.state.write(tenant_id) as tx:
        tx.execute(
            sa.insert(attempt).values(
                tenant_id=tenant_id,
                send_id=send_id,
                provider="webhook",
                number=1,
                started_at=NOW,
                finished_at=NOW,
                outcome="retry",
                reason="receiver_failed",
            )
        )
        tx.execute(
            sa.update(planned_send)
            .where(tx.owns(planned_send), planned_send.c.send_id == send_id)
            .values(attempt_count=1, ready_at=NOW)
        )
    told = reach("sent", "bob")
    assert (told["code"], told["at"], told["attempt_count"]) == (
        "planned",
        "2026-10-01T09:30:00Z",
        1,
    )
    assert told["last_failure"]["reason"] == "receiver_failed"
    assert "receiver_failed from webhook" in " ".join(told["text"])
    assert town.post(f"/v1/sends/{send_id}/cancel").status_code == 200
    told = reach("sent", "bob")
    assert (told["code"], told["reaches"]) == ("send_cancelled", False)
    assert "it alone was cancelled" in told["text"][0]


def test_who_joined_later_is_told_to_be_committed_again(town: httpx.Client, reach: Reach) -> None:
    body = DEFINITION | {"campaign_id": "all", "audience": "everyone"}
    assert town.post("/v1/campaigns?commit=true", json=body).status_code == 201
    device = {"device_id": "new", "user_id": "new", "channel": "simulator", "address": {}}
    assert town.post("/v1/devices", json=device).status_code == 200
    told = reach("all", "new")
    assert (told["code"], told["reaches"], told["send_id"]) == ("joined_later", False, None)


def test_an_unknown_campaign_is_not_found_nor_another_tenants(
    town: httpx.Client, other: httpx.Client
) -> None:
    for client, campaign in ((town, "unknown"), (other, "draft")):
        answer = client.get(f"/v1/campaigns/{campaign}/users/ann")
        assert (answer.status_code, answer.json()["code"]) == (404, "campaign_unknown")
