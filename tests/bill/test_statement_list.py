"""The list of statements: every month that has one, its totals, the newest first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from sendopt.bill import charge_billable, close_period, statement
from sendopt.bill.statement_list import page
from sendopt.state.pages import Page
from sendopt.state.tables_billing import charge
from tests.bill.conftest import Shop

MONTHS = [datetime(2026, month, 1, tzinfo=UTC) for month in (8, 9, 10)]
SECOND = timedelta(seconds=1)


@pytest.fixture
def listed(shop: Shop) -> Shop:
    """Three months, of which the first is closed; in each one click counts and one does not."""
    for number, month in enumerate(MONTHS):
        shop.send(f"s{number}", month)
    shop.price(MONTHS[0], click="2.5", response="40")
    for number, month in enumerate(MONTHS):
        shop.click(f"s{number}", month + 5 * SECOND)
        shop.click(f"s{number}", month + 6 * SECOND)
    shop.respond("s1", MONTHS[1] + 7 * SECOND)
    close_period(shop.state, shop.tenant_id, "2026-08", now=MONTHS[1] + timedelta(days=3))
    charge_billable(shop.state, shop.tenant_id)
    return shop


def pages(shop: Shop, limit: int) -> list[Page]:
    found: list[Page] = []
    behind = None
    while not found or found[-1].behind is not None:
        with shop.state.read(shop.tenant_id) as tx:
            found.append(page(tx, behind=behind, limit=limit))
        behind = found[-1].behind and found[-1].behind[0]
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_every_month_comes_once_with_the_totals_of_its_statement(listed: Shop, limit: int) -> None:
    items = [item for found in pages(listed, limit) for item in found.items]
    assert [(each.period, each.gross, each.net) for each in items] == [
        ("2026-10", 2, 1),
        ("2026-09", 3, 2),
        ("2026-08", 2, 1),
    ]
    assert [each.closed_at is None for each in items] == [True, True, False]
    for each in items:
        whole = statement(listed.state, listed.tenant_id, each.period)
        assert (each.total_minor, each.currency) == (whole.total_minor, whole.currency)
    assert len(pages(listed, limit)) == -(-3 // limit)


def test_a_month_that_contradicts_itself_hides_no_other(listed: Shop) -> None:
    with listed.state.write(listed.tenant_id) as tx:
        tx.execute(sa.delete(charge).where(tx.owns(charge), charge.c.period == "2026-09"))
    (found,) = pages(listed, 10)
    assert [each.period for each in found.items] == ["2026-10", "2026-08"]
    assert found.damaged == ("2026-09",)
