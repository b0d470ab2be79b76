"""Results: what came of campaigns, and whether choosing the time was worth it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import numpy as np

from sendopt.app.defaults import ANSWER_WINDOW, EFFECT
from sendopt.app.effects import (
    SendingEffect,
    parse_outcome_of_sending,
    sending_effect,
    share,
)
from sendopt.app.lift_report import LiftReport, lift_report
from sendopt.app.subject import Subject, needs
from sendopt.clock import EARLIEST_AT
from sendopt.errors import InvalidInput
from sendopt.evaluate.campaign_results import CampaignResults, campaign_results
from sendopt.features import AsOfView, Target, recognised
from sendopt.features.labels.came_by import came_by
from sendopt.learn.judging.hour_effects import HourEffects, hour_effects
from sendopt.records import CampaignId, EventType, Permission
from sendopt.state import campaigns
from sendopt.state import results as counts
from sendopt.state.kept_back import drawn_messages


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

    @needs(Permission.RESULTS_READ)
    def effect_of_hour(
        self,
        *,
        since: datetime = EARLIEST_AT,
        outcome: EventType = EventType.OPEN,
        window: timedelta | None = None,
    ) -> HourEffects:
        """Tell what each local hour does, from sends whose times were drawn at random.

        Args:
            since: only sends from then on.
            outcome: what counts as an answer.
            window: within which it counts; None = the open window of the settings.
        """
        settings = self._stores.settings
        target = Target(
            window or settings.open_window,
            outcome=outcome,
            clock_tolerance=settings.clock_tolerance,
        )
        now = self._now()
        with self._stores.log.reader(self._tenant_id) as reader:
            view = AsOfView(reader, recognised(reader, target, until=now))
            return hour_effects(view, since=since, until=now)

    @needs(Permission.RESULTS_READ)
    def effect_of_sending(
        self,
        *,
        since: datetime | None = None,
        outcome: EventType = EventType.SESSION,
        name: str | None = None,
        window: timedelta = ANSWER_WINDOW,
    ) -> SendingEffect:
        """Tell what sending does, from messages of which a share was kept back by chance.

        Args:
            since: only messages due from then on; None = all.
            outcome: what can follow a message, and happen without one.
            name: only events whose attribute `name` it is; None = all.
            window: from the time of the message on, kept back or not.

        Raises:
            InvalidInput: `outcome_needs_a_send`.
        """
        parse_outcome_of_sending(outcome, field="outcome")
        with self._read() as tx:
            messages = drawn_messages(tx, since=since, until=self._now() - window)
        with self._stores.log.reader(self._tenant_id) as reader:
            after, before = came_by(
                reader,
                [message.user_id for message in messages],
                [message.at for message in messages],
                event_type=outcome,
                name=name,
                window=window,
            )
        kept = np.array([message.kept_back for message in messages], np.bool_)
        effect, refusal = sending_effect(messages, after, before)
        return SendingEffect(
            outcome=outcome,
            name=name,
            window_seconds=window // timedelta(seconds=1),
            sent=int((~kept).sum()),
            kept_back=int(kept.sum()),
            users=len({message.user_id for message in messages}),
            after_sent=share(after, ~kept),
            after_kept_back=share(after, kept),
            effect=effect,
            refusal=refusal,
        )
