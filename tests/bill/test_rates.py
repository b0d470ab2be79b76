"""Prices are agreed before anything is counted at them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sendopt.bill import charge_billable, close_period, put_rate_card
from sendopt.bill.rates import EXAMPLE, parse_rate_card
from sendopt.errors import Conflict, InvalidInput, NotFound
from sendopt.records import RateCard, TenantId
from sendopt.state import State, ledger
from tests.bill.conftest import Shop

ROOT = Path(__file__).parents[2]
CARD = {
    "currency": "EUR",
    "click_price_minor": "2.5",
    "response_price_minor": "40",
    "attribution_window_seconds": 86_400,
    "effective_at": "2026-10-01T00:00:00Z",
}
OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)


def test_the_example_that_people_are_shown_is_a_card() -> None:
    for place in ("docs/how-we-count.md", "docs/reference/commands.md"):
        page = (ROOT / place).read_text()
        (shown,) = re.findall(r'\{\s+"currency".*?\}', page, re.DOTALL)
        assert json.loads(shown) == EXAMPLE
    parse_rate_card(EXAMPLE)


def test_a_card_is_read_without_a_float() -> None:
    assert parse_rate_card(CARD) == RateCard(
        version=1,
        currency="EUR",
        click_price_minor=Decimal("2.5"),
        response_price_minor=Decimal(40),
        attribution_window=timedelta(days=1),
        effective_at=OCTOBER,
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"click_price_minor": 2.5}, "wrong_type"),
        ({"click_price_minor": "2,5"}, "money_invalid"),
        ({"click_price_minor": "1e3"}, "money_invalid"),
        ({"click_price_minor": "-1"}, "money_invalid"),
        ({"click_price_minor": "0.00001"}, "money_invalid"),
        ({"click_price_minor": "NaN"}, "money_invalid"),
        ({"click_price_minor": "\u0663"}, "money_invalid"),  # a three in Arabic
        ({"response_price_minor": ""}, "money_invalid"),
        ({"response_price_minor": None}, "wrong_type"),
        ({"currency": "eur"}, "money_invalid"),
        ({"currency": "EURO"}, "money_invalid"),
        ({"attribution_window_seconds": 59}, "window_invalid"),
        ({"attribution_window_seconds": 90 * 86_400 + 1}, "window_invalid"),
        ({"attribution_window_seconds": 2**63}, "window_invalid"),
        ({"attribution_window_seconds": "86400"}, "wrong_type"),
        ({"attribution_window_seconds": True}, "wrong_type"),
        ({"effective_at": "2026-10-01T00:00:00"}, "time_invalid"),
        ({"effective_at": "2026-10-01"}, "time_invalid"),
        ({"effective_at": 1_790_000_000}, "time_invalid"),
        ({"version": 7}, "unknown_field"),
    ],
)
def test_a_bad_card_names_its_field(change: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_rate_card({**CARD, **change})
    assert refusal.value.code == code
    assert refusal.value.field == f"/{next(iter(change))}"


def test_all_that_is_wrong_with_a_card_is_told_at_once() -> None:
    bad = {
        "currency": "euro",
        "click_price_minor": "2,5",
        "response_price_minor": -1,
        "attribution_window_seconds": 5,
        "effective_at": "tomorrow",
        "click_price": "1",
    }
    with pytest.raises(InvalidInput) as refusal:
        parse_rate_card(bad)
    for field in bad:
        assert f"/{field}: " in str(refusal.value)
    assert "did you mean click_price_minor?" in str(refusal.value)


@pytest.mark.parametrize("window", [timedelta(minutes=1), timedelta(days=90)])
def test_the_shortest_and_the_longest_window_are_windows(window: timedelta) -> None:
    card = {**CARD, "attribution_window_seconds": round(window.total_seconds())}
    assert parse_rate_card(card).attribution_window == window


@pytest.mark.parametrize("missing", CARD)
def test_nothing_is_filled_in(missing: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_rate_card({name: value for name, value in CARD.items() if name != missing})
    assert (refusal.value.code, refusal.value.field) == ("missing_field", f"/{missing}")


def test_cards_are_numbered_and_the_same_card_again_changes_nothing(shop: Shop) -> None:
    shop.send("s1", OCTOBER)
    first = shop.price(OCTOBER)
    second = shop.price(OCTOBER + timedelta(days=7), click="3")
    assert (first.version, second.version) == (1, 2)
    assert shop.price(OCTOBER) == first
    with shop.state.read(shop.tenant_id) as tx:
        assert ledger.rate_cards(tx) == [first, second]
        for days, version in ((-1, None), (0, 1), (6, 1), (7, 2), (400, 2)):
            card = ledger.card_in_force(tx, OCTOBER + timedelta(days=days))
            assert (card and card.version) == version


def test_a_second_currency_is_refused(shop: Shop) -> None:
    shop.send("s1", OCTOBER)
    shop.price(OCTOBER)
    with pytest.raises(InvalidInput) as refusal:
        shop.price(OCTOBER + timedelta(days=1), currency="CHF")
    assert (refusal.value.code, refusal.value.field) == ("money_invalid", "/currency")


def test_a_card_takes_effect_after_every_earlier_one(shop: Shop) -> None:
    shop.send("s1", OCTOBER)
    shop.price(OCTOBER)
    for at in (OCTOBER, OCTOBER - timedelta(microseconds=1)):
        with pytest.raises(Conflict) as refusal:
            shop.price(at, click="9")
        assert refusal.value.code == "rate_card_order"


def test_no_price_changes_for_what_was_counted(shop: Shop) -> None:
    shop.send("s1", OCTOBER)
    shop.click("s1", OCTOBER + timedelta(hours=1))
    with pytest.raises(Conflict) as refusal:
        shop.price(OCTOBER + timedelta(hours=1))
    assert refusal.value.code == "already_counted"
    shop.price(OCTOBER + timedelta(hours=1, microseconds=1))


def test_no_price_can_be_set_in_a_closed_period(shop: Shop) -> None:
    shop.send("s1", OCTOBER)
    charge_billable(shop.state, shop.tenant_id)
    close_period(shop.state, shop.tenant_id, "2026-10", now=datetime(2026, 11, 3, tzinfo=UTC))
    with pytest.raises(Conflict) as refusal:
        shop.price("2026-10-31T23:59:59.999999Z")
    assert refusal.value.code == "period_closed"
    shop.price("2026-11-01T00:00:00Z")


def test_nobody_prices_for_a_tenant_that_is_not_there(state: State) -> None:
    with pytest.raises(NotFound) as refusal:
        put_rate_card(state, TenantId("nobody"), CARD)
    assert refusal.value.code == "tenant_unknown"


def test_tenants_have_their_own_cards(open_shop: Callable[[], Shop]) -> None:
    here, there = open_shop(), open_shop()
    for shop in (here, there):
        shop.send("s1", OCTOBER)
    here.price(OCTOBER, click="1")
    there.price(OCTOBER, click="2", currency="CHF")
    with here.state.read(here.tenant_id) as tx:
        (card,) = ledger.rate_cards(tx)
    assert (card.click_price_minor, card.currency) == (Decimal(1), "EUR")
