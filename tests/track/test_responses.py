"""Answers, receipts and opt-outs, by credentials and by the token of a push."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sendopt.errors import Conflict, InvalidInput, NotFound
from sendopt.records import Event, EventType, ResponseKind, SendId, TenantId, UserId
from sendopt.state import State, outbox, tables, tables_billing, users
from sendopt.track import (
    LinkSigner,
    ResponseVerdict,
    record_by_token,
    record_report,
)

SHOP = TenantId("shop")
S1 = SendId("s1")
HANDED_OVER = datetime(2026, 10, 1, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
WINDOW = timedelta(hours=24)
HandOver = Callable[..., str]


def report(
    state: State, kind: str, at: datetime, *, send_id: str = "s1", now: datetime | None = None
) -> ResponseVerdict:
    body = {"kind": kind, "occurred_at": at.isoformat()}
    return record_report(state, SHOP, SendId(send_id), body, now=now or at)


def events(state: State) -> list[tuple[str, str]]:
    with state.read_fleet() as tx:
        rows = tx.execute(
            sa.select(tables.event_outbox.c.event_id, tables.event_outbox.c.event).order_by(
                tables.event_outbox.c.sequence
            )
        )
        return [(row.event_id, row.event["event_type"]) for row in rows]


def opted_out_at(state: State, user_id: str = "ann") -> datetime | None:
    with state.read_fleet() as tx:
        found: datetime | None = tx.scalar(
            sa.select(tables.app_user.c.opted_out_at).where(
                tables.app_user.c.tenant_id == "shop", tables.app_user.c.user_id == user_id
            )
        )
    return found


@pytest.mark.parametrize("kind", ["delivery", *ResponseKind])
def test_the_first_of_a_kind_stays_and_a_repeat_shows_it(
    state: State, hand_over: HandOver, kind: str
) -> None:
    hand_over(state, "s1", at=HANDED_OVER)
    first = report(state, kind, HANDED_OVER + MINUTE)
    again = report(state, kind, HANDED_OVER + 2 * MINUTE)
    assert (first.repeated, first.filtered_reason) == (False, None)
    assert (again.repeated, again.occurred_at) == (True, HANDED_OVER + MINUTE)
    assert events(state) == [("s1:send", "send"), (f"s1:{kind}", kind)]


def test_an_answer_counts_until_before_the_window_ends(state: State, hand_over: HandOver) -> None:
    for number, after in enumerate([timedelta(0), WINDOW - MICROSECOND, WINDOW]):
        hand_over(state, f"s{number}", at=HANDED_OVER)
        verdict = report(state, "response", HANDED_OVER + after, send_id=f"s{number}")
        assert verdict.filtered_reason == ("outside_window" if after == WINDOW else None)


def test_the_rate_card_at_the_hand_over_sets_the_window(state: State, hand_over: HandOver) -> None:
    hand_over(state, "s1", at=HANDED_OVER)
    hand_over(state, "s2", at=HANDED_OVER + MINUTE)
    with state.write_fleet() as tx:
        for version, (at, seconds) in enumerate(
            [(HANDED_OVER, 3600), (HANDED_OVER + MINUTE, 60)], start=1
        ):
            tx.execute(
                tables_billing.rate_card.insert().values(
                    tenant_id="shop",
                    version=version,
                    currency="EUR",
                    click_price_minor="1",
                    response_price_minor="1",
                    attribution_window_seconds=seconds,
                    effective_at=at,
                )
            )
    at = HANDED_OVER + 59 * MINUTE
    assert report(state, "response", at).filtered_reason is None
    assert report(state, "response", at, send_id="s2").filtered_reason == "outside_window"


def test_an_opt_out_takes_effect_with_its_record(state: State, hand_over: HandOver) -> None:
    hand_over(state, "s1", at=HANDED_OVER)
    report(state, "opt_out", HANDED_OVER + MINUTE)
    assert opted_out_at(state) == HANDED_OVER + MINUTE
    report(state, "opt_out", HANDED_OVER + 5 * MINUTE)
    assert opted_out_at(state) == HANDED_OVER + MINUTE


def test_an_opt_out_by_the_same_send_is_heard_again_after_an_opt_in(
    state: State, hand_over: HandOver
) -> None:
    hand_over(state, "s1", at=HANDED_OVER)
    report(state, "opt_out", HANDED_OVER + MINUTE)
    with state.write(SHOP) as tx:
        again = HANDED_OVER + 2 * MINUTE
        users.opt_in(tx, UserId("ann"), at=again, now=again)
    assert opted_out_at(state) is None
    # The first one, told once more, is still older than the opt-in.
    report(state, "opt_out", HANDED_OVER + MINUTE, now=HANDED_OVER + 3 * MINUTE)
    assert opted_out_at(state) is None

    heard = report(state, "opt_out", HANDED_OVER + 4 * MINUTE)

    assert heard.repeated
    assert opted_out_at(state) == HANDED_OVER + 4 * MINUTE


def test_an_opt_out_is_heard_whenever_it_comes(state: State, hand_over: HandOver) -> None:
    hand_over(state, "s1", user_id="ann", at=None)
    hand_over(state, "s2", user_id="bob", at=HANDED_OVER)
    hand_over(state, "s3", user_id="cat", at=HANDED_OVER)
    taken = Event("s3:opt_out", UserId("cat"), EventType.OPT_OUT, HANDED_OVER)
    with state.write(SHOP) as tx:
        outbox.record(tx, [taken], now=HANDED_OVER)
    times = {"s1": HANDED_OVER, "s2": HANDED_OVER - MINUTE, "s3": HANDED_OVER + 100 * WINDOW}
    reasons = [
        report(state, "opt_out", at, send_id=send_id).filtered_reason
        for send_id, at in times.items()
    ]
    assert reasons == ["not_handed_over", "not_handed_over", "outside_window"]
    assert None not in [opted_out_at(state, user) for user in ("ann", "bob", "cat")]


@pytest.mark.parametrize("kind", ["delivery", "open", "response", "dismissal"])
def test_nobody_answers_what_was_not_handed_over(
    state: State, hand_over: HandOver, kind: str
) -> None:
    hand_over(state, "s1", at=None)
    hand_over(state, "s2", at=HANDED_OVER)
    refusals = []
    for send_id, at in (("s1", HANDED_OVER), ("s2", HANDED_OVER - MICROSECOND)):
        with pytest.raises(Conflict) as refusal:
            report(state, kind, at, send_id=send_id)
        refusals.append(refusal.value.code)
    assert refusals == ["not_handed_over", "before_hand_over"]
    assert events(state) == [("s2:send", "send")]


def test_an_unknown_send_and_another_tenants_look_the_same(
    state: State, hand_over: HandOver
) -> None:
    hand_over(state, "theirs", tenant_id="bank", at=HANDED_OVER)
    answers = []
    for send_id in ("theirs", "nobodys"):
        with pytest.raises(NotFound) as refusal:
            report(state, "open", HANDED_OVER + MINUTE, send_id=send_id)
        answers.append((refusal.value.code, str(refusal.value)))
    assert answers == [("send_unknown", "there is no such send")] * 2


def test_the_future_cannot_be_reported(state: State, hand_over: HandOver) -> None:
    hand_over(state, "s1", at=HANDED_OVER)
    now = HANDED_OVER + MINUTE
    report(state, "open", now + 5 * MINUTE, now=now)
    with pytest.raises(InvalidInput) as refusal:
        report(state, "response", now + 5 * MINUTE + MICROSECOND, now=now)
    assert (refusal.value.code, refusal.value.field) == ("time_in_future", "/occurred_at")


def test_a_response_whose_event_id_is_taken_is_refused_whole(
    state: State, hand_over: HandOver
) -> None:
    hand_over(state, "s1", at=HANDED_OVER)
    taken = Event("s1:response", UserId("bob"), EventType.RESPONSE, HANDED_OVER, send_id=S1)
    with state.write(SHOP) as tx:
        outbox.record(tx, [taken], now=HANDED_OVER)
    with pytest.raises(Conflict) as refusal:
        report(state, "response", HANDED_OVER + MINUTE)
    assert refusal.value.code == "event_conflict"
    with state.read_fleet() as tx:
        assert tx.execute(sa.select(tables.response)).all() == []


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"kind": "click"}, "kind_unknown", "/kind"),
        ({"kind": "Open"}, "kind_unknown", "/kind"),
        ({"kind": 1}, "wrong_type", "/kind"),
        ({}, "missing_field", "/kind"),
        ([], "wrong_type", ""),
        ({"kind": "open", "billable": False}, "unknown_field", "/billable"),
        ({"kind": "open", "occurred_at": "2026-10-01T10:00:00"}, "time_invalid", "/occurred_at"),
        ({"kind": "open", "occurred_at": "2026-02-30T10:00:00Z"}, "time_invalid", "/occurred_at"),
        ({"kind": "open", "occurred_at": 1790845200}, "time_invalid", "/occurred_at"),
    ],
)
def test_bad_reports_name_their_field(
    state: State, hand_over: HandOver, body: Any, code: str, field: str
) -> None:
    hand_over(state, "s1", at=HANDED_OVER)
    with pytest.raises(InvalidInput) as refusal:
        record_report(state, SHOP, S1, body, now=HANDED_OVER + MINUTE)
    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert events(state) == [("s1:send", "send")]


def test_the_token_of_a_push_lets_its_device_report(state: State, hand_over: HandOver) -> None:
    signer = LinkSigner({"k1": bytes(32)}, "k1", "https://push.shop.example")
    token = signer.token(hand_over(state, "s1", at=HANDED_OVER))
    now = HANDED_OVER + MINUTE
    verdicts = [
        record_by_token(state, signer, token, kind, now=now) for kind in ("delivery", "open")
    ]
    assert [(verdict.tenant_id, verdict.send_id) for verdict in verdicts] == [("shop", "s1")] * 2
    for forged in (token[:-1], token.replace(".", ".x", 1), signer.token("unknown")):
        with pytest.raises(NotFound) as refusal:
            record_by_token(state, signer, forged, "open", now=now)
        assert refusal.value.code == "link_unknown"


def test_a_storm_of_the_same_response_records_one(state: State, hand_over: HandOver) -> None:
    hand_over(state, "s1", at=HANDED_OVER)

    def respond(second: int) -> ResponseVerdict:
        at = HANDED_OVER + timedelta(seconds=second)
        return report(state, "response", at, now=HANDED_OVER + MINUTE)

    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(respond, range(40)))
    assert sum(not verdict.repeated for verdict in verdicts) == 1
    assert len({verdict.occurred_at for verdict in verdicts}) == 1
    assert len(events(state)) == 2
