"""Plan a campaign in columns, beside the oracle that plans one member after the other.

python benchmarks/planner.py [--users 100000] [--oracle 5000] [--rounds 3]

Both are given the same audience in six zones, 24 hours with quiet ones among them, scores drawn at
random, a holdout and a least confidence. Told are users a second, the median of the rounds, which
alternate. Neither scores nor stores are part of it: `benchmarks/cycle.py` times the command.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np

from sendopt.clock import monotonic
from sendopt.records import (
    Campaign,
    CampaignId,
    Channel,
    Device,
    DeviceId,
    Exploration,
    Holdout,
    Policy,
    QuietHours,
    Score,
    TenantId,
    UserId,
    Variant,
    VariantId,
    ZoneSource,
)
from sendopt.schedule import AudienceMember, Forecast, Scored, plan, shared_grids

sys.path.append(str(Path(__file__).parents[1] / "tests"))
oracle = import_module("schedule.oracle.plan")

_TENANT = TenantId("shop")
_ZONES = (
    *("Europe/Berlin", "America/New_York", "America/Sao_Paulo"),
    *("Asia/Tokyo", "Asia/Kolkata", "Australia/Sydney"),
)
_NOW = datetime(2026, 12, 1, tzinfo=UTC)
_DAY = timedelta(days=1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--oracle", type=int, default=5_000, help="users for the oracle")
    parser.add_argument("--rounds", type=int, default=3)
    wanted = parser.parse_args()
    rng = np.random.default_rng(1)
    members = [_member(number) for number in range(wanted.users)]
    print("| policy | columns, users/s | objects, users/s | columns / objects |")
    print("|---|---|---|---|")
    for policy in (Policy.GREEDY, Policy.EPSILON_GREEDY, Policy.THOMPSON):
        campaign = _campaign(policy)
        forecast = _forecast(campaign, members, rng)
        few = members[: wanted.oracle]
        of_few = _forecast(campaign, few, rng)
        in_columns = partial(_in_columns, campaign, members, forecast)
        as_objects = partial(_as_objects, campaign, few, of_few, _by_user(few, of_few))
        columns, objects = [], []
        for _ in range(wanted.rounds):
            columns.append(len(members) / _seconds(in_columns))
            objects.append(len(few) / _seconds(as_objects))
        ratio = statistics.median(a / b for a, b in zip(columns, objects, strict=True))
        print(
            f"| {policy} | {statistics.median(columns):,.0f} | {statistics.median(objects):,.0f} "
            f"| {ratio:.1f} |"
        )


def _in_columns(campaign: Campaign, members: list[AudienceMember], forecast: Forecast) -> None:
    shared_grids(campaign, members, now=_NOW)
    plan(campaign, _TENANT, members, forecast)


def _as_objects(
    campaign: Campaign,
    members: list[AudienceMember],
    forecast: Forecast,
    said: dict[UserId, dict[datetime, Score]],
) -> None:
    oracle.plan(campaign, _TENANT, members, forecast, scores=said, now=_NOW)


def _seconds(work: Callable[[], None]) -> float:
    begin = monotonic()
    work()
    return monotonic() - begin


def _member(number: int) -> AudienceMember:
    user_id = UserId(f"user-{number:07}")
    device = Device(DeviceId(f"device-{number}"), user_id, Channel.SIMULATOR, {})
    return AudienceMember(user_id, device, _ZONES[number % len(_ZONES)], ZoneSource.DEVICE)


def _campaign(policy: Policy) -> Campaign:
    return Campaign(
        campaign_id=CampaignId("sale"),
        variants=(Variant(VariantId("a"), "Sale", "Half price"),),
        channel=Channel.SIMULATOR,
        earliest_at=_NOW + _DAY,
        latest_at=_NOW + 2 * _DAY,
        quiet_hours=QuietHours(time(22), time(7)),
        exploration=Exploration(policy, 0.1, 0.2),
        holdout=Holdout(0.1),
        least_confidence=0.6,
    )


def _forecast(
    campaign: Campaign, members: list[AudienceMember], rng: np.random.Generator
) -> Forecast:
    scored = []
    for shared in shared_grids(campaign, members, now=_NOW):
        shape = len(shared.rows), len(shared.grid.slots)
        scored.append(
            Scored(shared.rows, shared.grid, rng.uniform(0.01, 0.5, shape), np.full(shape, 0.3))
        )
    return Forecast(scored, model_version="1", log_snapshot=1, fallback_reason=None)


def _by_user(
    members: list[AudienceMember], forecast: Forecast
) -> dict[UserId, dict[datetime, Score]]:
    return {
        members[row].user_id: {
            at: Score(probability, 0.3)
            for at, probability in zip(scored.grid.starts_at, its.tolist(), strict=True)
        }
        for scored in forecast.scored
        for row, its in zip(scored.rows.tolist(), scored.probability, strict=True)
    }


if __name__ == "__main__":
    main()
