"""Results: what came of campaigns, and whether choosing the time was worth it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from sendopt import schedule
from sendopt.app.defaults import ANSWER_WINDOW, EFFECT
from sendopt.app.subject import Subject, needs
from sendopt.errors import InvalidInput, InvariantBroken
from sendopt.evaluate import lift
from sendopt.evaluate.arms import HoldoutTrial
from sendopt.evaluate.campaign_results import CampaignResults, campaign_results
from sendopt.evaluate.lift import Lift
from sendopt.evaluate.refusal import Refusal
from sendopt.records import Campaign, CampaignId, EventType, Holdout, Permission
from sendopt.state import campaigns
from sendopt.state import lift as sends
from sendopt.state import results as counts
from sendopt.state.lift import ArmedSends, ExperimentCampaign


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
    lift: Lift | None
    refusal: Refusal | None  # why there is no lift; exactly one of the two is given


class Results(Subject):
    """What came of what was sent."""

    @needs(Permission.RESULTS_READ)
    def of_campaign(self, campaign_id: CampaignId) -> CampaignResults:
        """Count what came of a campaign so far.

        Raises:
            NotFound: `campaign_unknown`.
        """
        with self._read() as tx:
            campaigns.get_campaign(tx, campaign_id)
            return campaign_results(counts.counted_sends(tx, campaign_id))

    @needs(Permission.RESULTS_READ)
    def lift(
        self,
        *,
        campaign_ids: Collection[CampaignId] = (),
        since: datetime | None = None,
        outcome: EventType = EventType.OPEN,
        window: timedelta = ANSWER_WINDOW,
        effect: float = EFFECT,
    ) -> LiftReport:
        """Compare users whose times were chosen with those who were held out at random.

        A campaign counts once its last possible answer is in, for both arms alike: else the arm
        that is sent to earlier would look better for a while.

        Args:
            campaign_ids: which; none named = all with a holdout.
            since: only sends planned from then on; None = all.
            outcome: what counts as an answer.
            window: within which it counts after the hand-over.
            effect: absolute difference of shares that the plan ahead is made for.

        Raises:
            InvalidInput: `effect_invalid`.
            NotFound: `campaign_unknown`.
        """
        if not 0.0 < effect < 1.0:
            raise InvalidInput(
                f"{effect:g} is no difference of shares",
                code="effect_invalid",
                field="effect",
                expected="a number above 0 and below 1, such as 0.01 for one point",
            )
        now = self._now()
        with self._read() as tx:
            for named in campaign_ids:
                campaigns.get_campaign(tx, named)
            found = sends.experiment_campaigns(tx, since=since)
            asked = [each for each in found if not campaign_ids or each.campaign_id in campaign_ids]
            chosen = _revisions(asked)
            holdouts = {
                name: holdout
                for name, revisions in chosen.items()
                if (holdout := _holdout(revisions)) is not None
            }
            closed = [
                name
                for name in holdouts
                if all(_is_closed(each, window, now) for each in chosen[name])
            ]
            shares = sorted({holdouts[name].share for name in closed})
            strata = [[name for name in closed if holdouts[name].share == each] for each in shares]
            trial = _trial(
                sends.armed_sends(tx, strata, outcome=outcome, window=window, since=since),
                np.array(shares),
            )
        told = lift.report(trial, effect=effect)
        return LiftReport(
            as_of=now,
            outcome=outcome,
            window_seconds=window // timedelta(seconds=1),
            campaigns=tuple(closed),
            waiting=tuple(name for name in holdouts if name not in closed),
            compared_with=tuple(sorted({holdouts[name].time for name in closed})),
            share_unknown=tuple(name for name in chosen if name not in holdouts),
            lift=told if isinstance(told, Lift) else None,
            refusal=told if isinstance(told, Refusal) else None,
        )


def _revisions(
    stored: Iterable[ExperimentCampaign],
) -> dict[CampaignId, list[Campaign | None]]:
    """Return the revisions of each campaign as they were accepted."""
    found: dict[CampaignId, list[Campaign | None]] = {}
    for each in stored:
        found.setdefault(each.campaign_id, []).append(_as_accepted(each))
    return found


def _holdout(revisions: Sequence[Campaign | None]) -> Holdout | None:
    """Return who was held out, which no revision changes; None if that cannot be told."""
    return None if None in revisions else next(each.holdout for each in revisions if each)


def _as_accepted(stored: ExperimentCampaign) -> Campaign | None:
    """Return a revision as it was accepted; None if this release cannot read it any more.

    It is told of among those whose share is unknown: one such campaign hides no other.
    """
    try:
        return schedule.as_accepted(stored.definition, stored.rules, at=stored.accepted_at)
    except (InvalidInput, InvariantBroken):
        return None


def _is_closed(campaign: Campaign | None, window: timedelta, now: datetime) -> bool:
    # No send goes out after its window, however late it is.
    return campaign is not None and campaign.latest_at + window <= now


def _trial(rows: Iterable[ArmedSends], shares: NDArray[np.float64]) -> HoldoutTrial:
    """Return the trial of all `rows`, whose strata held out these shares."""
    counted = np.fromiter(rows, [(name, np.int32) for name in ArmedSends._fields])
    past = counted["past_sent"].astype(np.float64)
    past[past == 0.0] = np.nan
    return HoldoutTrial(
        user=counted["user"].astype(np.intp),
        optimised=counted["optimised"] == 1,
        holdout_share=shares[counted["stratum"]],
        sent=counted["sent"].astype(np.float64),
        answered=counted["answered"].astype(np.float64),
        dismissed=counted["dismissed"].astype(np.float64),
        opted_out=counted["opted_out"].astype(np.float64),
        before=counted["past_answered"] / past,
    )
