"""Whether and when a campaign reaches one user, or why not: in a code, figures and sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from sendopt.clock import zone_of
from sendopt.records import (
    Campaign,
    CampaignId,
    Decision,
    EndReason,
    PlannedSend,
    SendId,
    SendState,
    Slot,
    UserId,
)
from sendopt.schedule.audience import AudienceMember
from sendopt.schedule.candidates import candidate_slots
from sendopt.schedule.why import why_of


class ReachCode(StrEnum):
    """How it stands where no send has ended; one that has is told by its `EndReason`."""

    PLANNED = "planned"  # it has its time, or the time of its next attempt
    CAMPAIGN_PAUSED = "campaign_paused"  # it is planned, and waits for that to be resumed
    AT_HAND_OVER = "at_hand_over"  # a dispatcher works on it
    WOULD_BE_PLANNED = "would_be_planned"  # committing the campaign now gives it a time
    NOT_IN_AUDIENCE = "not_in_audience"  # the audience names others
    JOINED_LATER = "joined_later"  # in the audience, and not yet when it was committed
    CAMPAIGN_CANCELLED = "campaign_cancelled"  # nothing is planned any more


@dataclass(frozen=True, slots=True)
class Failure:
    """What became of the last attempt."""

    provider: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether and when a campaign reaches a user, or why not."""

    campaign_id: CampaignId
    user_id: UserId
    reaches: bool  # it did, or as far as anybody knows it will
    code: str  # a `ReachCode`, or an `EndReason`
    send_id: SendId | None = None  # None = no send is stored: this is what a commit would do
    at: datetime | None = None  # of the hand-over, the next attempt, or the planned time
    earliest_at: datetime | None = None  # of the times that a commit could choose among
    latest_at: datetime | None = None
    slot_count: int = 0  # candidate times
    excluded: Mapping[str, int] = field(default_factory=dict)  # of these, by what excludes them
    attempt_count: int = 0
    last_failure: Failure | None = None
    text: tuple[str, ...] = ()  # the same in sentences


def of_send(
    send: PlannedSend,
    decision: Decision,
    *,
    attempt_count: int,
    next_attempt_at: datetime | None,
    handed_over_at: datetime | None,
    last_failure: Failure | None,
    stopped_by: EndReason | None,
    paused: bool,
) -> Reach:
    """Tell what is stored of a send, and what will stop it.

    Args:
        send: as it is stored.
        decision: why it has its time.
        attempt_count: begun so far.
        next_attempt_at: None = there will be none.
        handed_over_at: when its provider accepted it; None = none did.
        last_failure: what became of the last attempt that failed.
        stopped_by: what its user has said since it was planned, by which it would be stopped at
            its hand-over if it were now; None = nothing.
        paused: whether its campaign is.
    """
    at = handed_over_at or next_attempt_at or send.due_at
    when = _on_the_clock(at, decision.timezone)
    reaches = send.state in {SendState.PLANNED, SendState.CLAIMED, SendState.DELIVERED}
    match send.state:
        case SendState.PLANNED if stopped_by is not None:
            code, reaches = str(stopped_by), False
            text = (
                f"It is planned for {when}, and will be stopped then ({code}): "
                f"{stopped_by.meaning}."
            )
        case SendState.PLANNED if paused:
            code, reaches = str(ReachCode.CAMPAIGN_PAUSED), False
            until = _on_the_clock(send.expires_at, decision.timezone)
            text = f"Its campaign is paused: it goes out if that is resumed before {until}."
        case SendState.PLANNED:
            code, text = str(ReachCode.PLANNED), f"It is planned for {when}."
        case SendState.CLAIMED:
            code = str(ReachCode.AT_HAND_OVER)
            text = f"It is being handed over on the channel {send.channel}."
        case SendState.DELIVERED:
            code = str(send.reason)
            text = f"It was handed over on the channel {send.channel} at {when}."
        case _:
            code = str(send.reason)
            text = f"It is {send.state} ({code}){_meaning(code)}."
    told = Reach(
        campaign_id=send.campaign_id,
        user_id=send.user_id,
        reaches=reaches,
        code=code,
        send_id=send.send_id,
        at=at,
        slot_count=len(decision.slots),
        excluded=_excluded(decision.slots),
        attempt_count=attempt_count,
        last_failure=last_failure,
    )
    about = (why_of(send, decision), *_about_attempts(told), *_about_slots(told))
    return replace(told, text=(text, *about))


def _about_attempts(told: Reach) -> tuple[str, ...]:
    failure = told.last_failure
    if failure is None:
        return ()
    count = told.attempt_count
    many = f"{count} attempt{'' if count == 1 else 's'}"
    last = f"the last, at {failure.at:%H:%M:%S} UTC, ended with {failure.reason}"
    return (f"{many}: {last} from {failure.provider}.",)


def without_send(
    campaign: Campaign,
    member: AudienceMember,
    *,
    committed: bool,
    cancelled: bool,
    now: datetime,
) -> Reach:
    """Tell what a commit at `now` would do for a user who has no send of the campaign.

    No model is asked: which of the allowed times it would be is chosen at the commit.
    """
    named = campaign.audience
    told = Reach(campaign.campaign_id, member.user_id, reaches=False, code="")
    if cancelled:
        text = "The campaign was cancelled: nothing of it is planned any more."
        return replace(told, code=ReachCode.CAMPAIGN_CANCELLED, text=(text,))
    if named is not None and member.user_id not in named:
        text = f"The audience names {len(named):,} users, and not this one."
        return replace(told, code=ReachCode.NOT_IN_AUDIENCE, text=(text,))
    if member.suppressed_by is not None:
        return _suppressed(told, member.suppressed_by)
    slots = candidate_slots(campaign, member, now=now)
    allowed = [slot.starts_at for slot in slots if slot.excluded_by is None]
    told = replace(told, slot_count=len(slots), excluded=_excluded(slots))
    if not allowed:
        return _suppressed(told, EndReason.NO_ALLOWED_SLOT)
    text = (
        f"A commit now would choose one of {len(allowed)} times for it, the first of them "
        f"{_on_the_clock(allowed[0], member.timezone)}."
    )
    first = "The user has joined the audience since the campaign was committed: commit it again."
    return replace(
        told,
        reaches=not committed,
        code=ReachCode.JOINED_LATER if committed else ReachCode.WOULD_BE_PLANNED,
        earliest_at=allowed[0],
        latest_at=allowed[-1],
        text=(*((first,) if committed else ()), text, *_about_slots(told)),
    )


def _suppressed(told: Reach, reason: EndReason) -> Reach:
    text = f"A commit now would suppress it ({reason}): {reason.meaning}."
    return replace(told, code=reason, text=(text, *_about_slots(told)))


def _excluded(slots: Sequence[Slot]) -> dict[str, int]:
    """Count the slots that are out of the question, by what excludes them."""
    return dict(Counter(str(slot.excluded_by) for slot in slots if slot.excluded_by is not None))


def _about_slots(told: Reach) -> tuple[str, ...]:
    if not told.excluded:
        return ()
    by = ", ".join(f"{count} by {reason}" for reason, count in told.excluded.items())
    count = sum(told.excluded.values())
    are = "is" if count == 1 else "are"
    return (f"Of {told.slot_count} candidate times {count} {are} out of the question: {by}.",)


def _meaning(code: str) -> str:
    """Return what the reason of an end means; those of other releases and providers say nothing."""
    return f": {EndReason(code).meaning}" if code in {*EndReason} else ""


def _on_the_clock(at: datetime | None, zone: str) -> str:
    if at is None:
        return "a time that nobody knows"
    local = at.astimezone(zone_of(zone))
    return f"{at:%Y-%m-%d %H:%M} UTC, {local:%H:%M} on the clock of {zone}"
