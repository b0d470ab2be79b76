"""What users say over REST: consent, whatever is wrong with an opt-out, and preferences."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

JANUARY, MARCH, MAY = (f"2026-0{month}-01T00:00:00Z" for month in (1, 3, 5))


def say(client: httpx.Client, user: str, **said: Any) -> httpx.Response:
    return client.put(f"/v1/users/{user}/consent", json=said)


def opted_out_at(client: httpx.Client, user: str) -> str | None:
    return client.get(f"/v1/users/{user}").json()["opted_out_at"]


def test_statements_are_kept_and_the_latest_holds(acme: httpx.Client) -> None:
    assert acme.get("/v1/users/talker/consent").json()["code"] == "user_unknown"
    for _ in range(2):
        for said in (
            {"given": False, "source": "letter", "at": MARCH, "channel": "web_push"},
            {"given": True, "source": "preference page", "at": JANUARY},
        ):
            answer = say(acme, "talker", **said)
            assert answer.status_code == 200
            assert answer.json()["dropped_fields"] == []
    history = acme.get("/v1/users/talker/consent").json()
    assert history["opted_out_at"] == MARCH
    assert [(each["given"], each["source"], each["at"]) for each in history["statements"]] == [
        (False, "letter", MARCH),
        (True, "preference page", JANUARY),
    ]
    assert history["statements"][0]["channel"] == "web_push"
    say(acme, "talker", given=True, source="shop", at=MARCH)  # of two at one time the opt-out
    assert opted_out_at(acme, "talker") == MARCH
    say(acme, "talker", given=True, source="shop", at=MAY)
    assert opted_out_at(acme, "talker") is None


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ({"at": "yesterday"}, "time_invalid"),
        ({"at": "2099-01-01T00:00:00Z"}, "time_in_future"),
        ({"at": 7}, "time_invalid"),
        ({"source": " ", "at": "2099-01-01T00:00:00Z"}, "time_in_future"),
        ({"source": " "}, "text_invalid"),
        ({"source": None}, "wrong_type"),
        ({"surprise": {"deep": [1]}}, "unknown_field"),
        ({"channel": 3, "message_type": "NULL"}, "wrong_type"),
    ],
)
def test_an_opt_out_is_heard_whatever_else_is_wrong_with_it(
    acme: httpx.Client, broken: dict[str, Any], code: str
) -> None:
    user = f"broken-{code}-{len(str(broken))}"
    sound = {"given": False, "source": "letter"}
    refused = say(acme, user, **{**sound, **broken, "given": True})
    assert refused.status_code == 422
    assert code in {each["code"] for each in refused.json()["errors"]}
    assert acme.get(f"/v1/users/{user}").status_code == 404
    heard = (
        say(acme, user, **sound, **broken)
        if "source" not in broken
        else say(acme, user, given=False, **broken)
    )
    assert heard.status_code == 200, heard.text
    dropped = {each["field"]: each["code"] for each in heard.json()["dropped_fields"]}
    assert {f"/{name}" for name in broken} <= dropped.keys()
    assert code in dropped.values()
    assert opted_out_at(acme, user) is not None
    (kept,) = acme.get(f"/v1/users/{user}/consent").json()["statements"]
    assert kept["source"] == ("api" if "source" in broken else "letter")


@pytest.mark.parametrize("given", ["false", 0, None, [], "no"])
def test_what_may_be_either_is_refused(acme: httpx.Client, given: Any) -> None:
    assert say(acme, "either", given=given, source="letter").status_code == 422
    assert acme.put("/v1/users/either/consent", json=[given]).status_code == 422
    assert acme.get("/v1/users/either").status_code == 404


def test_events_write_to_the_same_place(acme: httpx.Client) -> None:
    for kind, at in (("opt_out", JANUARY), ("opt_in", MARCH)):
        event = {"event_id": kind, "user_id": "eventful", "event_type": kind, "occurred_at": at}
        acme.post("/v1/events", json=[event | {"message_type": "news"}])
    statements = acme.get("/v1/users/eventful/consent").json()["statements"]
    assert [(s["given"], s["at"], s["source"], s["message_type"]) for s in statements] == [
        (True, MARCH, "api", "news"),
        (False, JANUARY, "api", "news"),
    ]


WANTED = {
    "topics": {"promotion": False, "news": True},
    "quiet_hours": {"start": "21:00", "end": "09:30"},
    "snoozed_until": "2026-12-01T00:00:00Z",
}


def test_preferences_are_put_as_they_are_shown(acme: httpx.Client) -> None:
    url = "/v1/users/choosy/preferences"
    assert acme.get(url).json()["code"] == "user_unknown"
    nothing = {"topics": {}, "quiet_hours": None, "snoozed_until": None}
    for wanted in (WANTED, nothing, WANTED):
        for _ in range(2):
            answer = acme.put(url, json=wanted)
            assert (answer.status_code, answer.json()) == (200, wanted)
        assert acme.get(url).json() == wanted


@pytest.mark.parametrize(
    ("broken", "code", "field"),
    [
        ({"topics": ["promotion"]}, "wrong_type", "/topics"),
        ({"topics": {"promotion": "no"}}, "wrong_type", "/topics/promotion"),
        ({"topics": {str(n): False for n in range(201)}}, "invalid", "/topics"),
        ({"quiet_hours": {"start": "21:00"}}, "missing_field", "/quiet_hours/end"),
        ({"quiet_hours": {"start": "9", "end": "10:00"}}, "time_invalid", "/quiet_hours/start"),
        ({"quiet_hours": {"start": "09:00", "end": "09:00"}}, "all_day_quiet", "/quiet_hours"),
        ({"snoozed_until": "tomorrow"}, "time_invalid", "/snoozed_until"),
        ({"topic": {}}, "unknown_field", "/topic"),
    ],
)
def test_preferences_that_cannot_be_read_change_nothing(
    acme: httpx.Client, broken: dict[str, Any], code: str, field: str
) -> None:
    url = "/v1/users/careful/preferences"
    acme.put(url, json=WANTED)
    refused = acme.put(url, json={**WANTED, **broken})
    assert refused.status_code == 422
    problem = refused.json()
    assert (problem["code"], problem["field"]) == (code, field)
    assert acme.get(url).json() == WANTED
    slip = {name: WANTED[name] for name in ("topics", "quiet_hours")}
    assert acme.put(url, json=slip).json()["code"] == "missing_field"


def test_another_tenant_sees_nothing_of_it(acme: httpx.Client, other: httpx.Client) -> None:
    say(acme, "ours", given=False, source="letter")
    acme.put("/v1/users/ours/preferences", json=WANTED)
    for what in ("consent", "preferences"):
        assert other.get(f"/v1/users/ours/{what}").status_code == 404
