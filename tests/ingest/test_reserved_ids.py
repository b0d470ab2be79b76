"""Ids that the service makes for itself are refused at every door, and no others."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from event_doors import FILES, take, write
from hypothesis import given
from hypothesis import strategies as st
from schedule.oracle.identity import send_id

from sendopt.ingest import AcceptedEvent, accept_events
from sendopt.log import Log
from sendopt.records import CampaignId, EventType, ResponseKind, TenantId, UserId, is_reserved
from sendopt.track.clicks import new_click_id

SHOP = TenantId("shop")
NOW = datetime(2026, 10, 1, 9, 30, tzinfo=UTC)
OWN = send_id(SHOP, CampaignId("autumn"), UserId("ann"))
RESERVED = [
    *(f"{OWN}:{kind}" for kind in (*EventType, *ResponseKind)),
    OWN,
    new_click_id(NOW, bytes),
    f"opt_out-{hashlib.sha256(b'x').hexdigest()[:32]}",
]


def row(event_id: str) -> dict[str, object]:
    return {
        "event_id": event_id,
        "user_id": "ann",
        "event_type": "session",
        "occurred_at": "2026-10-01T08:00:00Z",
    }


@pytest.mark.parametrize("name", FILES)
def test_no_file_brings_an_id_of_the_service(empty_log: Log, tmp_path: Path, name: str) -> None:
    file = write(tmp_path / name, [*map(row, RESERVED), row("mine:send")])
    with empty_log.appender() as appender:
        report = take(file, appender, SHOP, now=NOW)
    assert (report.accepted, report.rejected) == (1, len(RESERVED))
    assert set(report.refused["code"].to_pylist()) == {"id_reserved"}


def test_no_request_brings_an_id_of_the_service() -> None:
    told = accept_events([*map(row, RESERVED), row("mine:send")], now=NOW)
    assert [isinstance(each, AcceptedEvent) for each in told] == [False] * len(RESERVED) + [True]


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_whatever_id_the_service_makes_of_a_send_is_reserved(
    tenant: str, campaign: str, user: str
) -> None:
    own = send_id(TenantId(tenant), CampaignId(campaign), UserId(user))
    assert all(
        is_reserved(f"{own}{behind}") for behind in ("", ":send", ":response", ":any\nthing")
    )


@pytest.mark.parametrize(
    "event_id",
    [
        "s_1:send",
        "order:7",
        "click-7",
        "opt_out-1",
        f"x{OWN}",
        OWN.upper(),
        "s_" + "a" * 31,
        "a:send",
    ],
)
def test_ids_of_others_that_look_a_little_alike_stay_theirs(event_id: str) -> None:
    assert not is_reserved(event_id)
