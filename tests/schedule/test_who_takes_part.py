"""What a plan must not depend on: people who take no part in it, and what a process remembers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import numpy as np
import pytest
from said import scored_as

from sendopt.records import (
    Campaign,
    CampaignId,
    Capacity,
    Channel,
    Device,
    DeviceId,
    Exploration,
    Plan,
    Policy,
    QuietHours,
    Score,
    SendingLimits,
    TenantId,
    UserId,
    Variant,
    VariantId,
    ZoneSource,
)
from sendopt.schedule import AudienceMember, Forecast, shared_grids
from sendopt.schedule.draft import Asked
from sendopt.schedule.plan import plan_together
from sendopt.schedule.standing import Standing

NOW = datetime(2026, 12, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
CAMPAIGN = Campaign(
    campaign_id=CampaignId("sale"),
    variants=(Variant(VariantId("a"), "Sale", "Half price"),),
    channel=Channel.SIMULATOR,
    earliest_at=NOW + 8 * HOUR,
    latest_at=NOW + 10 * HOUR,
    exploration=Exploration(Policy.EPSILON_GREEDY, 0.5),
)


def person(name: str, **changes: Any) -> AudienceMember:
    device = Device(DeviceId(name), UserId(name), Channel.SIMULATOR, {})
    member = AudienceMember(UserId(name), device, "UTC", ZoneSource.DEVICE)
    return replace(member, **changes)


def quiet_from(minute: int) -> QuietHours:
    return QuietHours(time(1, minute % 60), time(2 + minute // 60 % 20, minute % 59))


def likely(name: str) -> dict[datetime, Score]:
    random = np.random.default_rng([*name.encode()])
    return {NOW + hour * HOUR: Score(random.uniform(0.01, 0.3), 0.1) for hour in range(24)}


def planned(members: Sequence[AudienceMember], *, served: frozenset[UserId] = frozenset()) -> Plan:
    said = {member.user_id: likely(member.user_id) for member in members}
    forecast = Forecast(scored_as(CAMPAIGN, members, said, now=NOW), "3", 41, None)
    limits = SendingLimits(capacities=(Capacity(1),), least_gap=HOUR, message_cost=0.02)
    standing = Standing(served={0: served})
    asked = [Asked(CAMPAIGN, members, forecast)]
    return plan_together(asked, TenantId("shop"), limits, standing).plans[0]


def what_is_said_of(plan: Plan, names: set[UserId]) -> list[object]:
    rows = zip(plan.sends, plan.decisions, strict=True)
    return [(send, why) for send, why in rows if send.user_id in names]


@pytest.mark.parametrize("between", [10, 1_500])
def test_people_of_equal_limits_share_a_grid_whoever_stands_between_them(between: int) -> None:
    others = [person(f"m{number}", own_quiet_hours=quiet_from(number)) for number in range(between)]
    members = [person("a"), *others, person("z")]
    grid = next(shared for shared in shared_grids(CAMPAIGN, members, now=NOW) if 0 in shared.rows)
    assert grid.rows.tolist() == [0, len(members) - 1]


def test_a_snooze_that_is_over_gives_nobody_a_grid_of_their_own() -> None:
    over = [person(f"s{hour}", snoozed_until=NOW + hour * HOUR) for hour in (-30, -1, 3, 8)]
    grids = shared_grids(CAMPAIGN, [person("a"), *over, person("b")], now=NOW)
    assert [shared.rows.tolist() for shared in grids] == [[0, 1, 2, 3, 4, 5]]


def test_a_snooze_that_is_not_over_does() -> None:
    later = person("s", snoozed_until=NOW + 8 * HOUR + timedelta(minutes=1))
    assert len(shared_grids(CAMPAIGN, [person("a"), later], now=NOW)) == 2


def test_quiet_minutes_between_candidate_times_are_not_shared() -> None:
    noon = QuietHours(time(12, 15), time(12, 45))
    grids = shared_grids(CAMPAIGN, [person("a"), person("b", own_quiet_hours=noon)], now=NOW)
    assert len(grids) == 2


@pytest.mark.parametrize("minutes_off", [0, 30])
def test_who_has_a_send_already_takes_no_part_in_a_second_commit(minutes_off: int) -> None:
    """Their scores, zones and numbers change nothing of the plan for those who join."""
    joining = [person(f"new-{number:02}") for number in range(40)]
    zone = "UTC" if minutes_off == 0 else "Asia/Kolkata"
    served = [person(f"had-{number:03}", timezone=zone) for number in range(300)]
    names = {member.user_id for member in joining}
    alone = what_is_said_of(planned(joining), names)
    beside = planned([*served, *joining], served=frozenset(member.user_id for member in served))
    assert what_is_said_of(beside, names) == alone
