"""Says what a plan would do, before anybody commits to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sendopt.clock import zone_of
from sendopt.records import (
    CampaignId,
    Channel,
    Decision,
    EndReason,
    Plan,
    PlannedSend,
    Policy,
    SendState,
    UserId,
)
from sendopt.schedule.limits_report import LimitsReport


@dataclass(frozen=True, slots=True)
class Preview:
    """The counts of a plan. `people_count = planned_count + sum(suppressed)`.

    `expected_open_count` adds up the model's probabilities: it is a prediction from past
    behaviour, not a measured effect, and `expected_open_basis` says so wherever it is shown.
    """

    campaign_id: CampaignId
    people_count: int
    planned_count: int
    suppressed: dict[str, int]  # by reason
    unknown_users: tuple[UserId, ...]  # the first of those that are suppressed as `user_unknown`
    nobody_because: str | None  # why nobody gets a time, and what helps; None = somebody does
    by_local_hour: dict[int, int]  # 0..23 on each user's own clock
    by_utc_hour: dict[datetime, int]  # by the hour's start
    by_variant: dict[str, int]
    variant_evidence: str | None  # "too_little_data" to prefer one, or "preferred"; None = one
    by_arm: dict[str, int]  # of everybody, the suppressed too; empty = no experiment
    by_policy: dict[str, int]
    explored_count: int  # planned for another time than the best one, to learn
    abstained_count: int  # stay at the configured time, because no gain was proven
    bound_by: dict[str, int]  # what kept so many sends from their most likely time
    served_by: dict[str, int]  # whose word the times rest on: see `ServedBy`
    fallback_count: int  # at the configured time, because nothing was known to choose by
    fallback_share: float  # of planned_count; 0 where nothing is planned
    fallback_reasons: dict[str, int]  # why not the champion
    expected_open_count: float
    expected_open_basis: str = "predictive"
    limits: LimitsReport | None = None  # over all campaigns; None = nobody asked, or there are none


#: So many of the users that nobody knows are named.
_NAMED_USERS = 5

#: What helps where nobody can be reached, by the reason that suppresses a send.
_HELPS: Mapping[str, str] = {
    EndReason.NO_DEVICE: (
        "register devices on the channel, over POST /v1/devices or by `sendopt devices import` "
        "(docs/devices.md)"
    ),
    EndReason.USER_UNKNOWN: "check `audience` for ids that are misspelt, or of another system",
    EndReason.OPTED_OUT: "who has opted out is sent nothing until they opt in again",
    EndReason.TOPIC_UNWANTED: "who has switched off this `message_type` gets none of it",
    EndReason.SNOOZED: "who has snoozed gets nothing before then: let `send_window` end later",
    EndReason.NO_ALLOWED_SLOT: (
        "widen `send_window`, narrow `quiet_hours`, or name other `candidate_times`"
    ),
}


def preview(plan: Plan, channel: Channel) -> Preview:
    """Count what `plan` holds for a campaign on `channel`. Committing it sends exactly this."""
    rows = list(zip(plan.sends, plan.decisions, strict=True))
    planned = [row for row in rows if row[0].state is SendState.PLANNED]
    fallback_count = sum(decision.policy == Policy.FALLBACK for _, decision in planned)
    suppressed = _counted(str(send.reason) for send, _ in rows if send.reason is not None)
    return Preview(
        campaign_id=plan.campaign_id,
        people_count=len(rows),
        planned_count=len(planned),
        suppressed=suppressed,
        unknown_users=tuple(
            [send.user_id for send, _ in rows if send.reason == EndReason.USER_UNKNOWN][
                :_NAMED_USERS
            ]
        ),
        nobody_because=None if planned else _nobody_because(suppressed, channel),
        by_local_hour=_by_local_hour(planned),
        by_utc_hour=_by_utc_hour(planned),
        by_variant=_counted(str(send.variant_id) for send, _ in planned),
        variant_evidence=next((decision.variant_evidence for _, decision in rows), None),
        by_arm=_counted(str(send.arm) for send, _ in rows if send.arm is not None),
        by_policy=_counted(decision.policy for _, decision in planned),
        explored_count=sum(decision.explored is True for _, decision in planned),
        abstained_count=sum(decision.abstention_reason is not None for _, decision in planned),
        bound_by=_counted(
            decision.binding_constraint
            for _, decision in planned
            if decision.binding_constraint is not None
        ),
        served_by=_counted(
            str(decision.served_by) for _, decision in planned if decision.served_by is not None
        ),
        fallback_count=fallback_count,
        fallback_share=fallback_count / len(planned) if planned else 0.0,
        fallback_reasons=_counted(
            decision.fallback_reason
            for _, decision in planned
            if decision.fallback_reason is not None
        ),
        expected_open_count=sum(_chosen_probability(decision) for _, decision in planned),
    )


def _nobody_because(suppressed: Mapping[str, int], channel: Channel) -> str:
    """Say in a sentence why nobody gets a time, and what helps."""
    if not suppressed:
        first = _HELPS[EndReason.NO_DEVICE]
        return f"no user has a device on the channel {channel}: {first}, then plan again"
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in suppressed.items())
    helps = "; ".join(_HELPS[reason] for reason in suppressed if reason in _HELPS)
    return f"of the audience {reasons}, on the channel {channel}" + (f": {helps}" if helps else "")


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _by_local_hour(planned: Sequence[tuple[PlannedSend, Decision]]) -> dict[int, int]:
    hours = Counter(
        send.due_at.astimezone(zone_of(decision.timezone)).hour
        for send, decision in planned
        if send.due_at is not None
    )
    return {hour: hours[hour] for hour in range(24)}


def _by_utc_hour(planned: Sequence[tuple[PlannedSend, Decision]]) -> dict[datetime, int]:
    hours = Counter(
        send.due_at.replace(minute=0, second=0, microsecond=0)
        for send, _ in planned
        if send.due_at is not None
    )
    return dict(sorted(hours.items()))


def _chosen_probability(decision: Decision) -> float:
    slot = decision.chosen_slot
    return 0.0 if slot is None or slot.open_probability is None else slot.open_probability
