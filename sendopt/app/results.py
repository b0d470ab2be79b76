"""Results: what came of campaigns, and whether choosing the time was worth it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sendopt.app.defaults import ANSWER_WINDOW, EFFECT
from sendopt.app.lift_report import LiftReport, lift_report
from sendopt.app.subject import Subject, needs
from sendopt.errors import InvalidInput
from sendopt.evaluate.campaign_results import CampaignResults, campaign_results
from sendopt.records import CampaignId, EventType, Permission
from sendopt.state import campaigns
from sendopt.state import results as counts


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
        """Compare users whose times were chosen with those who were held out, and arm with arm.

        A campaign counts once its last possible answer is in, for both arms alike: else the arm
        that is sent to earlier would look better for a while.

        Args:
            campaign_ids: which; none named = all with a holdout or an experiment.
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
            return lift_report(
                tx,
                campaign_ids,
                since=since,
                outcome=outcome,
                window=window,
                effect=effect,
                now=now,
            )
