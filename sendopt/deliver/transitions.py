"""The transitions of a send: before an attempt, and after its outcome. First match wins."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from sendopt.deliver.allowed_times import UNLIMITED, Frequency, allowed_at, barred_by
from sendopt.deliver.retry import RetryPolicy
from sendopt.errors import InvariantBroken
from sendopt.records import (
    Accepted,
    DeadAddress,
    DueSend,
    Ended,
    EndReason,
    Exclusion,
    Moved,
    Permanent,
    Postponed,
    Receipt,
    Retry,
    SendState,
    SendTransition,
)


def before_attempt(
    send: DueSend, *, now: datetime, retry: RetryPolicy, frequency: Frequency = UNLIMITED
) -> SendTransition | None:
    """Return what keeps `send` from being handed over at `now`; None = nothing does.

    The plan was right when it was made; since then users opted out, devices died, clocks moved on.
    A send that may not go out now is moved to the first time at which it may.
    """
    expired = now >= send.expires_at
    if send.paused_at is not None and not send.cancelled and not expired:
        return Postponed(send.expires_at)  # or until it is resumed
    paused = send.put_off or (send.paused_at is not None and send.paused_at < send.expires_at)
    obstacles = (
        (send.cancelled, SendState.CANCELLED, EndReason.CAMPAIGN_CANCELLED),
        (send.opted_out, SendState.SUPPRESSED, EndReason.OPTED_OUT),
        (
            not send.preferences.wants(send.message_type),
            SendState.SUPPRESSED,
            EndReason.TOPIC_UNWANTED,
        ),
        (send.device is None, SendState.SUPPRESSED, EndReason.NO_DEVICE),
        (send.device_dead, SendState.SUPPRESSED, EndReason.DEVICE_DEAD),
        (send.variant is None or send.timezone is None, SendState.FAILED, EndReason.RECORD_MISSING),
        (_is_tried_out(send, retry), SendState.FAILED, EndReason.GAVE_UP),
        (expired and paused, SendState.EXPIRED, EndReason.CAMPAIGN_PAUSED),
        (expired, SendState.EXPIRED, EndReason.TOO_LATE),
    )
    for met, state, reason in obstacles:
        if met:
            return _ended(send, state, reason)
    # The store says when it is ready; its promise is when it is due.
    wanted = max(now, send.due_at)
    at = allowed_at(send, wanted, frequency)
    if at >= send.expires_at:
        return _forbidden(send, wanted, frequency)
    if at == wanted:
        return Postponed(at) if at > now else None
    return _moved(send, at, wanted, frequency)


def after_attempt(
    receipt: Receipt, *, now: datetime, retry: RetryPolicy, has_another_device: bool = False
) -> SendTransition:
    """Return what becomes of a send after one of its attempts.

    It is handed over at the instant at which the attempt began: its user may answer before we
    have heard that the provider accepted it. Where the device is gone and the user has another
    one on the channel, that one is tried at once.
    """
    attempt, outcome = receipt.attempt, receipt.outcome
    match outcome:
        case Accepted():
            return Ended(SendState.DELIVERED, EndReason.ACCEPTED, handed_over_at=attempt.started_at)
        case DeadAddress() if has_another_device:
            return Postponed(now)
        case DeadAddress(reason) | Permanent(reason):
            return Ended(SendState.FAILED, reason)
        case Retry():
            return _after_retry(attempt.send, outcome, now=now, retry=retry)
    assert_never(outcome)


def _after_retry(
    send: DueSend, outcome: Retry, *, now: datetime, retry: RetryPolicy
) -> SendTransition:
    if _is_tried_out(send, retry):
        return Ended(SendState.FAILED, EndReason.GAVE_UP)
    again_at = now + retry.delay(send.send_id, send.attempt_count, outcome)
    at = allowed_at(send, again_at)
    if at == again_at < send.expires_at:
        return Postponed(at)
    if at < send.expires_at:
        return _moved(send, at, again_at)
    if again_at < send.expires_at:
        return _forbidden(send, again_at)
    return _ended(send, SendState.EXPIRED, EndReason.NO_TIME_TO_RETRY)


def _is_tried_out(send: DueSend, retry: RetryPolicy) -> bool:
    """Tell whether it was tried as often as may be; what found a device gone was no fair try."""
    return send.attempt_count - send.gone_devices >= retry.max_attempts


def _moved(
    send: DueSend, at: datetime, wanted: datetime, frequency: Frequency = UNLIMITED
) -> Moved:
    by = barred_by(send, wanted, frequency)
    if by is None:
        raise InvariantBroken(f"{send.send_id} may go out, and would be moved")
    return Moved(at, by)


def _forbidden(send: DueSend, wanted: datetime, frequency: Frequency = UNLIMITED) -> Ended:
    """Return the end of a send that may not go out from `wanted` on before it expires."""
    snoozed_until = send.preferences.snoozed_until
    if snoozed_until is not None and snoozed_until >= send.expires_at:
        return _ended(send, SendState.SUPPRESSED, EndReason.SNOOZED)
    undisturbed_at = allowed_at(send, wanted)
    if undisturbed_at >= send.expires_at:
        by = barred_by(send, wanted, frequency)
        if by is Exclusion.LOCAL_WINDOW:
            return _ended(send, SendState.SUPPRESSED, EndReason.NO_ALLOWED_SLOT)
        if by is Exclusion.LEGAL_HOURS:
            return _ended(send, SendState.EXPIRED, EndReason.LEGAL_HOURS)
        return _ended(send, SendState.EXPIRED, EndReason.QUIET_HOURS)
    by = barred_by(send, undisturbed_at, frequency)
    budget = by is Exclusion.WEEKLY_BUDGET
    reason = EndReason.WEEKLY_BUDGET if budget else EndReason.FREQUENCY_CAP
    return _ended(send, SendState.SUPPRESSED, reason)


def _ended(send: DueSend, state: SendState, reason: EndReason) -> Ended:
    """Return the end of a send; whatever it is for, one that may have arrived ends as unknown.

    Unless it has failed: that says nothing about whether an earlier attempt arrived.
    """
    if send.abandoned and state is not SendState.FAILED:
        return Ended(SendState.EXPIRED, EndReason.OUTCOME_UNKNOWN)
    return Ended(state, reason)
