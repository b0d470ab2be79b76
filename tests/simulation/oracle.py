"""What must be true at every moment of a day, said once more in plain Python.

It shares no code with the product and judges by facts: who asked for what, what was answered, what
stood at a provider's door. Where a request was never answered it grants both: that it was done and
that it was not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sendopt.records import Accepted, DeadAddress, Permanent, Retry
from simulation.facts import Facts, HandOver, Promise, Request
from simulation.script import Town
from simulation.service import LEASE, MAX_ATTEMPTS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SEND_ID_LENGTH = 34
_TAKEN = {"accepted", "repeated"}


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that is not as it must be."""

    rule: str
    explanation: str


def at_hand_over(new: HandOver, facts: Facts, town: Town) -> Iterator[Violation]:
    """Judge a message at a provider's door by what its dispatcher knew when it claimed the send."""
    message = new.message
    promise = facts.promises.get(new.key)
    if promise is None or promise.due_at is None or promise.expires_at is None:
        yield Violation("only_planned_sends_go_out", f"{message.send_id} was never planned")
        return
    definition = definition_of(facts, message.tenant_id, promise.campaign_id)
    yield from _in_time(new, promise, definition, town)
    if promise.user_id != message.user_id or message.device.user_id != message.user_id:
        yield Violation("message_reaches_its_user", f"{message.send_id} goes to somebody else")
    if _surely_opted_out(facts, new):
        yield Violation("nobody_is_sent_to_after_opting_out", f"{message.send_id}")
    for request in facts.asked("cancel_campaign", "cancel_send", tenant_id=message.tenant_id):
        is_meant = (
            request.args["send_id"] == message.send_id
            if request.kind == "cancel_send"
            else request.args["campaign_id"] == promise.campaign_id
        )
        if is_meant and request.done_before(new.claimed_as):
            yield Violation("cancelled_sends_stay_at_home", f"{message.send_id}")
    if _surely_dead(facts, new):
        yield Violation("dead_devices_are_left_alone", f"{message.send_id}")
    yield from _after_earlier_ones(new, facts)


def _in_time(
    new: HandOver, promise: Promise, definition: dict[str, Any], town: Town
) -> Iterator[Violation]:
    claimed_at, send_id = new.claimed_at, new.message.send_id
    window = definition["send_window"]
    due_at = instant(promise.due_at or 0)
    if claimed_at < due_at or claimed_at < parsed(window["earliest_at"]):
        yield Violation("nothing_goes_out_early", f"{send_id} at {claimed_at}")
    lives = timedelta(minutes=definition["time_to_live_minutes"])
    if claimed_at >= min(due_at + lives, parsed(window["latest_at"])):
        yield Violation("nothing_goes_out_late", f"{send_id} at {claimed_at}")
    zone = town.zone_of(new.message.tenant_id, new.message.user_id)
    if is_quiet(claimed_at, zone, definition["quiet_hours"]):
        yield Violation("nobody_is_woken", f"{send_id} at {claimed_at} in {zone}")


def _after_earlier_ones(new: HandOver, facts: Facts) -> Iterator[Violation]:
    send_id, earlier = new.message.send_id, facts.by_send[new.key]
    if len(earlier) >= MAX_ATTEMPTS:
        yield Violation(
            "attempts_are_counted", f"{send_id} is handed over {len(earlier) + 1} times"
        )
    for old in earlier:
        known = old.recorded_as is not None and old.recorded_as < new.claimed_as
        if known and isinstance(old.told, Accepted):
            yield Violation("accepted_once_is_enough", f"{send_id} was accepted at {old.at}")
        later = new.claimed_as > old.claimed_as
        if later and not known and new.held_from < old.held_from + LEASE:
            yield Violation("one_claim_at_a_time", f"{send_id} is in two hands at {new.at}")
        if not known or not is_kept(old):
            continue
        if refused_for_good(old, facts):
            yield Violation("refused_for_good_is_the_end", f"{send_id} was refused at {old.at}")
        asked_for = old.told.after if isinstance(old.told, Retry) else None
        is_early = asked_for and old.told_at and new.held_from < old.told_at + asked_for
        if is_early and new.steps == old.steps:
            yield Violation("retry_after_is_kept", f"{send_id} comes too soon at {new.at}")


def is_kept(old: HandOver) -> bool:
    """Tell whether its dispatcher still held the claim, whatever others did, when it wrote."""
    return old.recorded_at is not None and old.recorded_at < old.held_from + LEASE


def _surely_opted_out(facts: Facts, new: HandOver) -> bool:
    """Tell whether an opt-out that was acknowledged before the claim is the user's last word."""
    outs = list(_consents(facts, new, "opt_out"))
    ins = _consents(facts, new, "opt_in")
    return bool(outs) and max(outs) >= max(ins, default=max(outs))


def _consents(facts: Facts, new: HandOver, kind: str) -> Iterator[datetime]:
    """Yield when the user said so: opt-outs that must be known, opt-ins that may be."""
    tenant_id, user_id = new.message.tenant_id, new.message.user_id
    for request in facts.asked("post_events", tenant_id=tenant_id):
        known = request.done_before(new.claimed_as)
        for number, item in enumerate(request.args["items"]):
            if (item["user_id"], item["event_type"]) != (user_id, kind):
                continue
            if kind == "opt_out":
                counts = known and request.answer[number].verdict != "rejected"
            else:
                counts = request.begun_as < new.claimed_as
            if counts:
                yield parsed(item["occurred_at"])
    for request in facts.asked("report", tenant_id=tenant_id):
        said = (request.args["user_id"], request.args["told"])
        if said == (user_id, kind) and request.done_before(new.claimed_as):
            yield request.begun_at


def _surely_dead(facts: Facts, new: HandOver) -> bool:
    device_id, tenant_id = new.message.device.device_id, new.message.tenant_id
    for old in facts.hand_overs:
        if (old.message.tenant_id, old.message.device.device_id) != (tenant_id, device_id):
            continue
        if not isinstance(old.told, DeadAddress) or not is_kept(old):
            continue
        if old.recorded_as is None or old.recorded_as >= new.claimed_as:
            continue
        if refused_for_good(old, facts):
            return True
    return False


def refused_for_good(old: HandOver, facts: Facts) -> bool:
    """Tell whether a provider's answer ends a send: a device that came back is tried again.

    A user of this town has one.
    """
    if not isinstance(old.told, DeadAddress):
        return isinstance(old.told, Permanent)
    return not any(
        request.args["device_id"] == old.message.device.device_id
        and (request.answered_as is None or request.answered_as > old.claimed_as)
        for request in facts.asked("register", tenant_id=old.message.tenant_id)
    )


def at_answer(request: Request, facts: Facts) -> Iterator[Violation]:
    """Judge what a client was told."""
    if request.refusal in {"store_failure", "invariant_broken", "charges_differ", "log_ahead"}:
        yield Violation("requests_are_answered", f"{request.kind}: {request.refusal}")
    if not request.done:
        return
    if request.kind == "post_events":
        yield from _verdicts(request, facts)
    if request.kind == "report" and request.answer.send_id != request.args["send_id"]:
        yield Violation("answers_belong_to_their_send", f"{request.args['send_id']}")
    if request.kind == "close_period":
        key = (request.tenant_id, request.args["period"])
        first = facts.closed.setdefault(key, request.answer.document)
        if request.answer.document != first:
            yield Violation("closed_statements_never_change", f"{key}")


def _verdicts(request: Request, facts: Facts) -> Iterator[Violation]:
    """One id is one content, for ever: whoever was told "accepted" first has it."""
    taken = [
        (other, place, item)
        for other in facts.asked("post_events", tenant_id=request.tenant_id)
        if other.done
        for place, (item, told) in enumerate(zip(other.args["items"], other.answer, strict=True))
        if told.verdict in _TAKEN
    ]
    for other, _, item in taken:
        if other is request and is_ours(item["event_id"]):
            yield Violation("reserved_ids_are_ours", f"{request.tenant_id} {item['event_id']}")
    for other, place, item in taken:
        for known, earlier, first in taken:
            clash = first["event_id"] == item["event_id"] and first != item
            if other is request and clash and (known is not request or earlier < place):
                yield Violation("one_id_is_one_event", f"{request.tenant_id} {item['event_id']}")


def is_ours(event_id: str) -> bool:
    """Tell whether an id is one of those that the service gives to its own events."""
    send_id, colon, _ = event_id.partition(":")
    return bool(colon) and send_id.startswith("s_") and len(send_id) == _SEND_ID_LENGTH


def definition_of(facts: Facts, tenant_id: str, campaign_id: str) -> dict[str, Any]:
    return next(
        request.args["definition"]
        for request in facts.asked("put_campaign", tenant_id=tenant_id)
        if request.args["definition"]["campaign_id"] == campaign_id
    )


def is_quiet(at: datetime, zone: str, quiet: dict[str, str] | None) -> bool:
    if quiet is None:
        return False
    local = at.astimezone(ZoneInfo(zone)).time()
    start, end = time.fromisoformat(quiet["start"]), time.fromisoformat(quiet["end"])
    inside = start <= local < end
    return inside if start < end else local >= start or local < end


def instant(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def parsed(text: str) -> datetime:
    return datetime.fromisoformat(text)
