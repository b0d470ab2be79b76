"""A tenant sees its own models and goes back to one of them, never to one that was refused."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from untrained import untrained

from sendopt.app import App
from sendopt.learn.judging.drift import ALARMS
from sendopt.records import TenantId
from sendopt.state import drift
from sendopt.state.drift import KeptAlarm

FACTORY = TenantId("factory")


@pytest.fixture(scope="module")
def factory(app: App, url: str) -> Iterator[httpx.Client]:
    """A tenant with two models that served and one that the gate refused."""
    app.operator.create_tenant(FACTORY, timezone="UTC")
    now = app.clock.now()
    for seed, gate in ((1, "passed"), (2, "passed"), (3, "finite")):
        recorded = app.registry.record(FACTORY, untrained(seed=seed), params={}, tags={})
        app.registry.finish(FACTORY, recorded, metrics={}, tags={}, gate=gate)
        if gate == "passed":
            app.registry.promote(FACTORY, recorded.number, by="training", reason="ok", now=now)
    headers = {"Authorization": f"Bearer {app.as_owner_of(FACTORY).keys.issue('tests').key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        yield client


def back(client: httpx.Client, **body: object) -> tuple[int, str]:
    answer = client.post("/v1/models/rollback", json=body)
    return answer.status_code, answer.json().get("code", "")


def test_going_back_over_rest(factory: httpx.Client, other: httpx.Client) -> None:
    third, second, first = factory.get("/v1/models").json()["items"]
    assert [each["gate"] for each in (first, second, third)] == ["passed", "passed", "finite"]
    assert second["aliases"] == ["champion"]
    assert back(factory, reason="?", to=third["number"]) == (409, "never_champion")
    assert back(factory, reason="?", to="nothing") == (404, "model_unknown")
    assert back(factory, to=None) == (422, "missing_field")
    assert back(factory, reason="a\u0000b")[0] == 422
    assert back(other, reason="?") == (409, "no_champion"), "another tenant has none of them"
    assert other.get("/v1/models").json()["items"] == []
    answer = factory.post("/v1/models/rollback", json={"reason": "opens fell"}).json()
    assert (answer["version"], answer["aliases"]) == (first["version"], ["champion"])
    key_id = factory.headers["authorization"].split("_")[1]
    last = answer["moves"][-1]
    assert (last["by"], last["reason"]) == (f"key:{key_id}", "opens fell")
    assert back(factory, reason="again") == (409, "no_last_good")


def test_versions_come_a_page_at_a_time(factory: httpx.Client) -> None:
    found, cursor = [], None
    for _ in range(3):
        asked = {"limit": 1} if cursor is None else {"limit": 1, "cursor": cursor}
        page = factory.get("/v1/models", params=asked).json()
        found += [each["number"] for each in page["items"]]
        cursor = page["next_cursor"]
    assert (found, cursor) == (["3", "2", "1"], None)


def test_what_a_look_for_drift_found_is_seen_until_the_next(
    app: App, factory: httpx.Client, operator: httpx.Client
) -> None:
    app.as_owner_of(FACTORY).models.drift()
    exposition = operator.get("/metrics").text
    for name in ALARMS:
        assert f'sendopt_drift_ringing{{alarm="{name}",tenant_id="factory"}} 0.0' in exposition
    assert "sendopt_drift_threshold{" not in exposition, "nothing was sent: no alarm can tell"
    fell = KeptAlarm(FACTORY, "answer_rate", -0.2, 0.05, ringing=True, until=app.clock.now())
    with app.state.write(FACTORY) as tx:
        drift.keep(tx, [fell])
    exposition = operator.get("/metrics").text
    labels = '{alarm="answer_rate",tenant_id="factory"}'
    for line in (
        f"sendopt_drift{labels} -0.2",
        f"sendopt_drift_threshold{labels} 0.05",
        f"sendopt_drift_ringing{labels} 1.0",
    ):
        assert line in exposition
    (until,) = re.findall(r"sendopt_drift_until_timestamp_seconds{.*} (.*)", exposition)
    assert float(until) == app.clock.now().timestamp()
    assert "new_users" not in exposition, "the former look is gone"
