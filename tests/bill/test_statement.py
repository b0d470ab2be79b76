"""What statements say, and that the log says the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from sendopt.bill import charge_billable, close_period, statement
from sendopt.bill.statement import read_document
from sendopt.errors import InvalidInput, InvariantBroken
from sendopt.records import ChargeKind, Event, EventType, SendId, UserId
from sendopt.state import outbox, tables_billing
from tests.bill.conftest import Shop

OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
AFTER_GRACE = datetime(2026, 11, 3, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)


def test_gross_is_filtered_plus_net_and_only_net_costs(shop: Shop) -> None:
    for number in range(5):
        shop.send(f"s{number}", OCTOBER)
    shop.price(OCTOBER, click="2.5", response="40")
    for number in range(3):
        shop.click(f"s{number}", OCTOBER + 5 * SECOND)
        shop.click(f"s{number}", OCTOBER + 6 * SECOND)
    shop.click("s3", OCTOBER + SECOND, **{"user-agent": "curl/8.4.0"})
    shop.click("s4", OCTOBER + timedelta(days=1))
    shop.respond("s0", OCTOBER + SECOND)
    shop.respond("s1", OCTOBER + timedelta(days=2))
    shop.respond("s2", OCTOBER + SECOND, kind="open")
    charge_billable(shop.state, shop.tenant_id)
    october = statement(shop.state, shop.tenant_id, "2026-10")
    click, response = october.lines
    assert (click.kind, click.gross, click.net) == (ChargeKind.CLICK, 8, 3)
    assert click.filtered == {"bot": 1, "duplicate": 3, "outside_window": 1}
    assert (click.unit_price_minor, click.amount_minor) == ("2.5", 8)  # 7.5, half to even
    assert (response.kind, response.gross, response.net) == (ChargeKind.RESPONSE, 2, 1)
    assert (response.filtered, response.amount_minor) == ({"outside_window": 1}, 40)
    assert (october.currency, october.total_minor) == ("EUR", 48)
    assert shop.recompute("2026-10") == october


def test_each_price_has_its_line(shop: Shop) -> None:
    change = OCTOBER + timedelta(days=14)
    for number in range(3):
        shop.send(f"s{number}", change - timedelta(hours=1))
    shop.price(OCTOBER, click="1")
    shop.price(change, click="0.5")
    for number, at in enumerate((change - MICROSECOND, change, change + MICROSECOND)):
        shop.click(f"s{number}", at)
    charge_billable(shop.state, shop.tenant_id)
    october = statement(shop.state, shop.tenant_id, "2026-10")
    assert [
        (line.rate_card_version, line.unit_price_minor, line.net, line.amount_minor)
        for line in october.lines
    ] == [(1, "1", 1, 1), (2, "0.5", 2, 1)]


def test_the_window_is_that_of_the_card_in_force_at_the_hand_over(shop: Shop) -> None:
    """Half an hour until noon, three days from then on, for whoever was sent to from then on."""
    noon, later = OCTOBER + timedelta(hours=12), timedelta(hours=1)
    shop.send("s0", noon - MICROSECOND)
    shop.send("s1", noon)
    shop.price(OCTOBER, window=1800)
    shop.price(noon, window=3 * 86_400)
    for name, at in (("s0", noon + later), ("s1", noon + timedelta(days=2))):
        shop.click(name, at)
        shop.respond(name, at)
    charge_billable(shop.state, shop.tenant_id)
    october = statement(shop.state, shop.tenant_id, "2026-10")
    assert [(line.rate_card_version, line.net, line.filtered) for line in october.lines] == [
        (2, 1, {"outside_window": 1})
    ] * 2
    assert shop.recompute("2026-10") == october


def test_without_a_rate_card_nothing_is_charged_and_the_line_says_so(shop: Shop) -> None:
    shop.send("s1", OCTOBER)
    shop.send("s2", OCTOBER)
    shop.click("s1", OCTOBER + SECOND)
    report = charge_billable(shop.state, shop.tenant_id)
    assert (report.metered, report.charged) == (1, 0)
    october = statement(shop.state, shop.tenant_id, "2026-10")
    (line,) = october.lines
    assert (october.currency, october.total_minor) == (None, 0)
    assert (line.net, line.amount_minor, line.note) == (1, 0, "no_rate_card")
    shop.price(OCTOBER + timedelta(days=1))
    shop.click("s2", OCTOBER + timedelta(hours=23))  # the card is not in force yet
    charge_billable(shop.state, shop.tenant_id)
    october = statement(shop.state, shop.tenant_id, "2026-10")
    assert [(line.note, line.net) for line in october.lines] == [("no_rate_card", 2)]
    assert shop.recompute("2026-10") == october


def test_a_microsecond_decides_the_period(shop: Shop) -> None:
    for number in range(3):
        shop.send(f"s{number}", NOVEMBER - 10 * SECOND)
    shop.price(OCTOBER)
    for number, at in enumerate((NOVEMBER - MICROSECOND, NOVEMBER, NOVEMBER + MICROSECOND)):
        shop.click(f"s{number}", at)
    charge_billable(shop.state, shop.tenant_id)
    months = [statement(shop.state, shop.tenant_id, month) for month in ("2026-10", "2026-11")]
    assert [month.lines[0].net for month in months] == [1, 2]


def test_what_comes_late_is_an_adjustment_that_names_its_month(shop: Shop) -> None:
    for number in range(3):
        shop.send(f"s{number}", NOVEMBER - timedelta(hours=2))
    shop.price(OCTOBER, response="40")
    shop.respond("s0", NOVEMBER - timedelta(hours=1))
    frozen = close_period(shop.state, shop.tenant_id, "2026-10", now=AFTER_GRACE)
    shop.respond("s1", NOVEMBER - timedelta(hours=1), now=AFTER_GRACE)
    shop.respond("s2", NOVEMBER + timedelta(hours=1), now=AFTER_GRACE)
    report = charge_billable(shop.state, shop.tenant_id)
    assert (report.charged, report.late) == (2, 1)
    october, november = (
        statement(shop.state, shop.tenant_id, month) for month in ("2026-10", "2026-11")
    )
    assert october == frozen.statement
    assert [(line.occurred_in, line.net, line.amount_minor) for line in november.lines] == [
        ("2026-10", 1, 40),
        ("2026-11", 1, 40),
    ]
    assert shop.recompute("2026-10") == october
    assert shop.recompute("2026-11") == november
    with shop.state.read_fleet() as tx:
        late = tx.execute(
            sa.select(tables_billing.charge).where(
                tables_billing.charge.c.tenant_id == shop.tenant_id,
                tables_billing.charge.c.send_id == "s1",
            )
        ).one()
    assert (late.period, late.occurred_at) == ("2026-11", NOVEMBER - timedelta(hours=1))


def test_the_second_computation_knows_what_is_late_before_it_is_metered(shop: Shop) -> None:
    shop.send("s0", NOVEMBER - timedelta(hours=2))
    shop.price(OCTOBER)
    frozen = close_period(shop.state, shop.tenant_id, "2026-10", now=AFTER_GRACE)
    shop.respond("s0", NOVEMBER - timedelta(hours=1), now=AFTER_GRACE)
    assert shop.recompute("2026-10") == frozen.statement
    assert [line.occurred_in for line in shop.recompute("2026-11").lines] == ["2026-10"]


def test_what_comes_two_months_late_is_counted_in_the_first_open_one(shop: Shop) -> None:
    december = datetime(2026, 12, 3, tzinfo=UTC)
    shop.send("s0", NOVEMBER - timedelta(hours=2))
    shop.price(OCTOBER)
    for month in ("2026-10", "2026-11"):
        close_period(shop.state, shop.tenant_id, month, now=december)
    shop.respond("s0", NOVEMBER - timedelta(hours=1), now=december)
    before = shop.recompute_all(["2026-11", "2026-12"])
    assert [[line.occurred_in for line in month.lines] for month in before] == [[], ["2026-10"]]
    charge_billable(shop.state, shop.tenant_id)
    assert statement(shop.state, shop.tenant_id, "2026-12") == before[1]


def test_history_that_a_tenant_imports_is_not_for_sale(shop: Shop) -> None:
    shop.send("s1", OCTOBER)
    shop.price(OCTOBER)
    imported = [
        Event(f"old-{kind}", UserId("ann"), kind, OCTOBER + SECOND, send_id=SendId("s1"))
        for kind in (EventType.CLICK, EventType.RESPONSE)
    ]
    with shop.state.write(shop.tenant_id) as tx:
        outbox.record(tx, imported, now=OCTOBER)
    shop.click("s1", OCTOBER + 2 * SECOND)
    charge_billable(shop.state, shop.tenant_id)
    october = statement(shop.state, shop.tenant_id, "2026-10")
    assert [(line.kind, line.gross) for line in october.lines] == [(ChargeKind.CLICK, 1)]
    assert shop.recompute("2026-10") == october


def test_a_statement_is_read_back_as_it_was_written(shop: Shop) -> None:
    shop.send("s1", OCTOBER)
    shop.price(OCTOBER, click="0.2500")
    shop.click("s1", OCTOBER + SECOND)
    charge_billable(shop.state, shop.tenant_id)
    october = statement(shop.state, shop.tenant_id, "2026-10")
    assert read_document(october.document()) == october
    assert json.loads(october.document())["lines"][0]["unit_price_minor"] == "0.2500"
    assert list(json.loads(october.document())) == sorted(json.loads(october.document()))


def test_a_statement_that_its_charges_do_not_confirm_is_refused(shop: Shop) -> None:
    shop.send("s1", OCTOBER)
    shop.price(OCTOBER)
    shop.click("s1", OCTOBER + SECOND)
    charge_billable(shop.state, shop.tenant_id)
    with shop.state.write_fleet() as tx:
        tx.execute(
            sa.delete(tables_billing.charge).where(
                tables_billing.charge.c.tenant_id == shop.tenant_id
            )
        )
    with pytest.raises(InvariantBroken) as broken:
        close_period(shop.state, shop.tenant_id, "2026-10", now=AFTER_GRACE)
    assert broken.value.code == "charges_differ"
    with shop.state.read_fleet() as tx:
        assert tx.execute(sa.select(tables_billing.period)).all() == []


def test_a_period_without_anything_is_empty(shop: Shop) -> None:
    nothing = statement(shop.state, shop.tenant_id, "2026-10")
    assert (nothing.lines, nothing.total_minor, nothing.currency) == ((), 0, None)
    assert shop.recompute("2026-10") == nothing
    with pytest.raises(InvalidInput):
        statement(shop.state, shop.tenant_id, "October")


def test_another_tenants_clicks_are_on_another_statement(open_shop: Callable[[], Shop]) -> None:
    here, there = open_shop(), open_shop()
    for shop, clicks in ((here, 1), (there, 2)):
        shop.send("s1", OCTOBER)
        shop.price(OCTOBER)
        for number in range(clicks):
            shop.click("s1", OCTOBER + (number + 1) * SECOND)
    for shop, gross in ((here, 1), (there, 2)):
        charge_billable(shop.state, shop.tenant_id)
        october = statement(shop.state, shop.tenant_id, "2026-10")
        assert october.lines[0].gross == gross
        assert shop.recompute("2026-10") == october
