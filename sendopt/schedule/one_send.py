"""Plans one send that was asked for: the same rules as for an audience, for a user alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sendopt.clock import zone_of
from sendopt.records import (
    Campaign,
    Decision,
    FallbackReason,
    PlannedSend,
    SendId,
    SendRequest,
    TenantId,
    ZoneSource,
)
from sendopt.schedule.audience import AudienceMember
from sendopt.schedule.draft import Asked
from sendopt.schedule.forecast import Forecast, PastOutcomes
from sendopt.schedule.identity import requested_send_ids
from sendopt.schedule.plan import plan_together
from sendopt.schedule.refusals import no_time_left
from sendopt.schedule.scored import Scored, all_alike, unscored
from sendopt.schedule.send_request import parse_send_request
from sendopt.schedule.slot_grid import SharedGrid, shared_grids
from sendopt.schedule.standing import Bounds


@dataclass(frozen=True)
class WeekForecast:
    """What a model thinks of a user's week, or why none does.

    Attributes:
        logits: by hour of the week, Monday 0:00 first; None = nothing is known.
        timezone: on whose clocks these hours are, where nothing names the user's zone.
        model_version: None = no model spoke.
        log_snapshot: the log as that model saw it.
        fallback_reason: why no model spoke; None = one did.
    """

    logits: NDArray[np.float32] | None
    timezone: str
    model_version: str | None
    log_snapshot: int | None
    fallback_reason: FallbackReason | None


@dataclass(frozen=True, slots=True)
class AskedSend:
    """A request that could be read, and the only id that its send can have."""

    tenant_id: TenantId
    send_id: SendId
    request: SendRequest
    body: Any  # parsed JSON, as it was given


def read_asked(body: Any, tenant_id: TenantId) -> AskedSend:
    """Read a request from parsed JSON.

    Raises:
        InvalidInput: as `parse_send_request`.
    """
    request = parse_send_request(body)
    (send_id,) = requested_send_ids(tenant_id, request.campaign_id, [request.send_key])
    return AskedSend(tenant_id, send_id, request, body)


def plan_one(
    asked: AskedSend,
    campaign: Campaign,
    member: AudienceMember,
    week: WeekForecast,
    past_outcomes: PastOutcomes,
    *,
    bounds: Bounds,
    seed: int,
    now: datetime,
) -> tuple[PlannedSend, Decision]:
    """Choose a time in the window of `campaign`, or give the reason why the user gets none.

    Args:
        asked: what for.
        campaign: as it holds for this send alone, see `within_window`.
        member: the user.
        week: how likely the user is to answer when.
        past_outcomes: as of `plan_together`.
        bounds: by which the user gets no more than may be. How many fall due in a minute is not
            looked at: one send more is no crowd, and who asks for it cannot wait.
        seed: of every chance.
        now: nothing is planned before it.

    Raises:
        InvalidInput: `no_feasible_slot`, naming the rule that left no time.
    """
    request = asked.request
    if request.ignores_quiet_hours:
        member = replace(member, own_quiet_hours=None)
    grids = shared_grids(campaign, [member], now=now)
    for shared in grids:
        if not len(shared.grid.allowed):
            raise no_time_left(shared.grid.slots, campaign, timezone=member.timezone)
    forecast = _forecast(campaign, member, week, grids)
    (made,) = plan_together(
        [Asked(campaign, [member], forecast, past_outcomes, [asked.send_id])],
        asked.tenant_id,
        replace(bounds.limits, capacities=()),
        bounds.standing,
        seed=seed,
    ).plans
    send = replace(
        made.sends[0],
        send_key=request.send_key,
        ignores_quiet_hours=request.ignores_quiet_hours,
    )
    return send, made.decisions[0]


def _forecast(
    campaign: Campaign, member: AudienceMember, week: WeekForecast, grids: list[SharedGrid]
) -> Forecast:
    if campaign.at_once:
        return Forecast([unscored(shared) for shared in grids], None, None, fallback_reason=None)
    timezone = week.timezone if member.timezone_source is ZoneSource.TENANT else member.timezone
    return Forecast(
        [_scored(shared, week.logits, timezone) for shared in grids],
        model_version=week.model_version,
        log_snapshot=week.log_snapshot,
        fallback_reason=week.fallback_reason,
    )


def _scored(shared: SharedGrid, logits: NDArray[np.float32] | None, timezone: str) -> Scored:
    """Give every candidate time what the week says of its hour."""
    if logits is None:
        return unscored(shared)
    zone = zone_of(timezone)
    local = [at.astimezone(zone) for at in shared.grid.starts_at]
    logit = logits[[at.weekday() * 24 + at.hour for at in local]].astype(np.float64)
    return all_alike(shared, 1.0 / (1.0 + np.exp(-logit)), np.full(len(local), np.nan))
