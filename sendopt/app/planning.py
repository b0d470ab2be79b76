"""From a campaign's definition to its plan: who, when they could, how likely, when they will."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sendopt import schedule, score
from sendopt.app.audience import audience_of
from sendopt.app.rule_hours import rule_hours
from sendopt.app.standing import bounds_of
from sendopt.app.stores import Stores
from sendopt.errors import Conflict
from sendopt.features import AsOfView, Target, recognised
from sendopt.learn import Registry, ServableModel
from sendopt.learn.registry import serving
from sendopt.log import Log, Reader
from sendopt.records import (
    Campaign,
    CampaignId,
    Plan,
    Policy,
    Score,
    ServedBy,
    TenantId,
    UserId,
    columns,
)
from sendopt.schedule import (
    Asked,
    AudienceMember,
    Forecast,
    LimitsReport,
    PastOutcomes,
    Scored,
    SharedGrid,
    all_alike,
    looks_at_others,
    shared_grids,
    unscored,
)
from sendopt.score.histogram import score_hours
from sendopt.state import (
    State,
    past_outcomes,
    plan_epoch,
)

_Written = TypeVar("_Written")

_BUDGET_PERIOD = timedelta(days=30)
_TRIES = 5  # to plan while nobody else does
_WORDING_MEMORY = timedelta(days=60)  # wordings wear out; what was answered long ago says little


@dataclass(frozen=True, eq=False)
class Planning:
    """What campaigns come to, and what that rests on.

    Attributes:
        campaigns: in the order in which they were given.
        plans: of each.
        report: what limits over all campaigns did; None = nobody asked, or nothing.
        epoch: the number of plans when it was looked at what stands; None = nobody looked.
    """

    campaigns: Sequence[Campaign]
    plans: Sequence[Plan]
    report: LimitsReport | None
    epoch: int | None


def until_alone(plan: Callable[[], Planning], write: Callable[[Planning], _Written]) -> _Written:
    """Plan and write what was planned, and plan again where another plan came in between.

    Raises:
        Conflict: `planned_meanwhile`, if that happens again and again.
    """
    for _ in range(_TRIES - 1):
        try:
            return write(plan())
        except Conflict as conflict:
            if conflict.code != "planned_meanwhile":
                raise
    return write(plan())


@dataclass(frozen=True)
class Planner:
    """Plans campaigns by what the stores hold. Writes nothing."""

    log: Log
    state: State
    registry: Registry
    limits: serving.Limits
    target: Target  # of the tenant's histogram; within its window a wording is answered
    seed: int

    def plan(
        self,
        campaigns: Sequence[Campaign],
        tenant_id: TenantId,
        *,
        now: datetime,
        revised: Collection[CampaignId] = (),
        is_explained: bool = False,
    ) -> Planning:
        """Choose a time for everybody in the audiences, or the reason for none.

        Whose word the times rest on: the champion's, else the last good model's, else the tenant's
        histogram, else nobody's, and then the configured time is taken. Every decision record says
        which, and why not the champion.

        Args:
            campaigns: planned together, under the tenant's limits over all campaigns.
            tenant_id: whose they are.
            now: nothing is planned before it.
            revised: those whose sends are planned anew.
            is_explained: whether to tell what limits cost.
        """
        asked = [self._asked(campaign, tenant_id, now=now) for campaign in campaigns]
        with self.state.read(tenant_id) as tx:
            epoch = plan_epoch.number(tx)
            bounds = bounds_of(tx, campaigns, revised=revised)
        together = schedule.plan_together(
            asked,
            tenant_id,
            bounds.limits,
            bounds.standing,
            seed=self.seed,
            is_explained=is_explained,
        )
        return Planning(
            campaigns,
            together.plans,
            together.report,
            epoch if looks_at_others(bounds.limits) else None,
        )

    def _asked(self, campaign: Campaign, tenant_id: TenantId, *, now: datetime) -> Asked:
        with self.log.reader(tenant_id) as reader:
            members, tenant_zone = audience_of(
                campaign, tenant_id, state=self.state, reader=reader, now=now
            )
            grids = shared_grids(campaign, members, now=now)
            forecast = self._forecast(
                campaign, tenant_id, members, grids, snapshot=reader.snapshot, now=now
            )
            is_silent = forecast.model_version is None and not campaign.at_once
            if is_silent or campaign.experiment is not None:
                forecast = self._with_rules(
                    campaign, members, grids, forecast, reader, tenant_zone=tenant_zone, now=now
                )
        return Asked(campaign, members, forecast, self._past_outcomes(campaign, tenant_id, now=now))

    def _forecast(
        self,
        campaign: Campaign,
        tenant_id: TenantId,
        members: Sequence[AudienceMember],
        grids: Sequence[SharedGrid],
        *,
        snapshot: int,
        now: datetime,
    ) -> Forecast:
        """Ask the champion, else the last good model, about every candidate time.

        The excluded ones are scored too: the record shows what a limit cost.
        """
        if campaign.at_once:
            nothing_said = [unscored(shared) for shared in grids]
            return Forecast(nothing_said, None, None, fallback_reason=None)
        decisions = _decisions(campaign, members, grids, now=now)

        def ask(model: ServableModel) -> pa.Table:
            if not decisions.num_rows:
                nothing = pa.array([], pa.float64())
                return pa.table({columns.OPEN_PROBABILITY: nothing, columns.LOGIT_SD: nothing})
            with self.log.reader(tenant_id, snapshot=snapshot) as reader:
                return score.score_candidates(model, AsOfView(reader, model.target), decisions)

        answer = serving.ask(
            self.registry, tenant_id, ask, rows=decisions.num_rows, limits=self.limits, now=now
        )
        return Forecast(
            [unscored(shared) for shared in grids]
            if answer.scores is None
            else _by_grid(grids, answer.scores),
            model_version=answer.model_version,
            log_snapshot=snapshot,
            fallback_reason=answer.reason,
            served_by=answer.step or ServedBy.CHAMPION,
        )

    def _with_rules(
        self,
        campaign: Campaign,
        members: Sequence[AudienceMember],
        grids: Sequence[SharedGrid],
        forecast: Forecast,
        reader: Reader,
        *,
        tenant_zone: str,
        now: datetime,
    ) -> Forecast:
        """Add what simple rules say: for the arms that go by them, and where no model speaks."""
        target = recognised(reader, self.target, until=now)
        rules = rule_hours(campaign, members, reader, target, tenant_zone=tenant_zone, now=now)
        forecast = replace(forecast, hours=rules)
        if forecast.model_version is not None:
            return forecast
        hours = score_hours(reader, target, as_of=now, timezone=tenant_zone)
        if hours is None:
            return forecast
        return replace(
            forecast,
            scored=[_by_hour(shared, hours) for shared in grids],
            served_by=ServedBy.TENANT_HISTOGRAM,
        )

    def _past_outcomes(
        self, campaign: Campaign, tenant_id: TenantId, *, now: datetime
    ) -> PastOutcomes:
        """Return who was explored with lately, and which wording was answered."""
        explores = campaign.exploration.policy != Policy.GREEDY and not campaign.urgent
        learns = campaign.learn_variants and len(campaign.variants) > 1
        if not explores and not learns:
            return PastOutcomes()
        explored_counts: dict[UserId, int] = {}
        belief = None
        with self.state.read(tenant_id) as tx:
            if explores:
                explored_counts = past_outcomes.explored_counts(
                    tx, since=now - _BUDGET_PERIOD, besides=campaign.campaign_id
                )
            if learns:
                answers = past_outcomes.variant_answers(
                    tx,
                    campaign.variants,
                    message_type=campaign.message_type,
                    since=now - _WORDING_MEMORY,
                    handed_over_by=now - self.target.open_window,
                )
                belief = schedule.learn_variants(
                    [variant.variant_id for variant in campaign.variants], answers
                )
        return PastOutcomes(explored_counts, belief)


def planner_of(stores: Stores) -> Planner:
    """Return the planner of a home."""
    settings = stores.settings
    return Planner(
        stores.log,
        stores.state,
        stores.registry,
        limits=stores.model_limits,
        target=Target(settings.open_window, clock_tolerance=settings.clock_tolerance),
        seed=settings.schedule.seed,
    )


def _decisions(
    campaign: Campaign,
    members: Sequence[AudienceMember],
    grids: Sequence[SharedGrid],
    *,
    now: datetime,
) -> pa.Table:
    """List every candidate time of everybody who is asked about; the decision's id is the user.

    By grid, then by member, then by time. What the state knows of members is told along: a device
    may have been registered before the log saw its user. A zone that nobody named is left out.
    """
    slots = [len(shared.grid.slots) for shared in grids]
    row = _joined([np.repeat(shared.rows, n) for shared, n in zip(grids, slots, strict=True)])
    candidate_at = _joined([np.tile(shared.grid.starts_us, len(shared.rows)) for shared in grids])
    zones = [m.timezone if m.timezone_source.is_of_user else None for m in members]
    platforms = [None if m.device is None else m.device.platform for m in members]
    user_ids = pa.array([member.user_id for member in members], pa.string()).take(pa.array(row))
    instant = pa.timestamp("us", tz="UTC")
    return pa.table(
        {
            columns.DECISION_ID: user_ids,
            columns.USER_ID: user_ids,
            columns.AS_OF: pa.repeat(pa.scalar(now, instant), len(row)),
            columns.CANDIDATE_AT: pa.array(candidate_at, pa.int64()).cast(instant),
            columns.TIMEZONE: pa.array(zones, pa.string()).take(pa.array(row)),
            columns.PLATFORM: pa.array(platforms, pa.string()).take(pa.array(row)),
            columns.MESSAGE_TYPE: pa.repeat(
                pa.scalar(campaign.message_type, pa.string()), len(row)
            ),
        }
    )


def _by_grid(grids: Sequence[SharedGrid], scores: pa.Table) -> list[Scored]:
    """Arrange scores, which stand in the order in which they were asked for, by grid."""
    probability, logit_sd = (
        scores[name].to_numpy() for name in (columns.OPEN_PROBABILITY, columns.LOGIT_SD)
    )
    found, begin = [], 0
    for shared in grids:
        shape = len(shared.rows), len(shared.grid.slots)
        some = slice(begin, begin := begin + shape[0] * shape[1])
        found.append(
            Scored(
                shared.rows,
                shared.grid,
                probability[some].reshape(shape),
                logit_sd[some].reshape(shape),
            )
        )
    return found


def _by_hour(shared: SharedGrid, hours: Sequence[Score]) -> Scored:
    """Give every candidate time the score of its hour on the user's clock."""
    known = [(score.open_probability, score.logit_sd) for score in hours]
    probability, logit_sd = np.array(known, np.float64)[shared.grid.hour].T
    return all_alike(shared, probability, logit_sd)


def _joined(arrays: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(arrays) if arrays else np.zeros(0, np.int64)
