"""A user's id means the same user wherever it comes in."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from sendopt.errors import InvalidInput
from sendopt.ingest import AcceptedEvent, accept_events, read_device, read_profile
from sendopt.schedule import EXAMPLE, parse_campaign

NOW = datetime(2026, 10, 1, 9, 30, tzinfo=UTC)

odd = st.sampled_from("a7/ \t\n\x00\x7f\u00ad\u0301\u2028\u202a\u202e\u2066\ufeff\U0001f600")
ids = st.text(odd, max_size=6) | st.integers(250, 260).map("x".__mul__) | st.text(max_size=8)


def in_an_event(user_id: str) -> bool:
    event = {"event_id": "e", "event_type": "session", "occurred_at": NOW.isoformat()}
    (verdict,) = accept_events([{**event, "user_id": user_id}], now=NOW)
    return isinstance(verdict, AcceptedEvent)


def in_a_device(user_id: str) -> bool:
    try:
        body = {"user_id": user_id, "channel": "simulator"}
        read_device(body, now=NOW).required()
    except InvalidInput:
        return False
    return True


def in_a_profile(user_id: str) -> bool:
    try:
        read_profile(user_id, {"timezone": None}, now=NOW).required()
    except InvalidInput:
        return False
    return True


def in_an_audience(user_id: str) -> bool:
    definition = {**deepcopy(EXAMPLE), "audience": [user_id], "candidate_times": None}
    try:
        parse_campaign(definition, now=NOW)
    except InvalidInput:
        return False
    return True


@given(ids)
def test_every_door_takes_the_same_ids_of_users(user_id: str) -> None:
    taken = {door(user_id) for door in (in_an_event, in_a_device, in_a_profile, in_an_audience)}
    assert len(taken) == 1
