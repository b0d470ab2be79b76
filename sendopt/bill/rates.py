"""Rate cards: what is counted and for how much, agreed before it is counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict

from sendopt.bill.periods import earliest_open, period_of
from sendopt.clock import parse_instant
from sendopt.errors import Conflict, InvalidInput
from sendopt.money import parse_currency, parse_minor
from sendopt.records import RateCard, TenantId
from sendopt.state import State, TenantWrite, ledger, metering, tenants
from sendopt.strict_json import StrictModel, validate

SHORTEST_WINDOW = timedelta(minutes=1)
LONGEST_WINDOW = timedelta(days=90)
_SECOND = timedelta(seconds=1)

EXAMPLE: dict[str, Any] = {
    "currency": "EUR",
    "click_price_minor": "1.25",  # in cents or the like
    "response_price_minor": "2",
    "attribution_window_seconds": 86_400,
    "effective_at": "2026-10-01T00:00:00Z",
}


def _minor(text: str) -> str:
    parse_minor(text)
    return text


def _window_seconds(value: int) -> int:
    if not SHORTEST_WINDOW <= timedelta(seconds=min(value, 10**9)) <= LONGEST_WINDOW:
        raise InvalidInput(
            f"{value} s is no attribution window",
            code="window_invalid",
            expected=f"{SHORTEST_WINDOW // _SECOND:,} to {LONGEST_WINDOW // _SECOND:,} seconds",
        )
    return value


class RateCardBody(StrictModel):
    """A rate card as it is given; prices are decimal text, in minor units of the currency."""

    model_config = ConfigDict(json_schema_extra={"examples": [dict(EXAMPLE)]})

    currency: Annotated[str, AfterValidator(parse_currency)]
    click_price_minor: Annotated[str, AfterValidator(_minor)]
    response_price_minor: Annotated[str, AfterValidator(_minor)]
    attribution_window_seconds: Annotated[int, AfterValidator(_window_seconds)]
    effective_at: Annotated[datetime, BeforeValidator(parse_instant)]


def parse_rate_card(body: Any, *, version: int = 1) -> RateCard:
    """Read a rate card. Every field is required: a price that nobody stated is never charged.

    Raises:
        InvalidInput: `money_invalid`, `time_invalid`, `window_invalid`, or as `validate`.
    """
    given = validate(RateCardBody, body)
    return RateCard(
        version=version,
        currency=given.currency,
        click_price_minor=parse_minor(given.click_price_minor),
        response_price_minor=parse_minor(given.response_price_minor),
        attribution_window=timedelta(seconds=given.attribution_window_seconds),
        effective_at=given.effective_at,
    )


def put_rate_card(
    state: State,
    tenant_id: TenantId,
    body: Any,
    *,
    beside: Callable[[TenantWrite, RateCard], None] = lambda _tx, _card: None,
) -> RateCard:
    """Add a rate card; the same card again changes nothing.

    A card takes effect after every earlier one, in a period that is open, and at a time from which
    on nothing has been counted: no price changes for what has already happened. A card that is new
    has `beside` done in the same transaction.

    Raises:
        InvalidInput: as `parse_rate_card`, and `money_invalid` for a second currency.
        Conflict: `period_closed`, `rate_card_order`, `already_counted`.
        NotFound: `tenant_unknown`.
    """
    card = parse_rate_card(body)
    with state.write(tenant_id) as tx:
        tenants.lock(tx)
        cards = ledger.rate_cards(tx)
        for known in cards:
            if replace(known, version=card.version) == card:
                return known
        closed = ledger.closed_periods(tx)
        _check_fits(card, cards, is_closed=earliest_open(_month(card), closed) != _month(card))
        if metering.exists_since(tx, card.effective_at):
            raise Conflict(
                "clicks or responses have been counted since then",
                code="already_counted",
                field="/effective_at",
                hint="let the card take effect from now on",
            )
        card = replace(card, version=len(cards) + 1)
        ledger.add_rate_card(tx, card)
        beside(tx, card)
    return card


def _check_fits(card: RateCard, cards: Sequence[RateCard], *, is_closed: bool) -> None:
    if cards and card.currency != cards[0].currency:
        raise InvalidInput(
            f"this tenant is billed in {cards[0].currency}",
            code="money_invalid",
            field="/currency",
            expected=cards[0].currency,
        )
    if is_closed:
        raise Conflict(
            f"the period {_month(card)} is closed", code="period_closed", field="/effective_at"
        )
    if cards and card.effective_at <= cards[-1].effective_at:
        raise Conflict(
            f"rate card {cards[-1].version} takes effect later",
            code="rate_card_order",
            field="/effective_at",
            expected=f"a time after {cards[-1].effective_at.isoformat()}",
        )


def _month(card: RateCard) -> str:
    return period_of(card.effective_at)
