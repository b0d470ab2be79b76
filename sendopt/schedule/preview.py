"""Says what a plan would do, before anybody commits to it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sendopt.clock import zone_of
from sendopt.records import (
    CampaignId,
    Channel,
    EndReason,
    Plan,
    PlanColumns,
    Policy,
    SendState,
    UserId,
    probability_at,
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


#: How many sends of which basis fall due when; None = never.
_Due = Mapping[tuple[datetime | None, int], int]

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
    columns = plan.columns()
    planned = [row for row, state in enumerate(columns.state) if state is SendState.PLANNED]
    of_basis = Counter(columns.basis[row] for row in planned)
    due = Counter((columns.due_at[row], columns.basis[row]) for row in planned)
    bases = [(columns.bases[number], count) for number, count in of_basis.items()]
    suppressed = _sorted(Counter(str(reason) for reason in columns.reason if reason is not None))
    fallback_count = sum(count for basis, count in bases if basis.policy == Policy.FALLBACK)
    return Preview(
        campaign_id=plan.campaign_id,
        people_count=len(columns),
        planned_count=len(planned),
        suppressed=suppressed,
        unknown_users=tuple(islice(_unknown(columns), _NAMED_USERS)),
        nobody_because=None if planned else _nobody_because(suppressed, channel),
        by_local_hour=_by_local_hour(columns, due),
        by_utc_hour=_by_utc_hour(due),
        by_variant=_sorted(Counter(str(columns.variant_id[row]) for row in planned)),
        variant_evidence=columns.bases[columns.basis[0]].variant_evidence if columns else None,
        by_arm=_sorted(Counter(str(arm) for arm in columns.arm if arm is not None)),
        by_policy=_summed((basis.policy, count) for basis, count in bases),
        explored_count=sum(columns.explored[row] is True for row in planned),
        abstained_count=sum(count for basis, count in bases if basis.abstention_reason is not None),
        bound_by=_summed((basis.binding_constraint, count) for basis, count in bases),
        served_by=_summed((basis.served_by, count) for basis, count in bases),
        fallback_count=fallback_count,
        fallback_share=fallback_count / len(planned) if planned else 0.0,
        fallback_reasons=_summed((basis.fallback_reason, count) for basis, count in bases),
        expected_open_count=sum(_chosen_probabilities(columns, planned)),
    )


def _unknown(columns: PlanColumns) -> Iterator[UserId]:
    return (
        user_id
        for user_id, reason in zip(columns.user_id, columns.reason, strict=True)
        if reason == EndReason.USER_UNKNOWN
    )


def _nobody_because(suppressed: Mapping[str, int], channel: Channel) -> str:
    """Say in a sentence why nobody gets a time, and what helps."""
    if not suppressed:
        first = _HELPS[EndReason.NO_DEVICE]
        return f"no user has a device on the channel {channel}: {first}, then plan again"
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in suppressed.items())
    helps = "; ".join(_HELPS[reason] for reason in suppressed if reason in _HELPS)
    return f"of the audience {reasons}, on the channel {channel}" + (f": {helps}" if helps else "")


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _summed(counts: Iterable[tuple[str | None, int]]) -> dict[str, int]:
    """Add up the counts of equal words, in their order; None counts for nothing."""
    found = Counter[str]()
    for word, count in counts:
        if word is not None:
            found[str(word)] += count
    return _sorted(found)


def _by_local_hour(columns: PlanColumns, due: _Due) -> dict[int, int]:
    hours = Counter[int]()
    for (at, basis), count in due.items():
        if at is not None:
            hours[at.astimezone(zone_of(columns.bases[basis].timezone)).hour] += count
    return {hour: hours[hour] for hour in range(24)}


def _by_utc_hour(due: _Due) -> dict[datetime, int]:
    hours = Counter[datetime]()
    for (at, _), count in due.items():
        if at is not None:
            hours[at.replace(minute=0, second=0, microsecond=0)] += count
    return dict(sorted(hours.items()))


def _chosen_probabilities(columns: PlanColumns, planned: Sequence[int]) -> Iterator[float]:
    """Yield how likely each is answered of which that is said."""
    places = dict[tuple[int, datetime], int]()
    for row in planned:
        scores, basis, at = columns.scores[row], columns.basis[row], columns.due_at[row]
        if scores is None or at is None:
            continue
        slots = columns.bases[basis].slots
        if (basis, at) not in places:
            places[basis, at] = bisect_right(slots, at, key=lambda slot: slot.starts_at) - 1
        place = places[basis, at]
        if place >= 0:
            yield probability_at(scores, place, slots=len(slots)) or 0.0
