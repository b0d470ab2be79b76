"""Record what users answer and what devices acknowledge; the first of a kind stays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sendopt.clock import as_utc, too_far_ahead
from sendopt.errors import Conflict, InvalidInput, NotFound
from sendopt.records import (
    COUNTING_ATTRIBUTE,
    Consent,
    ConsentDoor,
    Event,
    EventType,
    Response,
    ResponseKind,
    SendId,
    TenantId,
)
from sendopt.state import (
    State,
    TenantRead,
    TenantWrite,
    consents,
    engagement,
    erasure_gate,
    outbox,
)
from sendopt.state.engagement import AnsweredSend
from sendopt.track.clicks import attribution_window
from sendopt.track.rules import RULES_VERSION


@dataclass(frozen=True, slots=True)
class ResponseVerdict:
    """What became of a report. A repeat is a success: it shows what was recorded first."""

    tenant_id: TenantId
    send_id: SendId
    kind: str  # a ResponseKind, or "delivery" for a receipt
    occurred_at: datetime
    repeated: bool
    filtered_reason: str | None  # None = it counts
    #: Of an opt-out: what of the report could not be read, and counts as not said.
    dropped_fields: tuple[InvalidInput, ...] = ()


def record_response(
    state: State,
    tenant_id: TenantId,
    send_id: SendId,
    kind: ResponseKind,
    *,
    occurred_at: datetime,
    now: datetime,
    door: ConsentDoor,
) -> ResponseVerdict:
    """Record a user's answer to a send; an opt-out takes effect in the same transaction.

    An answer outside the attribution window is kept, and does not count. An opt-out is never
    refused for coming too early, and heard again from the same send: whoever wants to be left alone
    is heard.

    Raises:
        NotFound: `send_unknown`.
        Conflict: `not_handed_over`, `before_hand_over`, `event_conflict`.
        InvalidInput: `time_in_future`, `time_invalid`.
    """
    answer = Response(send_id, kind, as_utc(occurred_at))
    with state.write(tenant_id) as tx:
        if kind is ResponseKind.OPT_OUT:
            erasure_gate.hold_open(tx)  # which comes before locks of rows
        send = _lock_send(tx, send_id, occurred_at=answer.occurred_at, now=now)
        if kind is ResponseKind.OPT_OUT:
            # Also where one is known: the user may have opted in since then.
            said = Consent(send.user_id, given=False, at=answer.occurred_at, channel=send.channel)
            consents.note(tx, [said], door=door, now=now)
        known = engagement.find_response(tx, send_id, kind)
        if known is not None:
            first, reason = known
            return _verdict(tenant_id, first, reason, repeated=True)
        if kind is not ResponseKind.OPT_OUT:
            _require_hand_over(send, answer.occurred_at)
        reason = _filtered_reason(tx, send, answer.occurred_at)
        engagement.add_response(tx, answer, filtered_reason=reason)
        event = _event(send, send_id, EventType(kind), answer.occurred_at)
        recorded = outbox.record(tx, [event], now=now)[0]
        taken = recorded.verdict is outbox.RecordVerdict.CONFLICT
        if taken and kind is not ResponseKind.OPT_OUT:
            raise Conflict(
                f"an event {event.event_id} with other content came in before",
                code="event_conflict",
                hint="leave event ids that begin with a send id to the service",
            )
    return _verdict(tenant_id, answer, reason, repeated=False)


def record_receipt(
    state: State, tenant_id: TenantId, send_id: SendId, *, occurred_at: datetime, now: datetime
) -> ResponseVerdict:
    """Record that a device received a message. Receipts are never billed.

    Raises:
        NotFound: `send_unknown`.
        Conflict: `not_handed_over`, `before_hand_over`.
        InvalidInput: `time_in_future`, `time_invalid`.
    """
    with state.write(tenant_id) as tx:
        send = _lock_send(tx, send_id, occurred_at=as_utc(occurred_at), now=now)
        _require_hand_over(send, as_utc(occurred_at))
        event = _event(send, send_id, EventType.DELIVERY, as_utc(occurred_at))
        recorded = outbox.record(tx, [event], now=now)[0]
    return ResponseVerdict(
        tenant_id,
        send_id,
        EventType.DELIVERY,
        (recorded.first or event).occurred_at,
        repeated=recorded.verdict is not outbox.RecordVerdict.RECORDED,
        filtered_reason=None,
    )


def _lock_send(
    tx: TenantWrite, send_id: SendId, *, occurred_at: datetime, now: datetime
) -> AnsweredSend:
    if (ahead := too_far_ahead(occurred_at, now=now, field="/occurred_at")) is not None:
        raise ahead
    send = engagement.lock_send(tx, send_id)
    if send is None:
        raise NotFound("there is no such send", code="send_unknown")
    return send


def _require_hand_over(send: AnsweredSend, occurred_at: datetime) -> None:
    """Refuse an answer to what nobody can have seen yet."""
    if send.handed_over_at is None:
        raise Conflict(
            "this send has not been handed over, so nobody can have answered it",
            code="not_handed_over",
        )
    if occurred_at < send.handed_over_at:
        raise Conflict(
            "this send had not been handed over at that time",
            code="before_hand_over",
            field="/occurred_at",
            expected=f"not before {send.handed_over_at.isoformat()}",
            hint="leave the time out if the device's clock cannot be trusted",
        )


def _filtered_reason(tx: TenantRead, send: AnsweredSend, occurred_at: datetime) -> str | None:
    """Answers come with credentials, not from strangers: only their time can refuse them."""
    if send.handed_over_at is None or occurred_at < send.handed_over_at:
        return "not_handed_over"
    window = attribution_window(tx, send)
    return "outside_window" if occurred_at >= send.handed_over_at + window else None


def _event(
    send: AnsweredSend, send_id: SendId, event_type: EventType, occurred_at: datetime
) -> Event:
    return Event(
        event_id=f"{send_id}:{event_type}",
        user_id=send.user_id,
        event_type=event_type,
        occurred_at=occurred_at,
        send_id=send_id,
        campaign_id=send.campaign_id,
        variant_id=send.variant_id,
        channel=send.channel,
        attributes={COUNTING_ATTRIBUTE: RULES_VERSION},
    )


def _verdict(
    tenant_id: TenantId, answer: Response, reason: str | None, *, repeated: bool
) -> ResponseVerdict:
    return ResponseVerdict(
        tenant_id, answer.send_id, answer.kind, answer.occurred_at, repeated, reason
    )
