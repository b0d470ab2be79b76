"""Who changed what is listed for the tenant, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from sendopt.app import App
from sendopt.records import TenantId

AUDITED = TenantId("audited")


@pytest.fixture(scope="module")
def audited(app: App, url: str) -> Iterator[httpx.Client]:
    """A tenant that made and changed some roles."""
    app.operator.create_tenant(AUDITED, timezone="UTC")
    headers = {"Authorization": f"Bearer {app.as_owner_of(AUDITED).keys.issue('tests').key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        for number in range(5):
            key = {"name": f"program {number}", "role": "analyst"}
            assert client.post("/v1/keys", json=key).status_code == 201
        yield client


def test_a_record_says_who_asked_from_where_by_which_request(audited: httpx.Client) -> None:
    issued = audited.post("/v1/keys", json={"name": "mine", "role": "ingest"})
    key_id = issued.json()["listed"]["key_id"]
    (record,) = audited.get("/v1/audit", params={"target": key_id}).json()["items"]
    own = audited.headers["authorization"].split("_")[1]
    assert (record["actor"], record["role"]) == (f"key:{own}", "owner")
    assert (record["place"], record["request_id"]) == (
        "127.0.0.1",
        issued.headers["x-request-id"],
    )
    assert (record["action"], record["before"]) == ("key:issue", None)
    assert record["after"] == {"name": "mine", "role": "ingest", "expires_at": None}
    assert issued.json()["key"] not in str(record)


def test_no_header_makes_it_another_address(audited: httpx.Client) -> None:
    claimed = {"X-Forwarded-For": "198.51.100.1", "Forwarded": "for=198.51.100.1"}
    key = {"name": "from elsewhere", "role": "ingest"}
    key_id = audited.post("/v1/keys", json=key, headers=claimed).json()["listed"]["key_id"]
    (record,) = audited.get("/v1/audit", params={"target": key_id}).json()["items"]
    assert record["place"] == "127.0.0.1"


def test_pages_hold_every_record_once(audited: httpx.Client) -> None:
    everything = audited.get("/v1/audit", params={"limit": 1000}).json()
    assert everything["next_cursor"] is None
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        asked = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = audited.get("/v1/audit", params=asked).json()
        seen += [each["audit_id"] for each in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [each["audit_id"] for each in everything["items"]]
    assert len(set(seen)) == len(seen) >= 6


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"action": "key:issue"}, True),
        ({"action": "key:revoke"}, False),
        ({"actor": "key:nobody's"}, False),
        ({"since": "2026-10-01T09:30:00Z"}, True),
        ({"since": "2026-10-01T09:30:01Z"}, False),
        ({"until": "2026-10-01T09:30:00Z"}, False),
        ({"until": "2026-10-01T09:30:01Z"}, True),
    ],
)
def test_records_are_found_by_what_is_asked(
    audited: httpx.Client, asked: dict[str, str], found: bool
) -> None:
    assert bool(audited.get("/v1/audit", params=asked).json()["items"]) is found


def test_another_tenant_sees_none_of_it(audited: httpx.Client, other: httpx.Client) -> None:
    ours = {each["audit_id"] for each in audited.get("/v1/audit").json()["items"]}
    theirs = {each["audit_id"] for each in other.get("/v1/audit").json()["items"]}
    assert ours
    assert not ours & theirs
    assert other.get("/v1/audit", params={"actor": "root"}).status_code == 200
