"""Follow a signed link: keep the click, judge it, and send its user on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sendopt.records import (
    COUNTING_ATTRIBUTE,
    DEFAULT_ATTRIBUTION_WINDOW,
    Click,
    Event,
    EventType,
    TenantId,
)
from sendopt.state import State, TenantRead, engagement, ledger, outbox
from sendopt.state.engagement import AnsweredSend
from sendopt.track.links import LinkSigner, link_unknown
from sendopt.track.rules import CRAWLER_LIST, RULES_VERSION, ClickRequest, Hit, filtered_reason

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where to send the user, and how the click was counted."""

    tenant_id: TenantId
    location: str  # the destination stored when the message was sent, never one from the request
    click_id: str
    filtered_reason: str | None

    @property
    def counted(self) -> bool:
        """Whether this is the one click that is billed for its send."""
        return self.filtered_reason is None


def follow_link(
    state: State,
    signer: LinkSigner,
    token: str,
    request: ClickRequest,
    *,
    now: datetime,
    random_bytes: Callable[[int], bytes],
) -> Redirect:
    """Record one request for a link and return where it leads. Every request is kept.

    A request carries no key of its own by which a repeat could be told from a second tap, so
    each is one measured click; at most one of a send is ever counted.

    Raises:
        NotFound: `link_unknown`, for any token that was not signed here.
    """
    link_id = signer.open(token)
    with state.write_fleet() as tx:
        link = engagement.find_link(tx, link_id)
        if link is None:
            raise link_unknown()
        send = engagement.lock_send(tx.of(link.tenant_id), link.send_id)
        if send is None:
            raise link_unknown()
        counted_at = engagement.counted_click_at(tx.of(link.tenant_id), link.send_id)
        occurred_at = _after(counted_at, now)
        hit = Hit(
            request=request,
            occurred_at=occurred_at,
            handed_over_at=send.handed_over_at,
            attribution_window=attribution_window(tx.of(link.tenant_id), send),
            counted_before=counted_at is not None,
        )
        click = Click(
            click_id=new_click_id(occurred_at, random_bytes),
            send_id=link.send_id,
            link_id=link_id,
            occurred_at=occurred_at,
            user_agent=request.user_agent,
            filtered_reason=filtered_reason(hit),
        )
        engagement.add_click(tx.of(link.tenant_id), click)
        outbox.record(tx.of(link.tenant_id), [_event(click, send)], now=now)
    return Redirect(link.tenant_id, link.destination, click.click_id, click.filtered_reason)


def attribution_window(tx: TenantRead, send: AnsweredSend) -> timedelta:
    """Return how long after its hand-over answers to `send` count.

    The rate card in force at the hand-over decides, so that a new card changes nothing for
    messages that are already out.
    """
    if send.handed_over_at is None:
        return DEFAULT_ATTRIBUTION_WINDOW
    card = ledger.card_in_force(tx, send.handed_over_at)
    return DEFAULT_ATTRIBUTION_WINDOW if card is None else card.attribution_window


def _after(counted_at: datetime | None, now: datetime) -> datetime:
    """Keep a repeat behind the click it repeats, though another machine's clock be ahead."""
    return now if counted_at is None else max(now, counted_at + _MICROSECOND)


def new_click_id(occurred_at: datetime, random_bytes: Callable[[int], bytes]) -> str:
    """Ids grow with time, which keeps indexes compact; 80 random bits keep them apart."""
    return f"click-{int(occurred_at.timestamp() * 1000):012x}-{random_bytes(10).hex()}"


def _event(click: Click, send: AnsweredSend) -> Event:
    return Event(
        event_id=click.click_id,
        user_id=send.user_id,
        event_type=EventType.CLICK,
        occurred_at=click.occurred_at,
        send_id=click.send_id,
        campaign_id=send.campaign_id,
        variant_id=send.variant_id,
        channel=send.channel,
        attributes={
            "link_id": click.link_id,
            "filtered_reason": click.filtered_reason,
            COUNTING_ATTRIBUTE: RULES_VERSION,
            "crawler_list": CRAWLER_LIST,
        },
    )
