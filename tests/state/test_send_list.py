"""Lists of sends: every chosen one once, whatever the size of a page and of a look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa

from sendopt.records import CampaignId, SendState, TenantId, UserId
from sendopt.state import State, send_list
from sendopt.state.send_list import ListedSend, SendFilter, SendKey
from sendopt.state.tables import ENDED_BADLY, planned_send
from sendopt.state.tables_campaigns import campaign

SHOP, BANK = TenantId("shop"), TenantId("bank")
STATES = [*SendState]
CAMPAIGNS, USERS = 5, 24


def rows(tenant_id: TenantId, now: datetime) -> Iterator[dict[str, Any]]:
    for number, (name, user) in enumerate(product(range(CAMPAIGNS), range(USERS))):
        state = STATES[number % len(STATES)]
        suppressed = state is SendState.SUPPRESSED
        yield {
            "tenant_id": tenant_id,
            "send_id": f"s_{number * 7919 % 1000:04}",
            "campaign_id": f"c{name}",
            "variant_id": "a",
            "user_id": f"u{user:02}",
            "channel": "simulator",
            "due_at": None if suppressed else now + timedelta(minutes=number),
            "ready_at": now + timedelta(minutes=number) if state is SendState.PLANNED else None,
            "state": state,
            "reason": f"r{number % 3}",
            "planned_at": now,
        }


@pytest.fixture
def planned(state: State, now: datetime) -> list[dict[str, Any]]:
    with state.write_fleet() as tx:
        for tenant_id in (SHOP, BANK):
            tx.execute(
                sa.insert(campaign),
                [
                    {
                        "tenant_id": tenant_id,
                        "campaign_id": f"c{name}",
                        "created_at": now,
                    }
                    for name in range(CAMPAIGNS)
                ],
            )
            tx.execute(sa.insert(planned_send), list(rows(tenant_id, now)))
    return list(rows(SHOP, now))


def walk(state: State, chosen: SendFilter, *, limit: int) -> list[ListedSend]:
    """Read the whole list, page after page."""
    found: list[ListedSend] = []
    behind = None
    for _ in range(10_000):
        with state.read(SHOP) as tx:
            page = send_list.page(tx, chosen, behind=behind, limit=limit)
        assert len(page.items) <= limit
        found += page.items
        behind = None if page.behind is None else SendKey(*page.behind)
        if behind is None:
            return found
    raise AssertionError("the list does not end")


@pytest.mark.parametrize("sizes", [(1, 1), (1, 7), (10, 7), (10, 1_000), (500, 7), (500, 1_000)])
@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"campaign_id": CampaignId("c2")},
        {"campaign_id": CampaignId("nobody's")},
        {"user_id": UserId("u05")},
        {"user_id": UserId("u05"), "campaign_id": CampaignId("c1")},
        {"user_id": UserId("u05"), "states": frozenset({SendState.PLANNED})},
        *({"states": frozenset({one})} for one in SendState),
        {"campaign_id": CampaignId("c3"), "states": frozenset({SendState.FAILED})},
        {"states": frozenset({SendState.FAILED, SendState.PLANNED})},
        {"states": frozenset(ENDED_BADLY), "reason": "r1"},
        {"campaign_id": CampaignId("c4"), "reason": "r2"},
        {"due": (20, 60)},
        {"campaign_id": CampaignId("c1"), "due": (30, 31)},
    ],
    ids=lambda chosen: " ".join(chosen) or "all",
)
def test_every_chosen_send_comes_once_and_in_order(
    state: State,
    planned: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    chosen: dict[str, Any],
    sizes: tuple[int, int],
) -> None:
    limit, looked_at = sizes  # items of a page, and rows that it looks at for them
    monkeypatch.setattr(send_list, "_LOOKED_AT", looked_at)
    now = planned[0]["planned_at"]
    due = [now + timedelta(minutes=each) for each in chosen.get("due", ())] or [None, None]
    given = {name: value for name, value in chosen.items() if name != "due"}
    found = walk(state, SendFilter(**given, due_from=due[0], due_until=due[1]), limit=limit)
    expected = [
        row["send_id"]
        for row in planned
        if row["campaign_id"] == chosen.get("campaign_id", row["campaign_id"])
        and row["user_id"] == chosen.get("user_id", row["user_id"])
        and row["state"] in chosen.get("states", STATES)
        and row["reason"] == chosen.get("reason", row["reason"])
        and (due[0] is None or (row["due_at"] is not None and due[0] <= row["due_at"] < due[1]))
    ]
    assert [each.send.send_id for each in found] == expected


def test_a_listed_send_says_when_it_is_tried_next(
    state: State, planned: list[dict[str, Any]]
) -> None:
    for listed, row in zip(walk(state, SendFilter(), limit=100), planned, strict=True):
        assert listed.next_attempt_at == row["ready_at"]
        assert (listed.send.state, listed.send.reason) == (row["state"], row["reason"])


def test_a_row_that_cannot_be_read_is_named_and_keeps_no_other_from_the_page(
    state: State, planned: list[dict[str, Any]]
) -> None:
    broken = planned[3]["send_id"]
    with state.write(SHOP) as tx:
        out_of_range = sa.text(
            "update planned_send set planned_at = 1000000000000000000 "
            "where tenant_id = 'shop' and send_id = :send_id"
        )
        tx.execute(out_of_range, {"send_id": broken})
    with state.read(SHOP) as tx:
        page = send_list.page(tx, SendFilter(), behind=None, limit=5)
    assert page.damaged == (broken,)
    assert [each.send.send_id for each in page.items] == [
        row["send_id"] for row in (*planned[:3], planned[4])
    ]
    assert page.behind == (planned[4]["campaign_id"], planned[4]["user_id"], "")
