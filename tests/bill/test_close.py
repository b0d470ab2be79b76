"""Closed periods never change, whoever closes them and however often."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from sendopt.bill import (
    ChargeReport,
    Closing,
    charge_billable,
    close_period,
    find_closing,
    statement,
)
from sendopt.errors import Conflict, InvalidInput, NotFound
from sendopt.records import TenantId
from sendopt.state import State, ledger, tables_billing
from tests.bill.conftest import Shop

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
END_OF_GRACE = datetime(2026, 11, 3, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def busy_shop(shop: Shop) -> Shop:
    """Ten messages, clicked and answered, two of them under a second price."""
    for number in range(10):
        at = OCTOBER + timedelta(days=3 * number)
        shop.send(f"s{number}", at)
    shop.price(OCTOBER, click="2.5", response="40")
    shop.price(OCTOBER + timedelta(days=24), click="3", response="0")
    for number in range(10):
        at = OCTOBER + timedelta(days=3 * number)
        shop.click(f"s{number}", at + 5 * SECOND)
        shop.click(f"s{number}", at + 6 * SECOND)
        shop.respond(f"s{number}", at + 7 * SECOND)
    return shop


def close(shop: Shop, *, now: datetime = END_OF_GRACE) -> Closing:
    return close_period(shop.state, shop.tenant_id, "2026-10", now=now)


def test_closing_meters_freezes_and_books(busy_shop: Shop) -> None:
    closed = close(busy_shop)
    assert closed.statement.total_minor == 20 + 320 + 6
    assert closed.document == closed.statement.document()
    assert closed.sha256 == hashlib.sha256(closed.document.encode()).hexdigest()
    with busy_shop.state.read(busy_shop.tenant_id) as tx:
        entries = ledger.entries(tx, "2026-10")
    assert {(entry.posting, entry.account): entry.amount_minor for entry in entries} == {
        ("2026-10/click/1", "receivable"): 20,
        ("2026-10/click/1", "revenue/click"): -20,
        ("2026-10/click/2", "receivable"): 6,
        ("2026-10/click/2", "revenue/click"): -6,
        ("2026-10/response/1", "receivable"): 320,
        ("2026-10/response/1", "revenue/response"): -320,
    }
    assert busy_shop.recompute("2026-10").sha256() == closed.sha256


def test_more_than_one_batch_is_metered_to_the_last(
    busy_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sendopt.bill.close.BATCH", 3)
    assert close(busy_shop).statement.total_minor == 20 + 320 + 6


def test_a_run_meters_batch_after_batch(busy_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sendopt.bill.charging.BATCH", 3)
    report = charge_billable(busy_shop.state, busy_shop.tenant_id)
    assert report == ChargeReport(metered=30, charged=20, late=0)


def test_what_came_late_is_booked_beside_what_was_in_time(shop: Shop) -> None:
    """Two months at one price in one statement: two postings, each under its own name."""
    november, december = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 3, tzinfo=UTC)
    shop.send("s0", november - timedelta(hours=2))
    shop.send("s1", november)
    shop.price(OCTOBER, response="40")
    close(shop)
    shop.respond("s0", november - timedelta(hours=1), now=END_OF_GRACE)
    shop.respond("s1", november + SECOND)
    close_period(shop.state, shop.tenant_id, "2026-11", now=december)
    with shop.state.read(shop.tenant_id) as tx:
        entries = ledger.entries(tx, "2026-11")
    owed = {each.posting: each.amount_minor for each in entries if each.account == "receivable"}
    assert owed == {"2026-11/response/1/2026-10": 40, "2026-11/response/1": 40}


def test_closing_again_gives_the_first_answer(busy_shop: Shop) -> None:
    first = close(busy_shop)
    busy_shop.respond("s9", OCTOBER + timedelta(days=27, hours=1), now=END_OF_GRACE)
    charge_billable(busy_shop.state, busy_shop.tenant_id)
    assert close(busy_shop, now=END_OF_GRACE + timedelta(days=400)) == first
    assert find_closing(busy_shop.state, busy_shop.tenant_id, "2026-10") == first
    assert statement(busy_shop.state, busy_shop.tenant_id, "2026-10") == first.statement


def test_a_period_stays_open_through_its_grace(busy_shop: Shop) -> None:
    with pytest.raises(Conflict) as refusal:
        close(busy_shop, now=END_OF_GRACE - MICROSECOND)
    assert refusal.value.code == "period_open"
    assert find_closing(busy_shop.state, busy_shop.tenant_id, "2026-10") is None


def test_what_does_not_exist_cannot_be_closed(state: State) -> None:
    with pytest.raises(NotFound):
        close_period(state, TenantId("nobody"), "2026-10", now=END_OF_GRACE)
    with pytest.raises(InvalidInput):
        close_period(state, TenantId("nobody"), "2026-1", now=END_OF_GRACE)


def test_two_closers_at_once_are_one(busy_shop: Shop) -> None:
    barrier = threading.Barrier(4)

    def race(number: int) -> Closing:
        barrier.wait()
        return close(busy_shop, now=END_OF_GRACE + number * SECOND)

    with ThreadPoolExecutor(4) as pool:
        closings = list(pool.map(race, range(4)))
    assert len({(closing.document, closing.closed_at) for closing in closings}) == 1
    with busy_shop.state.read(busy_shop.tenant_id) as tx:
        assert len(ledger.entries(tx, "2026-10")) == 6


def test_meters_at_once_charge_once(busy_shop: Shop) -> None:
    barrier = threading.Barrier(4)

    def race(_number: int) -> ChargeReport:
        barrier.wait()
        return charge_billable(busy_shop.state, busy_shop.tenant_id)

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(race, range(4)))
    assert sum(reports, ChargeReport()) == ChargeReport(metered=30, charged=20, late=0)
    assert charge_billable(busy_shop.state, busy_shop.tenant_id) == ChargeReport()


def test_what_is_recorded_while_a_period_closes_is_counted_exactly_once(shop: Shop) -> None:
    count = 60
    for number in range(count):
        shop.send(f"s{number}", OCTOBER)
    shop.price(OCTOBER, response="1")
    closing = threading.Event()

    def respond(number: int) -> None:
        if number == count // 3:
            closing.set()
        shop.respond(f"s{number}", OCTOBER + SECOND, now=END_OF_GRACE)

    def close_meanwhile() -> Closing:
        closing.wait()
        return close(shop)

    with ThreadPoolExecutor(4) as pool:
        closed = pool.submit(close_meanwhile)
        list(pool.map(respond, range(count)))
    report = charge_billable(shop.state, shop.tenant_id)
    november = statement(shop.state, shop.tenant_id, "2026-11")
    assert closed.result().statement.total_minor + november.total_minor == count
    assert report.metered == report.late == november.total_minor
    assert statement(shop.state, shop.tenant_id, "2026-10") == closed.result().statement


def test_a_charge_is_unique_for_ever(busy_shop: Shop) -> None:
    charge_billable(busy_shop.state, busy_shop.tenant_id)
    with busy_shop.state.read_fleet() as tx:
        rows = tx.execute(
            sa.select(tables_billing.charge.c.send_id, tables_billing.charge.c.kind)
        ).all()
    assert set(Counter(rows).values()) == {1}
    assert len(rows) == 20
