"""A user who was erased is in no row of the tenant; what counts is there as before."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from state.twins import HOUR, MINUTE, NORTH, NOW, SOUTH, TWINS, a_device, an_event, live, stored

from sendopt.errors import Conflict, NotFound
from sendopt.records import (
    Campaign,
    CampaignId,
    Channel,
    Consent,
    ConsentDoor,
    Erasure,
    ErasureReceipt,
    ErasureStep,
    EventType,
    Preferences,
    SendId,
    SendState,
    TenantId,
    UserId,
)
from sendopt.state import (
    FleetRead,
    State,
    TenantWrite,
    audit,
    campaigns,
    consents,
    devices,
    erased,
    erasures,
    lift,
    outbox,
    preferences,
    pseudonyms,
    requests,
    results,
    tables,
    tables_billing,
    tables_campaigns,
    tables_erasure,
    tables_requests,
    unchanged,
    user_export,
    users,
)
from sendopt.text import quoted

STRANGE = UserId("zz 'é\" %_\\ \U0001f600 " + "x" * 230)
ANN = UserId("u1")  # of sends that were delivered, answered, charged

_numbers = itertools.count(1)


def random_bytes(size: int) -> bytes:
    return next(_numbers).to_bytes(size, "big")


def begin(state: State, tenant_id: TenantId, user_id: UserId) -> ErasureReceipt:
    with state.write(tenant_id) as tx:
        begun = erasures.begin(tx, user_id, asked_by="a test", now=NOW, random_bytes=random_bytes)
    with state.write(tenant_id) as tx:
        return erasures.cut_off(tx, begun.receipt.erasure_id, user_id, now=NOW)


def under_way(state: State, step: ErasureStep = ErasureStep.ASKED) -> list[Erasure]:
    with state.read_fleet() as tx:
        return erasures.under_way(tx, step)


def erase(state: State, tenant_id: TenantId, user_id: UserId) -> list[pseudonyms.KeptEvent]:
    """Erase a user from the state; return what is to be told the log."""
    begun = begin(state, tenant_id, user_id)
    with state.write(tenant_id) as tx:
        told = [each for each in under_way(state) if each.receipt == begun]
        pseudonyms.pseudonymise(tx, told, random_bytes=random_bytes)
        kept = pseudonyms.kept_events(tx, told)
        erasures.forget(tx, begun.erasure_id)
        erasures.finish(tx, begun.erasure_id, now=NOW)
    return kept


def names(state: State, tenant_id: TenantId, user_id: str) -> list[str]:
    """Return the tables in which a row of the tenant names the user, in whatever form."""
    forms = {user_id, user_id.encode("unicode_escape").decode(), user_id.replace("\\", "\\\\")}
    return [
        table
        for table, rows in stored(state, tenant_id).items()
        for row in rows
        if any(value == form for value in row for form in forms)
        or any(f'"{form}"' in value for value in row if isinstance(value, str) for form in forms)
    ]


@pytest.fixture
def lived(state: State) -> State:
    live(state, TWINS)
    return state


def counts(state: State, tenant_id: TenantId) -> dict[str, Any]:
    """Return what a bill, a result or an experiment is made of."""
    with state.read(tenant_id) as tx:
        sales = [CampaignId(name) for name in ("sale", "news")]
        found: dict[str, Any] = {
            name: sorted(results.counted_sends(tx, CampaignId(name)), key=repr) for name in sales
        }
        for outcome in (EventType.CLICK, EventType.OPEN, EventType.RESPONSE):
            armed = lift.armed_sends(tx, [sales], outcome=outcome, window=2 * HOUR, since=None)
            found[outcome] = sorted(each[1:] for each in armed)
        for table in (tables.click, tables.response, tables_billing.charge):
            columns = [
                each
                for each in table.c
                if each.name not in {"send_id", "link_id", "user_agent", "row_hash", "tenant_id"}
            ]
            rows = tx.execute(sa.select(*columns).where(tx.owns(table)))
            found[table.name] = sorted(map(tuple, rows), key=repr)
    return found


def test_nothing_that_counts_is_changed(lived: State) -> None:
    before, south = counts(lived, NORTH), stored(lived, SOUTH)
    erase(lived, NORTH, ANN)
    assert counts(lived, NORTH) == before
    assert stored(lived, SOUTH) == south


def test_no_row_names_her(lived: State) -> None:
    with lived.read(NORTH) as tx:
        sends = tx.scalars(
            sa.select(tables.planned_send.c.send_id).where(
                tx.owns(tables.planned_send), tables.planned_send.c.user_id == ANN
            )
        ).all()
        links = tx.scalars(
            sa.select(tables.link.c.link_id).where(
                tx.owns(tables.link), tables.link.c.send_id.in_(sends)
            )
        ).all()
    assert names(lived, NORTH, ANN)
    kept = erase(lived, NORTH, ANN)
    for each in (ANN, *sends, *links):
        assert names(lived, NORTH, each) == []
    assert {event.user_id_before for event in kept} <= {ANN}


def test_rows_are_whole_and_agree_as_before(lived: State) -> None:
    def broken() -> list[tuple[str, str]]:
        found = list[tuple[str, str]]()
        checks: list[Callable[[FleetRead], Any]] = [
            audit.sends,
            audit.engagement,
            audit.money,
            audit.outbox,
            audit.reserved_ids,
        ]
        with lived.read_fleet() as tx:
            for check in checks:
                found += [(each.rule, each.tenant_id) for each in check(tx)]
            for table in tables.metadata.sorted_tables:
                found += [(each.rule, each.subject) for each in unchanged.changed(tx, table)]
        return sorted(found)

    before = broken()
    erase(lived, NORTH, ANN)
    # The twins' rows contradict each other here and there; nothing does that did not before.
    assert [each for each in broken() if each not in before] == []


def everything_about(tx: TenantWrite, user_id: UserId) -> None:
    """Store of a user whatever can be stored."""
    users.put(tx, user_id, timezone="Europe/Berlin", now=NOW)
    devices.register(tx, a_device("hers", user_id, NORTH), now=NOW)
    preferences.put(tx, user_id, Preferences({"news": False}), now=NOW)
    consents.note(tx, [Consent(user_id, False, NOW - HOUR)], door=ConsentDoor.API, now=NOW)
    outbox.record(tx, [replace(an_event("hers", NORTH), user_id=user_id)], now=NOW)
    tx.execute(
        sa.insert(tables_campaigns.campaign).values(
            tenant_id=NORTH, campaign_id="hers", created_at=NOW
        )
    )
    tx.execute(
        sa.insert(tables_campaigns.campaign_revision).values(
            tenant_id=NORTH,
            campaign_id="hers",
            revision=1,
            definition={"audience": [user_id], "candidate_times": {user_id: []}},
            definition_hash="",
            accepted_at=NOW,
        )
    )
    tx.execute(
        sa.insert(tables_requests.keyed_request).values(
            tenant_id=NORTH,
            request_key=f"put {user_id}",
            fingerprint="",
            claim=1,
            claim_expires_at=NOW,
            expires_at=NOW,
        )
    )


def test_whatever_her_name_is_made_of(state: State) -> None:
    live(state, [NORTH])
    with state.write(NORTH) as tx:
        everything_about(tx, STRANGE)
        waiting = sa.select(tables.planned_send.c.send_id).where(
            tx.owns(tables.planned_send), tables.planned_send.c.state == SendState.PLANNED
        )
        one = tx.scalars(waiting).first()
        tx.execute(
            sa.update(tables.planned_send)
            .where(tx.owns(tables.planned_send), tables.planned_send.c.send_id == one)
            .values(user_id=STRANGE)
        )
    receipt = begin(state, NORTH, STRANGE)
    assert receipt.counts == {"devices_deleted": 1, "sends_cancelled": 1}
    erase(state, NORTH, STRANGE)
    assert names(state, NORTH, STRANGE) == []
    with state.read(NORTH) as tx:
        told = erasures.get(tx, receipt.erasure_id)
        audience = campaigns.get_campaign(tx, CampaignId("hers")).definition["audience"]
    assert told.step is ErasureStep.DONE
    assert [name.startswith("erased-") for name in audience] == [True]


#: When requests come: the erasures of the twins were asked for before.
ASKED_AT = NOW + timedelta(hours=1)


def keep_answers(tx: TenantWrite, answers: dict[str, bytes | None]) -> None:
    """Keep an answer under each key; of None nothing but that it issued something."""
    for name, body in answers.items():
        claim = requests.begin(tx, name, fingerprint="", now=ASKED_AT)
        assert isinstance(claim, requests.Claim)
        if body is None:
            requests.note_issued(tx, claim, "key-1")
        else:
            answer = requests.KeptAnswer(200, (("location", "/v1/a"),), body)
            requests.keep(tx, claim, answer, now=ASKED_AT)


@pytest.mark.parametrize("user_id", ["e", "a/b", STRANGE])
def test_only_answers_that_name_her_are_forgotten(state: State, user_id: str) -> None:
    live(state, [NORTH])
    pointer = user_id.replace("~", "~0").replace("/", "~1")
    hers = {
        "value": json.dumps({"items": [{"user_id": user_id}]}).encode(),
        "member": json.dumps({user_id: 1}).encode(),
        "address": json.dumps({"at": f"/v1/users/{quote(user_id, safe='')}/export"}).encode(),
        "pointer": json.dumps({"field": f"/candidate_times/{pointer}/0"}).encode(),
        "prose": json.dumps({"detail": f"names {quoted(user_id)} twice"}).encode(),
        "torn": b"",
    }
    others = {
        "prose of others": json.dumps({"detail": "there is no element, bee"}).encode(),
        "was issued": None,
        f"issued for {user_id}": None,
    }
    with state.write(NORTH) as tx:
        keep_answers(tx, hers | others)
        torn = tables_requests.keyed_request.c.request_key == "torn"
        table = sa.update(tables_requests.keyed_request)
        tx.execute(table.where(torn).values(body=b"no zlib"))
    erase(state, NORTH, UserId(user_id))
    later = ASKED_AT + requests.CLAIMED_FOR
    for name in hers:
        with state.write(NORTH) as tx:
            assert isinstance(requests.begin(tx, name, fingerprint="", now=later), requests.Claim)
    for name, body in others.items():
        with state.write(NORTH) as tx:
            if body is None:
                with pytest.raises(Conflict, match="was carried out"):
                    requests.begin(tx, name, fingerprint="", now=later)
            else:
                kept = requests.begin(tx, name, fingerprint="", now=later)
                assert isinstance(kept, requests.KeptAnswer)


@pytest.mark.parametrize("audience", ["everyone", [ANN, "u2"], [ANN]])
def test_times_of_her_own_are_hers_in_every_definition(state: State, audience: Any) -> None:
    live(state, [NORTH])
    times = {ANN: ["2026-10-25T09:00:00Z"], "u2": ["2026-10-25T10:00:00Z"]}
    with state.write(NORTH) as tx:
        everything_about(tx, UserId("else"))
        tx.execute(
            sa.update(tables_campaigns.campaign_revision)
            .where(campaigns.is_revision(tx, CampaignId("hers"), 1))
            .values(definition={"audience": audience, "candidate_times": times})
        )
        (told,) = user_export.rows_of(tx, ANN)["campaigns_that_name_the_user"]
    assert told == {"campaign_id": "hers", "revision": 1, "candidate_times": times[ANN]}
    erase(state, NORTH, ANN)
    with state.read(NORTH) as tx:
        left = campaigns.get_campaign(tx, CampaignId("hers")).definition
    assert names(state, NORTH, ANN) == []
    assert left["candidate_times"] == {"u2": times["u2"]}
    assert (left["audience"] == "everyone") is (audience == "everyone")
    assert left["audience"]


def test_she_is_refused_by_whatever_names_her_and_nobody_else_is(lived: State) -> None:
    erase(lived, NORTH, ANN)
    given = Campaign(
        campaign_id=CampaignId("again"),
        variants=(),
        channel=Channel.WEBHOOK,
        earliest_at=NOW,
        latest_at=NOW + HOUR,
        audience=(UserId("u2"), ANN),
        time_to_live=HOUR,
    )
    by_times = replace(given, audience=None, candidate_times={ANN: (NOW,)})
    refused: list[Callable[[TenantWrite], object]] = [
        lambda tx: users.put(tx, ANN, timezone=None, now=NOW),
        lambda tx: devices.register(tx, a_device("new", ANN, NORTH), now=NOW),
        lambda tx: preferences.put(tx, ANN, Preferences({"news": True}), now=NOW),
        lambda tx: campaigns.put_campaign(tx, given, {}, rules={}, now=NOW),
        lambda tx: campaigns.put_campaign(tx, by_times, {}, rules={}, now=NOW),
    ]
    for each in refused:
        with pytest.raises(Conflict) as refusal, lived.write(NORTH) as tx:
            each(tx)
        assert refusal.value.code == "user_erased"
        assert ANN not in str(refusal.value)
    with lived.write(NORTH) as tx:
        consents.note(tx, [Consent(ANN, False, NOW)], door=ConsentDoor.API, now=NOW)
    assert names(lived, NORTH, ANN) == []
    with lived.write(NORTH) as tx:
        users.put(tx, UserId("u2"), timezone=None, now=NOW)
    with lived.write(SOUTH) as tx:
        users.put(tx, ANN, timezone=None, now=NOW)


def test_she_may_come_back_as_somebody_new(lived: State) -> None:
    with pytest.raises(NotFound, match="no such user"), lived.write(NORTH) as tx:
        erased.readmit(tx, ANN, now=NOW)
    begun = begin(lived, NORTH, ANN)
    with pytest.raises(Conflict, match="being erased"), lived.write(NORTH) as tx:
        erased.readmit(tx, ANN, now=NOW)
    assert erase(lived, NORTH, ANN) is not None
    with lived.write(NORTH) as tx:
        erased.readmit(tx, ANN, now=NOW)
        users.put(tx, ANN, timezone=None, now=NOW)
        assert users.get(tx, ANN).opted_out_at is None
    again = begin(lived, NORTH, ANN)
    assert again.erasure_id != begun.erasure_id


def test_what_is_being_handed_over_is_waited_for(lived: State) -> None:
    send = tables.planned_send
    with lived.write(NORTH) as tx:
        alive = tx.execute(sa.select(send).where(tx.owns(send), send.c.claimed_by == "alive")).one()
        tx.execute(
            sa.update(send)
            .where(tx.owns(send), send.c.user_id == alive.user_id)
            .values(claim_expires_at=NOW + MINUTE)
        )
    user_id = UserId(alive.user_id)
    begin(lived, NORTH, user_id)
    with lived.write(NORTH) as tx:
        assert erasures.claimed_users(tx, [user_id]) == {user_id}
        assert erasures.call_off(tx, [user_id], now=NOW) == 0
        assert erasures.call_off(tx, [user_id], now=NOW + MINUTE) == 2
        assert erasures.claimed_users(tx, [user_id]) == set()
        state = tx.scalar(
            sa.select(send.c.state).where(tx.owns(send), send.c.send_id == SendId(alive.send_id))
        )
    assert state == SendState.CANCELLED


def test_a_list_of_the_erased_is_no_list_of_users(lived: State) -> None:
    erase(lived, NORTH, ANN)
    erase(lived, SOUTH, ANN)
    with lived.read_fleet() as tx:
        keys = tx.scalars(
            sa.select(tables_erasure.erasure.c.user_key).where(
                tables_erasure.erasure.c.asked_by == "a test"
            )
        ).all()
    assert len({*keys}) == 2
    assert all(len(key) == 64 for key in keys)


def test_every_table_that_names_a_user_is_known_to_the_erasure() -> None:
    """Whoever adds one adds it to `pseudonyms` and `user_export`, and plants a canary in it."""
    naming = {table.name for table in tables.metadata.sorted_tables if "user_id" in table.c}
    assert naming == {"app_user", "consent", "device", "erasure", "planned_send", "preference"}
    of_sends = {table.name for table in tables.metadata.sorted_tables if "send_id" in table.c}
    assert of_sends == {
        *("attempt", "charge", "click", "decision", "erased_send", "link", "planned_send"),
        *("response", "send_move", "send_request"),
    }
