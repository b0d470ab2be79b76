"""Many devices or users in one request: a verdict on each, and none is lost for another's sake."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

GOOD = {"user_id": "many-ann", "channel": "simulator"}
BAD = {"user_id": "many-bob", "channel": "pigeon", "consent": {"given": False, "source": "letter"}}


def test_every_device_gets_its_verdict(acme: httpx.Client) -> None:
    for verdict in ("accepted", "repeated"):
        answer = acme.post("/v1/devices/import", json=[GOOD, BAD, {**GOOD, "timezone": "CST"}, 7])
        assert answer.status_code == 207
        told = answer.json()
        assert told["rejected"] == 2
        assert told["verdicts"][0]["verdict"] == verdict
        assert told["verdicts"][0]["subject_id"].startswith("d_")
        (fault,) = told["verdicts"][1]["errors"]
        assert (fault["field"], fault["code"]) == ("/1/channel", "channel_unknown")
        (dropped,) = told["verdicts"][2]["dropped_fields"]
        assert dropped["field"] == "/2/timezone"
        assert told["verdicts"][3]["errors"][0]["field"] == "/3"
    assert acme.get("/v1/users/many-bob").json()["opted_out_at"] is not None


def test_lines_are_taken_as_well(acme: httpx.Client) -> None:
    users = [{"user_id": f"line-{n}", "timezone": "UTC"} for n in range(3)]
    lines = "\n".join([*map(json.dumps, users), "", "{cut"])
    answer = acme.post(
        "/v1/users/import", content=lines, headers={"Content-Type": "application/x-ndjson"}
    )
    assert answer.status_code == 207
    told = answer.json()
    assert (told["accepted"], told["rejected"]) == (3, 1)
    assert told["verdicts"][3]["errors"][0]["code"] == "malformed_json"
    assert acme.get("/v1/users/line-2").json()["timezone"] == "UTC"
    again = acme.post("/v1/users/import", json=users)
    assert (again.status_code, again.json()["repeated"]) == (200, 3)


@pytest.mark.parametrize("path", ["/v1/devices/import", "/v1/users/import"])
@pytest.mark.parametrize(
    ("body", "code"), [({}, "wrong_type"), ([], "empty_batch"), ([{}] * 501, "too_many_items")]
)
def test_what_is_no_list_is_refused_as_a_whole(
    acme: httpx.Client, path: str, body: Any, code: str
) -> None:
    answer = acme.post(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_zone_is_taken_back_by_null(acme: httpx.Client) -> None:
    body = {"user_id": "nowhere", "channel": "simulator", "timezone": "Asia/Tokyo"}
    assert acme.post("/v1/devices", json=body).json()["timezone"] == "Asia/Tokyo"
    del body["timezone"]
    assert acme.post("/v1/devices", json=body).json()["timezone"] == "Asia/Tokyo"
    assert acme.post("/v1/devices", json={**body, "timezone": None}).json()["timezone"] is None


def test_an_opt_out_counts_whatever_becomes_of_the_device_or_the_profile(
    acme: httpx.Client,
) -> None:
    said = {"given": False, "source": "letter", "at": 7}
    refused = acme.post("/v1/devices", json={**BAD, "user_id": "one-bob", "consent": said})
    assert refused.status_code == 422
    refused = acme.put("/v1/users/one-cat", json={"timezone": "CST", "consent": said})
    assert refused.status_code == 422
    for user in ("one-bob", "one-cat"):
        assert acme.get(f"/v1/users/{user}").json()["opted_out_at"] is not None
