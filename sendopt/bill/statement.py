"""Statements: what was measured, what was filtered and why, what is charged."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sendopt.bill.periods import bounds, period_of, periods_between
from sendopt.bill.prices import card_at, price_of
from sendopt.errors import InvariantBroken
from sendopt.records import ChargeKind, RateCard, TenantId
from sendopt.state import State, TenantRead, ledger, metering

NO_RATE_CARD = "no_rate_card"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing at one price: gross = sum(filtered) + net, amount = net x price, rounded once."""

    kind: ChargeKind
    occurred_in: str  # earlier than the statement's period: an adjustment for what came late
    rate_card_version: int | None
    unit_price_minor: str | None  # decimal text
    gross: int
    filtered: dict[str, int]  # reason → count
    net: int
    amount_minor: int
    note: str | None = None  # NO_RATE_CARD: counted, and never charged


@dataclass(frozen=True, slots=True)
class Statement:
    """One tenant's month. Equal statements have equal bytes, whoever computed them."""

    tenant_id: TenantId
    period: str
    currency: str | None  # None = there is no rate card
    lines: tuple[Line, ...]  # by kind, month of occurrence, rate card

    @property
    def total_minor(self) -> int:
        return sum(line.amount_minor for line in self.lines)

    def document(self) -> str:
        """Return the canonical JSON: sorted keys, no spaces, ASCII."""
        content = {**asdict(self), "total_minor": self.total_minor}
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    def sha256(self) -> str:
        return hashlib.sha256(self.document().encode()).hexdigest()


def read_document(document: str) -> Statement:
    """Return the statement that `document` was written from."""
    content = json.loads(document)
    lines = tuple(Line(**{**line, "kind": ChargeKind(line["kind"])}) for line in content["lines"])
    return Statement(TenantId(content["tenant_id"]), content["period"], content["currency"], lines)


def statement(state: State, tenant_id: TenantId, period: str) -> Statement:
    """Return the statement of a period: as it was frozen, or of what has been metered so far.

    Raises:
        InvalidInput: `period_invalid`.
        InvariantBroken: `charges_differ`.
    """
    with state.read(tenant_id) as tx:
        return find_or_compute(tx, period)


def find_or_compute(tx: TenantRead, period: str) -> Statement:
    """Return the same as `statement`, as `tx` sees it."""
    bounds(period)
    closed = ledger.find_closed(tx, period)
    if closed is not None:
        return read_document(closed.statement)
    return compute(tx, period)


def compute(tx: TenantRead, period: str) -> Statement:
    """Compute the statement of an open period from the metered facts, and hold it to the charges.

    Raises:
        InvariantBroken: `charges_differ`, if it is not what the charges say.
    """
    cards = ledger.rate_cards(tx)
    lines = [
        line
        for kind in ChargeKind
        for since, until in _spans(tx, kind, period, cards)
        if (line := _line(tx, kind, period, card=card_at(cards, since), since=since, until=until))
    ]
    currency = cards[0].currency if cards else None
    return Statement(tx.tenant_id, period, currency, tuple(lines))


def _spans(
    tx: TenantRead,
    kind: ChargeKind,
    period: str,
    cards: Sequence[RateCard],
) -> list[tuple[datetime, datetime]]:
    """Cut the time of a period's facts wherever a month begins or a rate card takes effect."""
    first = metering.earliest(tx, kind, period)
    if first is None:
        return []
    months = periods_between(period_of(first), period)
    end = bounds(period)[1]
    begin = bounds(months[0])[0]
    cuts = {bounds(month)[0] for month in months}
    cuts |= {card.effective_at for card in cards if begin < card.effective_at < end}
    ordered = [*sorted(cuts), end]
    return list(itertools.pairwise(ordered))


def _line(
    tx: TenantRead,
    kind: ChargeKind,
    period: str,
    *,
    card: RateCard | None,
    since: datetime,
    until: datetime,
) -> Line | None:
    """Return the line of `since <= occurred_at < until`; None if nothing was measured then."""
    reasons = metering.count_reasons(tx, kind, period, since=since, until=until)
    if not reasons:
        return None
    net = reasons.pop(None, 0)
    filtered = {reason: count for reason, count in reasons.items() if reason is not None}
    charged = metering.count_charges(tx, kind, period, since=since, until=until)
    if charged != (net if card else 0):
        raise InvariantBroken(
            f"{period}: {net} billable {kind}s from {since.isoformat()} on, {charged} charges",
            code="charges_differ",
        )
    price = None if card is None else price_of(card, kind)
    return Line(
        kind=kind,
        occurred_in=period_of(since),
        rate_card_version=None if card is None else card.version,
        unit_price_minor=None if price is None else f"{price.minor:f}",
        gross=net + sum(filtered.values()),
        filtered=dict(sorted(filtered.items())),
        net=net,
        amount_minor=0 if price is None else price.times(net),
        note=NO_RATE_CARD if card is None else None,
    )
