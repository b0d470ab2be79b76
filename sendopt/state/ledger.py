"""Rate cards, closed periods and the double-entry ledger: rows that are added and never changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa

from sendopt.records import RateCard
from sendopt.state.engine import insert
from sendopt.state.tables_billing import ledger_entry, period, rate_card
from sendopt.state.transaction import TenantRead, TenantWrite


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """A statement as it was frozen, to the byte."""

    period: str  # "2026-10"
    closed_at: datetime
    statement: str  # canonical JSON
    statement_sha256: str


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One side of a posting; the sides of a posting sum to zero."""

    posting: str  # "2026-10/click/1"
    account: str
    amount_minor: int
    currency: str
    period: str


def add_rate_card(tx: TenantWrite, card: RateCard) -> None:
    """Add a card. The database refuses a second one of the same version."""
    tx.execute(
        sa.insert(rate_card).values(
            tenant_id=tx.tenant_id,
            version=card.version,
            currency=card.currency,
            click_price_minor=f"{card.click_price_minor:f}",
            response_price_minor=f"{card.response_price_minor:f}",
            attribution_window_seconds=card.attribution_window // timedelta(seconds=1),
            effective_at=card.effective_at,
        )
    )


def rate_cards(tx: TenantRead) -> list[RateCard]:
    """Return every card, in the order in which they take effect."""
    rows = tx.execute(
        sa.select(rate_card).where(tx.owns(rate_card)).order_by(rate_card.c.effective_at)
    )
    return [_card(row) for row in rows]


def card_in_force(tx: TenantRead, at: datetime) -> RateCard | None:
    """Return the card that took effect last at or before `at`; None = there was none yet."""
    row = tx.execute(
        sa.select(rate_card)
        .where(tx.owns(rate_card), rate_card.c.effective_at <= at)
        .order_by(rate_card.c.effective_at.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _card(row)


def closed_periods(tx: TenantRead) -> frozenset[str]:
    """Return the names of all closed periods."""
    rows = tx.execute(sa.select(period.c.period).where(tx.owns(period)))
    return frozenset(rows.scalars())


def find_closed(tx: TenantRead, name: str) -> ClosedPeriod | None:
    """Return a period as it was frozen; None while it is open."""
    row = tx.execute(
        sa.select(
            period.c.period, period.c.closed_at, period.c.statement, period.c.statement_sha256
        ).where(tx.owns(period), period.c.period == name)
    ).one_or_none()
    return None if row is None else ClosedPeriod(*row)


def add_closed(tx: TenantWrite, closed: ClosedPeriod) -> None:
    """Freeze a period. The database refuses to do so twice."""
    tx.execute(sa.insert(period).values(tenant_id=tx.tenant_id, **asdict(closed)))


def post(tx: TenantWrite, entries: Iterable[LedgerEntry], *, now: datetime) -> None:
    """Book `entries`; those of a posting that is already there are left as they are."""
    rows = [{"tenant_id": tx.tenant_id, "posted_at": now, **asdict(entry)} for entry in entries]
    if rows:
        tx.execute(
            insert(tx, ledger_entry).on_conflict_do_nothing(
                index_elements=["tenant_id", "posting", "account"]
            ),
            rows,
        )


def entries(tx: TenantRead, name: str) -> list[LedgerEntry]:
    """Return what was booked for a period, in a stable order."""
    entry = ledger_entry.c
    rows = tx.execute(
        sa.select(entry.posting, entry.account, entry.amount_minor, entry.currency, entry.period)
        .where(tx.owns(ledger_entry), entry.period == name)
        .order_by(entry.posting, entry.account)
    )
    return [LedgerEntry(*row) for row in rows]


def _card(row: sa.Row[tuple[object, ...]]) -> RateCard:
    return RateCard(
        version=row.version,
        currency=row.currency,
        click_price_minor=Decimal(row.click_price_minor),
        response_price_minor=Decimal(row.response_price_minor),
        attribution_window=timedelta(seconds=row.attribution_window_seconds),
        effective_at=row.effective_at,
    )
