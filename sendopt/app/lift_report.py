"""What each arm of holdouts and experiments did beside the others: gathered, and told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np

from sendopt import schedule
from sendopt.clock import as_utc
from sendopt.errors import InvalidInput, InvariantBroken
from sendopt.evaluate import arm_lift, lift
from sendopt.evaluate.arm_lift import ArmTrial, Comparison, Stratum
from sendopt.evaluate.lift import Lift
from sendopt.evaluate.refusal import Refusal
from sendopt.records import Arm, Campaign, CampaignId, EventType, HoldoutTime
from sendopt.state import lift as sends
from sendopt.state.lift import ArmedSends, ExperimentCampaign
from sendopt.state.transaction import TenantRead

_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class LiftReport:
    """What the optimisation was worth, pooled over campaigns, or why nobody can say."""

    as_of: datetime
    outcome: EventType
    window_seconds: int  # after the hand-over, within which an answer counts
    campaigns: tuple[CampaignId, ...]  # counted
    waiting: tuple[CampaignId, ...]  # whose last answer may still come
    compared_with: tuple[str, ...]  # when those held out were sent to: "configured", "random"
    share_unknown: tuple[CampaignId, ...]  # left out: nobody says any more how many were held out
    lift: Lift | None  # of all holdouts together
    refusal: Refusal | None  # why there is no lift; exactly one of the two is given
    last_full_week: date | None  # its Monday, UTC; None = no week is over and answered yet
    comparisons: tuple[Comparison, ...]  # every arm against every other


@dataclass(frozen=True)
class _Division:
    """How campaigns divided their users, which no revision changes."""

    shares: tuple[tuple[str, float], ...]  # by arm
    given: bool
    week: date | None = None  # theirs; None = it is not over, or its answers may still come


def lift_report(
    tx: TenantRead,
    campaign_ids: Collection[CampaignId],
    *,
    since: datetime | None,
    outcome: EventType,
    window: timedelta,
    effect: float,
    now: datetime,
) -> LiftReport:
    """Compare the arms of these campaigns, or of all (none named); see `Results.lift`."""
    found = sends.experiment_campaigns(tx, since=since)
    revisions = _revisions(
        each for each in found if not campaign_ids or each.campaign_id in campaign_ids
    )
    divided = {
        name: first
        for name, accepted in revisions.items()
        if (first := _divided(accepted)) is not None
    }
    closed = [
        name for name in divided if all(_is_closed(each, window, now) for each in revisions[name])
    ]
    strata = _strata(divided, closed, now=now)
    trial = _trial(
        sends.armed_sends(tx, list(strata.values()), outcome=outcome, window=window, since=since),
        [Stratum(dict(each.shares), each.given, each.week) for each in strata],
    )
    everything = np.ones(len(strata), np.bool_)
    told = lift.report(trial.two(Arm.OPTIMISED, Arm.HOLDOUT, among=everything), effect=effect)
    return LiftReport(
        as_of=now,
        outcome=outcome,
        window_seconds=window // timedelta(seconds=1),
        campaigns=tuple(closed),
        waiting=tuple(name for name in divided if name not in closed),
        compared_with=_times(divided[name] for name in closed),
        share_unknown=tuple(name for name in revisions if name not in divided),
        lift=told if isinstance(told, Lift) else None,
        refusal=told if isinstance(told, Refusal) else None,
        last_full_week=max((each.week for each in strata if each.week), default=None),
        comparisons=arm_lift.comparisons(
            trial, effect=effect, sent_nothing=frozenset({Arm.NO_SEND})
        ),
    )


def _revisions(
    stored: Iterable[ExperimentCampaign],
) -> dict[CampaignId, list[Campaign | None]]:
    """Return the revisions of each campaign as they were accepted."""
    found: dict[CampaignId, list[Campaign | None]] = {}
    for each in stored:
        found.setdefault(each.campaign_id, []).append(_as_accepted(each))
    return found


def _as_accepted(stored: ExperimentCampaign) -> Campaign | None:
    """Return a revision as it was accepted; None if this release cannot read it any more.

    It is told of among those whose share is unknown: one such campaign hides no other.
    """
    try:
        return schedule.as_accepted(stored.definition, stored.rules, at=stored.accepted_at)
    except (InvalidInput, InvariantBroken):
        return None


def _divided(revisions: Sequence[Campaign | None]) -> Campaign | None:
    """Return the first revision of a campaign that divides its users; None = nobody knows how."""
    known = [each for each in revisions if each is not None]
    if len(known) < len(revisions):
        return None
    first = known[0]
    return None if first.holdout is None and first.experiment is None else first


def _is_closed(campaign: Campaign | None, window: timedelta, now: datetime) -> bool:
    # No send goes out after its window, however late it is.
    return campaign is not None and campaign.latest_at + window <= now


def _strata(
    divided: Mapping[CampaignId, Campaign], closed: Collection[CampaignId], *, now: datetime
) -> dict[_Division, list[CampaignId]]:
    """Return which of the closed campaigns divide their users alike, by week.

    A campaign is of the week in which its first window opened, whenever each user got their
    message: so no arm has its sends in another week than the others. A week is told by itself once
    it is over and no campaign of it waits for answers.
    """
    opened = {name: _monday(campaign.earliest_at) for name, campaign in divided.items()}
    waiting = {opened[name] for name in divided if name not in closed}
    found: dict[_Division, list[CampaignId]] = {}
    for name in closed:
        monday = opened[name]
        is_full = monday not in waiting and monday + _WEEK <= as_utc(now).date()
        division = replace(_division(divided[name]), week=monday if is_full else None)
        found.setdefault(division, []).append(name)
    return found


def _division(campaign: Campaign) -> _Division:
    experiment = campaign.experiment
    if experiment is not None:
        shares = tuple((str(arm), experiment.shares[arm]) for arm in experiment.shares)
        return _Division(shares, given=experiment.assigned is not None)
    share = 0.0 if campaign.holdout is None else campaign.holdout.share
    shares = ((str(Arm.OPTIMISED), 1.0 - share), (str(Arm.HOLDOUT), share))
    return _Division(shares, given=False)


def _monday(instant: datetime) -> date:
    day = as_utc(instant).date()
    return day - timedelta(days=day.weekday())


def _times(campaigns: Iterable[Campaign]) -> tuple[HoldoutTime, ...]:
    return tuple(sorted({each.holdout.time for each in campaigns if each.holdout is not None}))


def _trial(rows: Iterable[ArmedSends], strata: Sequence[Stratum]) -> ArmTrial:
    counted = np.fromiter(rows, [(name, np.int32) for name in ArmedSends._fields])
    past = counted["past_sent"].astype(np.float64)
    past[past == 0.0] = np.nan
    sent, answered, dismissed, opted_out = (
        counted[name].astype(np.float64) for name in ("sent", "answered", "dismissed", "opted_out")
    )
    return ArmTrial(
        strata=strata,
        stratum=counted["stratum"].astype(np.intp),
        user=counted["user"].astype(np.intp),
        arm=counted["arm"].astype(np.intp),
        names=[str(arm) for arm in Arm],
        sent=sent,
        answered=answered,
        dismissed=dismissed,
        opted_out=opted_out,
        before=counted["past_answered"] / past,
    )
