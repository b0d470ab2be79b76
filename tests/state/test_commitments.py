"""What users have in store already: whatever counts is found once, and nothing else."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sendopt.records import CampaignId, Channel, SendState, TenantId, UserId
from sendopt.state import State, commitments
from sendopt.state.tables import planned_send
from sendopt.state.tables_campaigns import campaign_revision

SHOP, OTHER = TenantId("shop"), TenantId("other")
ANN, BOB = UserId("ann"), UserId("bob")
HOUR = timedelta(hours=1)


def add_revision(
    tx: Any,
    name: str,
    now: datetime,
    *,
    revision: int = 1,
    rules: dict[str, Any] | None = None,
    message_type: str | None = "promotion",
) -> None:
    tx.execute(
        sa.insert(campaign_revision).values(
            tenant_id=tx.tenant_id,
            campaign_id=name,
            revision=revision,
            definition={"campaign_id": name, "message_type": message_type},
            definition_hash="",
            accepted_at=now,
            latest_at=now + 24 * HOUR,
            rules=rules,
        )
    )


def add_send(tx: Any, name: str, user_id: str, now: datetime, **changed: Any) -> None:
    given = {
        "tenant_id": tx.tenant_id,
        "send_id": f"{name}-{user_id}",
        "campaign_id": name,
        "variant_id": "a",
        "user_id": user_id,
        "channel": Channel.WEBHOOK,
        "due_at": now,
        "state": SendState.PLANNED,
        "planned_at": now,
    }
    tx.execute(sa.insert(planned_send).values(**(given | changed)))


def found(
    state: State,
    now: datetime,
    *,
    user_ids: list[UserId] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    besides: Collection[CampaignId] = (),
) -> list[tuple[Any, ...]]:
    """Ask for everybody, or some, and return user, hours from now, campaign, type and state."""
    with state.read(SHOP) as tx:
        table = commitments.marketing(
            tx,
            user_ids,
            since=now - 48 * HOUR if since is None else since,
            until=now + 48 * HOUR if until is None else until,
            besides=besides,
        )
    assert table.schema == commitments.SCHEMA
    return sorted(
        (row["user_id"], (row["at"] - now) / HOUR, *list(row.values())[2:])
        for row in table.to_pylist()
    )


@pytest.mark.parametrize("asked", [None, [ANN, BOB]])
def test_what_reached_a_user_or_may_counts_at_its_time(
    state: State, now: datetime, asked: list[UserId] | None
) -> None:
    handed_over = {"handed_over_at": now - 2 * HOUR}
    counting = {
        "planned": {},
        "claimed": {"state": SendState.CLAIMED},
        "delivered": {"state": SendState.DELIVERED, **handed_over},
        "lost": {"state": SendState.EXPIRED, "reason": "outcome_unknown"},
        "reported": {"state": SendState.FAILED, **handed_over},
        "moved": {"ready_at": now + HOUR, "expires_at": now + 2 * HOUR},
        "put-off": {"ready_at": now + 2 * HOUR, "expires_at": now + 2 * HOUR},
    }
    others = {
        "failed": {"state": SendState.FAILED, "reason": "gone"},
        "cancelled": {"state": SendState.CANCELLED},
        "suppressed": {"state": SendState.SUPPRESSED, "due_at": None},
        "expired": {"state": SendState.EXPIRED, "reason": "too_late"},
    }
    with state.write(SHOP) as tx:
        for name, changed in (counting | others).items():
            add_revision(tx, name, now)
            add_send(tx, name, ANN, now, **changed)
    at = {"delivered": -2.0, "reported": -2.0, "moved": 1.0}
    assert found(state, now, user_ids=asked) == sorted(
        (ANN, at.get(name, 0.0), name, "promotion", changed.get("state", SendState.PLANNED))
        for name, changed in counting.items()
    )


def test_the_time_asked_for_is_half_open(state: State, now: datetime) -> None:
    with state.write(SHOP) as tx:
        for hours in range(4):
            add_revision(tx, f"c{hours}", now)
            add_send(tx, f"c{hours}", ANN, now + hours * HOUR)
    for asked in (None, [ANN]):
        inside = found(state, now, user_ids=asked, since=now + HOUR, until=now + 3 * HOUR)
        assert [row[1] for row in inside] == [1.0, 2.0]


def test_only_what_a_campaign_chose_to_send_counts(state: State, now: datetime) -> None:
    rules = {
        "of before": None,
        "of the last release": {"version": 1},
        "marketing": {"message_class": "marketing", "message_type": "news"},
        "untyped": {"message_class": "marketing", "message_type": None},
        "transactional": {"message_class": "transactional", "message_type": "news"},
        "urgent": {"message_class": "urgent", "message_type": None},
    }
    with state.write(SHOP) as tx:
        for name, rule in rules.items():
            add_revision(tx, name, now, rules=rule)
            add_send(tx, name, ANN, now)
        # A campaign whose class changed: each send counts as that of its revision.
        add_revision(tx, "urgent", now, revision=2, rules=rules["marketing"])
        add_send(tx, "urgent", BOB, now, revision=2)
        add_send(tx, "nobody knows", ANN, now)
    of_ann = {
        ("of before", "promotion"),
        ("of the last release", "promotion"),
        ("marketing", "news"),
        ("untyped", None),
    }
    everybody = {row[0::2][:1] + row[2:4] for row in found(state, now)}
    assert everybody == {(ANN, *each) for each in of_ann} | {(BOB, "urgent", "news")}
    named = {row[2:4] for row in found(state, now, user_ids=[ANN])}
    assert named == of_ann | {("nobody knows", None)}


@pytest.mark.parametrize("state_url", ["sqlite"], indirect=True)
def test_one_user_is_found_by_an_index_however_much_was_sent(state: State, now: datetime) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, given: Any, _context: Any, _many: bool) -> None:
        asked.append((statement, given))

    sa.event.listen(state.engine, "before_cursor_execute", note)
    found(state, now, user_ids=[ANN])
    sa.event.remove(state.engine, "before_cursor_execute", note)
    ((statement, given),) = [each for each in asked if "FROM planned_send" in each[0]]
    with state.read(SHOP) as tx:
        plan = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).all()
    (way,) = [row[-1] for row in plan if "planned_send" in row[-1]]
    assert "planned_send_by_user (tenant_id=? AND user_id=?" in way


def test_campaigns_that_are_planned_anew_and_other_users_are_left_out(
    state: State, now: datetime
) -> None:
    with state.write(SHOP) as tx:
        for name in ("sale", "news"):
            add_revision(tx, name, now)
            for user_id in (ANN, BOB):
                add_send(tx, name, user_id, now)
    sale = [CampaignId("sale")]
    for asked, users in ((None, [ANN, BOB]), ([BOB], [BOB]), ([], [])):
        rows = found(state, now, user_ids=asked, besides=sale)
        assert [row[::2][:2] for row in rows] == [(each, "news") for each in users]
    assert found(state, now, besides=[*sale, CampaignId("news")]) == []
