"""Whatever happens, in whatever order: each send is billed once, and the log confirms the bill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from examples import at_most
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.bill import charge_billable, close_period, find_closing, statement
from sendopt.bill.periods import GRACE, bounds
from sendopt.records import ChargeKind
from sendopt.state import ledger
from tests.bill.conftest import Shop

MONTHS = ("2026-10", "2026-11", "2026-12")
NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
WINDOW = timedelta(hours=24)
MICROSECOND = timedelta(microseconds=1)

#: Hand-overs close enough to the end of October for every edge to fall on either side of it.
HAND_OVERS = (
    NOVEMBER - WINDOW,
    NOVEMBER - WINDOW + MICROSECOND,
    NOVEMBER - timedelta(hours=3),
    NOVEMBER - timedelta(seconds=1),
    NOVEMBER - MICROSECOND,
    NOVEMBER,
)
#: Times after a hand-over, among them every edge of a rule.
EDGES = (
    timedelta(seconds=1) - MICROSECOND,
    timedelta(seconds=1),
    timedelta(seconds=1) + MICROSECOND,
    timedelta(hours=3),
    timedelta(hours=3) + MICROSECOND,
    WINDOW - MICROSECOND,
    WINDOW,
    WINDOW + MICROSECOND,
)
delays = st.sampled_from(EDGES) | st.integers(0, 26 * 3600 * 10**6).map(lambda us: us * MICROSECOND)


@dataclass(frozen=True)
class Click:
    send: int
    delay: timedelta
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Answer:
    send: int
    delay: timedelta


@dataclass(frozen=True)
class Meter:
    pass


@dataclass(frozen=True)
class Close:
    month: str


odd_headers = st.sampled_from(
    [(), (), (), (("Sec-Purpose", "prefetch"),), (("user-agent", "curl/8.4.0"),)]
)
sends = st.integers(0, 3)
clicks = st.builds(Click, sends, delays, odd_headers)
answers = st.builds(Answer, sends, delays)
actions = st.one_of(
    clicks, clicks, answers, st.builds(Meter), st.builds(Close, st.sampled_from(MONTHS[:2]))
)


@pytest.mark.parametrize(
    "_examples",
    [at_most(10), pytest.param(150, marks=[pytest.mark.slow, pytest.mark.timeout(900)])],
)
def test_any_history_adds_up(open_shop: Callable[[], Shop], _examples: int) -> None:
    @settings(max_examples=_examples, suppress_health_check=[HealthCheck.too_slow])
    @given(
        at=st.lists(st.sampled_from(HAND_OVERS), min_size=4, max_size=4),
        second_card_at=st.none() | st.sampled_from([NOVEMBER, NOVEMBER + timedelta(hours=1)]),
        prices=st.tuples(*[st.sampled_from(["0", "0.25", "0.5", "2.5", "7"])] * 4),
        history=st.lists(actions, min_size=4, max_size=25),
    )
    def check(
        at: list[datetime],
        second_card_at: datetime | None,
        prices: tuple[str, str, str, str],
        history: list[Click | Answer | Meter | Close],
    ) -> None:
        shop = open_shop()
        for number, instant in enumerate(at):
            shop.send(f"s{number}", instant)
        shop.price(NOVEMBER - timedelta(days=1), click=prices[0], response=prices[1])
        if second_card_at is not None:
            shop.price(second_card_at, click=prices[2], response=prices[3])
        play(shop, at, history)

    check()


def test_every_edge_adds_up(shop: Shop) -> None:
    """A click at each edge, a repeat whose clock is a microsecond late, and an answer."""
    cases = [(at, delay) for at in HAND_OVERS for delay in EDGES]
    at = [hand_over for hand_over, _ in cases]
    for number, instant in enumerate(at):
        shop.send(f"s{number}", instant)
    shop.price(NOVEMBER - timedelta(days=1), click="2.5", response="0.5")
    history: list[Click | Answer | Meter | Close] = []
    for number, (_, delay) in enumerate(cases):
        history += [Click(number, delay), Click(number, delay - MICROSECOND)]
        history.append(Answer(number, delay))
    play(shop, at, history)


def play(shop: Shop, at: list[datetime], history: list[Click | Answer | Meter | Close]) -> None:
    """Let `history` happen, then hold the statements to what the tracker answered."""
    measured: Counter[tuple[ChargeKind, str | None]] = Counter()
    frozen: dict[str, str] = {}
    for action in history:
        match action:
            case Click(send, delay, headers):
                redirect = shop.click(f"s{send}", at[send] + delay, **dict(headers))
                measured[ChargeKind.CLICK, redirect.filtered_reason] += 1
            case Answer(send, delay):
                verdict = shop.respond(f"s{send}", at[send] + delay)
                if not verdict.repeated:
                    measured[ChargeKind.RESPONSE, verdict.filtered_reason] += 1
            case Meter():
                charge_billable(shop.state, shop.tenant_id)
            case Close(month):
                now = bounds(month)[1] + GRACE
                frozen[month] = close_period(shop.state, shop.tenant_id, month, now=now).document
    charge_billable(shop.state, shop.tenant_id)
    check_statements(shop, measured)
    for month, document in frozen.items():
        closing = find_closing(shop.state, shop.tenant_id, month)
        assert closing is not None
        assert closing.document == document
    check_ledger(shop, list(frozen))


def check_statements(shop: Shop, measured: Counter[tuple[ChargeKind, str | None]]) -> None:
    """Every measured thing stands on exactly one line, and the log says the same."""
    stated: Counter[tuple[ChargeKind, str | None]] = Counter()
    months = [statement(shop.state, shop.tenant_id, month) for month in MONTHS]
    for line in (line for month in months for line in month.lines):
        assert line.gross == line.net + sum(line.filtered.values())
        assert 0 <= line.net <= line.gross
        stated[line.kind, None] += line.net
        for reason, count in line.filtered.items():
            stated[line.kind, reason] += count
    assert +stated == +measured
    assert shop.recompute_all(MONTHS) == months
    assert all(stated[kind, None] <= len(shop.links) for kind in ChargeKind)


def check_ledger(shop: Shop, closed: list[str]) -> None:
    """What is owed is what the closed statements say; every posting sums to zero."""
    for month in closed:
        with shop.state.read(shop.tenant_id) as tx:
            entries = ledger.entries(tx, month)
        sums: Counter[str] = Counter()
        for entry in entries:
            sums[entry.posting] += entry.amount_minor
        assert set(sums.values()) <= {0}
        owed = sum(entry.amount_minor for entry in entries if entry.account == "receivable")
        assert owed == statement(shop.state, shop.tenant_id, month).total_minor
