"""A shop with sends, links and a log."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from sendopt.app.appending import copy_outbox
from sendopt.bill import Statement, late_events, put_rate_card, recompute
from sendopt.log import Log
from sendopt.records import RateCard, SendId, TenantId
from sendopt.state import State, ledger
from sendopt.track import (
    ClickRequest,
    LinkSigner,
    Redirect,
    ResponseVerdict,
    follow_link,
    record_report,
)

_TAP = {"user-agent": "Mozilla/5.0 (Android 14; Mobile) Firefox/127.0"}
_SIGNER = LinkSigner({"k1": bytes(32)}, "k1", "https://push.shop.example")


@dataclass
class Shop:
    """One tenant whose users click and respond, through the same doors as in life."""

    state: State
    log: Log
    hand_over: Callable[..., str]
    tenant_id: TenantId
    links: dict[str, str] = field(default_factory=dict)
    click_numbers: Iterator[int] = field(default_factory=itertools.count)

    def send(self, send_id: str, at: datetime | None) -> None:
        self.links[send_id] = self.hand_over(self.state, send_id, tenant_id=self.tenant_id, at=at)

    def price(
        self,
        at: str | datetime,
        *,
        click: str = "2.5",
        response: str = "40",
        window: int = 86_400,
        currency: str = "EUR",
    ) -> RateCard:
        body = {
            "currency": currency,
            "click_price_minor": click,
            "response_price_minor": response,
            "attribution_window_seconds": window,
            "effective_at": at if isinstance(at, str) else at.isoformat(),
        }
        return put_rate_card(self.state, self.tenant_id, body)

    def click(self, send_id: str, now: datetime, **headers: str) -> Redirect:
        return follow_link(
            self.state,
            _SIGNER,
            _SIGNER.token(self.links[send_id]),
            ClickRequest("GET", {**_TAP, **headers}),
            now=now,
            random_bytes=lambda size: next(self.click_numbers).to_bytes(size, "big"),
        )

    def respond(
        self, send_id: str, at: datetime, *, now: datetime | None = None, kind: str = "response"
    ) -> ResponseVerdict:
        body = {"kind": kind, "occurred_at": at.isoformat()}
        return record_report(self.state, self.tenant_id, SendId(send_id), body, now=now or at)

    def recompute(self, period: str) -> Statement:
        return self.recompute_all([period])[0]

    def recompute_all(self, periods: Sequence[str]) -> list[Statement]:
        """Copy what waits, then compute from the log."""
        with self.log.appender() as appender:
            copy_outbox(self.state, appender, batch=10_000)
        with self.log.reader(self.tenant_id) as reader, self.state.read(self.tenant_id) as tx:
            cards = ledger.rate_cards(tx)
            late = late_events(tx)
            return [
                recompute(reader, self.tenant_id, cards, period, late=late) for period in periods
            ]


@pytest.fixture
def open_shop(state: State, empty_log: Log, hand_over: Callable[..., str]) -> Callable[[], Shop]:
    """Opens one shop after the other, each a tenant of its own, all with one state and log."""
    numbers = itertools.count(1)
    return lambda: Shop(state, empty_log, hand_over, TenantId(f"shop-{next(numbers)}"))


@pytest.fixture
def shop(open_shop: Callable[[], Shop]) -> Shop:
    return open_shop()
