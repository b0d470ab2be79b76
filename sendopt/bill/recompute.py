"""Compute a statement a second time, from the log alone, to hold the first to it.

It shares no query and no arithmetic with `statement`: duplicates, windows, prices and rounding
are SQL over events. From the state it takes only what no event tells: the prices, and which
facts were recorded after their own period had been closed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pyarrow as pa

from sendopt.bill.periods import bounds, earliest_open, following
from sendopt.bill.statement import NO_RATE_CARD, Line, Statement
from sendopt.log import Reader
from sendopt.records import DEFAULT_ATTRIBUTION_WINDOW, ChargeKind, RateCard, TenantId
from sendopt.state import TenantRead, ledger, metering

_SQL = files("sendopt.bill").joinpath("sql/statement.sql").read_text(encoding="utf-8")
_FASTEST_TAP = timedelta(seconds=1)  # said again on purpose, as is every rule in the SQL
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PRICES_PER_MINOR = Decimal(10_000)  # prices have at most four decimals

_RATE_CARD = pa.schema(
    [
        ("version", pa.int32()),
        ("effective_us", pa.int64()),
        ("window_us", pa.int64()),
        ("click_price", pa.int64()),
        ("response_price", pa.int64()),
    ]
)
_LATE = pa.schema([("event_id", pa.string()), ("period", pa.string())])


def recompute(
    reader: Reader,
    tenant_id: TenantId,
    rate_cards: Sequence[RateCard],
    period: str,
    *,
    late: Mapping[str, str],
) -> Statement:
    """Return the statement of `period` as the log tells it.

    It equals the statement from the state once everything is metered and copied to the log.

    Args:
        reader: of the tenant's events.
        tenant_id: whose events `reader` reads.
        rate_cards: all of the tenant's.
        period: such as "2026-10".
        late: the period that counts an event, where that is not its own; see `late_events`. Read
            it after `reader` was opened, so that no event in the log is unknown to it.

    Raises:
        InvalidInput: `period_invalid`.
    """
    bounds(period)
    rows = reader.query(
        "recompute_statement",
        _SQL,
        {
            "period": period,
            "default_window_us": DEFAULT_ATTRIBUTION_WINDOW // _MICROSECOND,
            "fastest_tap_us": _FASTEST_TAP // _MICROSECOND,
        },
        inputs={
            "rate_card": pa.Table.from_pylist([_row(card) for card in rate_cards], _RATE_CARD),
            "late": pa.Table.from_pylist(
                [{"event_id": event_id, "period": name} for event_id, name in late.items()], _LATE
            ),
        },
    )
    by_version = {card.version: card for card in rate_cards}
    lines = tuple(_line(row, by_version) for row in rows.to_pylist())
    return Statement(tenant_id, period, rate_cards[0].currency if rate_cards else None, lines)


def late_events(tx: TenantRead) -> dict[str, str]:
    """Return the events that another period counts than that in which they happened."""
    closed = ledger.closed_periods(tx)
    late: dict[str, str] = {}
    for kind in ChargeKind:
        for period in sorted({following(name) for name in closed}):
            begins_at = bounds(period)[0]
            for key in metering.keys(tx, kind, period=period, until=begins_at):
                late[_event_id(kind, key)] = period
        for name in closed:
            since, until = bounds(name)
            for key in metering.keys(tx, kind, period=None, since=since, until=until):
                late[_event_id(kind, key)] = earliest_open(name, closed)
    return late


def _event_id(kind: ChargeKind, key: str) -> str:
    return key if kind is ChargeKind.CLICK else f"{key}:{kind}"


def _row(card: RateCard) -> dict[str, int]:
    return {
        "version": card.version,
        "effective_us": (card.effective_at - _EPOCH) // _MICROSECOND,
        "window_us": card.attribution_window // _MICROSECOND,
        "click_price": int(card.click_price_minor * _PRICES_PER_MINOR),
        "response_price": int(card.response_price_minor * _PRICES_PER_MINOR),
    }


def _line(row: Mapping[str, Any], cards: Mapping[int, RateCard]) -> Line:
    kind = ChargeKind(row["kind"])
    card = cards.get(row["version"])
    price = None
    if card is not None:
        price = card.click_price_minor if kind is ChargeKind.CLICK else card.response_price_minor
    return Line(
        kind=kind,
        occurred_in=row["occurred_in"],
        rate_card_version=row["version"],
        unit_price_minor=None if price is None else f"{price:f}",
        gross=row["gross"],
        filtered={found["reason"]: found["count"] for found in row["filtered"] or ()},
        net=row["net"],
        amount_minor=row["amount_minor"],
        note=NO_RATE_CARD if card is None else None,
    )
