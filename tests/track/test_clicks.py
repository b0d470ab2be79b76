"""Following links against a real state, alone and all at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from sendopt.errors import NotFound
from sendopt.records import TenantId
from sendopt.state import State, outbox, tables
from sendopt.track import ClickRequest, LinkSigner, Redirect, follow_link

HANDED_OVER = datetime(2026, 10, 1, 9, tzinfo=UTC)
TAP = ClickRequest("GET", {"user-agent": "Mozilla/5.0 (Android 14; Mobile) Firefox/127.0"})
SECOND = timedelta(seconds=1)
HandOver = Callable[..., str]


@pytest.fixture
def signer() -> LinkSigner:
    return LinkSigner({"k1": bytes(range(32))}, "k1", "https://push.shop.example")


def follow(
    state: State,
    signer: LinkSigner,
    link_id: str,
    *,
    now: datetime,
    request: ClickRequest = TAP,
) -> Redirect:
    return follow_link(
        state, signer, signer.token(link_id), request, now=now, random_bytes=os.urandom
    )


def clicks(state: State) -> list[sa.Row[tuple[object, ...]]]:
    with state.read_fleet() as tx:
        return list(tx.execute(sa.select(tables.click).order_by(tables.click.c.occurred_at)))


def test_a_tap_leads_to_the_stored_destination_and_counts_once(
    state: State, signer: LinkSigner, hand_over: HandOver
) -> None:
    link = hand_over(state, "s1", at=HANDED_OVER, destination="https://shop.example/?a=1#b")
    first = follow(state, signer, link, now=HANDED_OVER + 30 * SECOND)
    again = follow(state, signer, link, now=HANDED_OVER + 31 * SECOND)
    assert first.location == again.location == "https://shop.example/?a=1#b"
    assert (first.tenant_id, first.counted, again.counted) == ("shop", True, False)
    assert again.filtered_reason == "duplicate"
    assert [row.click_id for row in clicks(state)] == [first.click_id, again.click_id]


def test_a_click_and_its_event_are_one(
    state: State, signer: LinkSigner, hand_over: HandOver
) -> None:
    link = hand_over(state, "s1", at=HANDED_OVER)
    followed = follow(state, signer, link, now=HANDED_OVER + SECOND)
    with state.write_fleet() as tx:
        outbox.assign_positions(tx, limit=10)
        events = [event for _, _, event in outbox.after(tx, 0, limit=10)]
    click = events[-1]
    assert (click.event_id, click.event_type) == (followed.click_id, "click")
    assert (click.user_id, click.send_id, click.channel) == ("ann", "s1", "simulator")
    assert click.occurred_at == HANDED_OVER + SECOND
    assert click.attributes["link_id"] == link
    assert click.attributes["counting_rules"] == 1
    assert click.attributes["crawler_list"].startswith("crawler-user-agents ")


def test_a_filtered_click_does_not_spend_the_one_that_counts(
    state: State, signer: LinkSigner, hand_over: HandOver
) -> None:
    link = hand_over(state, "s1", at=HANDED_OVER)
    prefetch = ClickRequest("GET", {**TAP.headers, "Sec-Purpose": "prefetch"})
    reasons = [
        follow(state, signer, link, now=HANDED_OVER + 2 * SECOND, request=prefetch),
        follow(state, signer, link, now=HANDED_OVER + 3 * SECOND),
    ]
    assert [redirect.filtered_reason for redirect in reasons] == ["prefetch", None]


def test_before_the_hand_over_is_known_the_user_is_led_on_but_nothing_counts(
    state: State, signer: LinkSigner, hand_over: HandOver
) -> None:
    link = hand_over(state, "s1", at=None)
    followed = follow(state, signer, link, now=HANDED_OVER)
    assert followed.location == "https://shop.example/sale"
    assert followed.filtered_reason == "not_handed_over"


def test_a_repeat_stays_behind_what_it_repeats_though_its_clock_is_late(
    state: State, signer: LinkSigner, hand_over: HandOver
) -> None:
    link = hand_over(state, "s1", at=HANDED_OVER)
    follow(state, signer, link, now=HANDED_OVER + 60 * SECOND)
    late = follow(state, signer, link, now=HANDED_OVER + 50 * SECOND)
    assert late.filtered_reason == "duplicate"
    counted, repeat = clicks(state)
    assert counted.filtered_reason is None
    assert repeat.occurred_at == counted.occurred_at + timedelta(microseconds=1)


def test_a_signed_link_that_is_not_stored_looks_like_any_other_unknown_one(
    state: State, signer: LinkSigner
) -> None:
    with pytest.raises(NotFound) as refusal:
        follow(state, signer, "never-stored", now=HANDED_OVER)
    assert (refusal.value.code, str(refusal.value)) == ("link_unknown", "this link leads nowhere")
    assert clicks(state) == []


def test_what_a_browser_calls_itself_is_kept_short_and_printable(
    state: State, signer: LinkSigner, hand_over: HandOver
) -> None:
    link = hand_over(state, "s1", at=HANDED_OVER)
    odd = ClickRequest("GET", {"user-agent": "Mozilla/5.0\x00\x1b[2J" + "x" * 10_000})
    follow(state, signer, link, now=HANDED_OVER + SECOND, request=odd)
    assert clicks(state)[0].user_agent == "Mozilla/5.0[2J" + "x" * 496


def test_many_taps_at_once_count_once(
    state: State, signer: LinkSigner, hand_over: HandOver
) -> None:
    links = [hand_over(state, f"s{number}", at=HANDED_OVER) for number in range(4)]
    now = HANDED_OVER + 10 * SECOND
    with ThreadPoolExecutor(8) as pool:
        followed = list(pool.map(lambda link: follow(state, signer, link, now=now), links * 16))
    assert sum(redirect.counted for redirect in followed) == len(links)
    assert len(clicks(state)) == 64
    with state.read_fleet() as tx:
        counted = tx.execute(
            sa.select(tables.click.c.send_id).where(tables.click.c.filtered_reason.is_(None))
        )
        assert sorted(counted.scalars()) == ["s0", "s1", "s2", "s3"]


def test_tenants_with_the_same_ids_do_not_meet(
    state: State, signer: LinkSigner, hand_over: HandOver
) -> None:
    shop = hand_over(state, "s1", at=HANDED_OVER, destination="https://shop.example/")
    bank = hand_over(
        state, "s1", tenant_id="bank", at=HANDED_OVER, destination="https://bank.example/"
    )
    now = HANDED_OVER + 10 * SECOND
    followed = [follow(state, signer, link, now=now) for link in (shop, bank)]
    assert [redirect.counted for redirect in followed] == [True, True]
    assert [redirect.location for redirect in followed] == [
        "https://shop.example/",
        "https://bank.example/",
    ]
    assert {row.tenant_id for row in clicks(state)} == {TenantId("shop"), TenantId("bank")}
