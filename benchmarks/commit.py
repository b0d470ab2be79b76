"""Plan a campaign and commit it into a new SQLite state: how fast, and what each send takes there.

python benchmarks/commit.py [--users 200000] [--hours 24] [--policy greedy] [--rounds 3]
    [--before CHECKOUT]

A tenant's users in six zones, as many candidate hours as told, quiet ones among them, and scores
drawn at random for all of them. Told are sends a second of CPU and of the clock, the median of the
rounds, and bytes by table and index out of SQLite's own count of pages (dbstat). With `--before`
another checkout of this repository is measured too, by turns with this one: each round is a process
of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

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
    TenantId,
    UserId,
    Variant,
    VariantId,
    ZoneSource,
)
from sendopt.schedule import AudienceMember, Forecast, Scored, plan, shared_grids
from sendopt.state import State, campaigns, migrate, plans

_TENANT = TenantId("default")
_ZONES = (
    *("Europe/Berlin", "America/New_York", "America/Sao_Paulo"),
    *("Asia/Tokyo", "Asia/Kolkata", "Australia/Sydney"),
)
_NOW = datetime(2026, 12, 1, tzinfo=UTC)
_HERE = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--hours", type=int, default=24, help="candidate hours of each user")
    parser.add_argument("--policy", type=Policy, default=Policy.GREEDY)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--before", type=Path, help="a checkout to be measured as well")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(_measured(given.users, given.hours, given.policy)))
        return
    sides = {"now": _HERE} | ({"before": given.before.resolve()} if given.before else {})
    rounds: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for _ in range(given.rounds):
        for side, checkout in sides.items():
            rounds[side].append(_one_round(checkout, given))
    print(f"{given.users:,} users, {given.hours} hours, {given.policy}\n")
    print("| side, sends/s of | planned | committed | both | bytes a send |")
    print("|---|---|---|---|---|")
    for side, measured in rounds.items():
        size = sum(measured[-1]["bytes"].values()) / given.users
        for clock in ("cpu", "clock"):
            steps = [each[clock] for each in measured]
            took = [[step[0] for step in steps], [step[1] for step in steps], [*map(sum, steps)]]
            rates = [f"{given.users / statistics.median(each):,.0f}" for each in took]
            print(f"| {side}, {clock} | {' | '.join(rates)} | {size:,.1f} |")
    print(f"\n| table or index | {' | '.join(f'{side}, bytes a send' for side in sides)} |")
    print("|---|" + "---|" * len(sides))
    sizes = [measured[-1]["bytes"] for measured in rounds.values()]
    for name in sorted({name for size in sizes for name in size}):
        cells = [size.get(name, 0) / given.users for size in sizes]
        if max(cells) >= 0.1:
            print(f"| {name} | {' | '.join(f'{cell:.1f}' for cell in cells)} |")


def _one_round(checkout: Path, given: argparse.Namespace) -> dict[str, Any]:
    arguments = ["--users", given.users, "--hours", given.hours, "--policy", given.policy, "--one"]
    done = subprocess.run(
        [sys.executable, __file__, *map(str, arguments)],
        check=True,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(checkout)},
    )
    return dict(json.loads(done.stdout))


def _measured(users: int, hours: int, policy: Policy) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    members = [_member(number) for number in range(users)]
    campaign = _campaign(hours, policy)
    forecast = _forecast(campaign, members, rng)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state.sqlite"
        with closing(State(f"sqlite:///{file}")) as state:
            migrate(state)
            with state.write(_TENANT) as tx:
                campaigns.put_campaign(tx, campaign, {"campaign_id": "sale"}, rules={}, now=_NOW)
            empty = _bytes(state)
            began = _clocks()
            shared_grids(campaign, members, now=_NOW)
            planned = plan(campaign, _TENANT, members, forecast)
            between = _clocks()
            with state.write(_TENANT) as tx:
                report = plans.commit(tx, planned, now=_NOW)
            ended = _clocks()
            assert report.planned_count == users
            size = {name: count - empty.get(name, 0) for name, count in _bytes(state).items()}
    steps = [
        [(after - before) for before, after in ((began[at], between[at]), (between[at], ended[at]))]
        for at in range(2)
    ]
    return {"cpu": steps[0], "clock": steps[1], "bytes": size}


def _clocks() -> tuple[float, float]:
    return time.process_time(), monotonic()


def _bytes(state: State) -> dict[str, int]:
    """Return what each table and index takes."""
    with state.read_fleet() as tx:
        rows = tx.connection.exec_driver_sql("SELECT name, sum(pgsize) FROM dbstat GROUP BY name")
        return {name: int(size) for name, size in rows}


def _member(number: int) -> AudienceMember:
    user_id = UserId(f"user-{number:07}")
    device = Device(DeviceId(f"device-{number:07}"), user_id, Channel.SIMULATOR, {})
    return AudienceMember(user_id, device, _ZONES[number % len(_ZONES)], ZoneSource.DEVICE)


def _campaign(hours: int, policy: Policy) -> Campaign:
    return Campaign(
        campaign_id=CampaignId("autumn-sale"),
        variants=(Variant(VariantId("a"), "Sale", "Half price"),),
        channel=Channel.SIMULATOR,
        earliest_at=_NOW + timedelta(days=1),
        latest_at=_NOW + timedelta(days=1, hours=hours),
        quiet_hours=QuietHours(time_of_day(22), time_of_day(7)),
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
            Scored(
                shared.rows,
                shared.grid,
                rng.uniform(0.01, 0.5, shape),
                rng.uniform(0.1, 0.4, shape),
            )
        )
    return Forecast(scored, model_version="1", log_snapshot=1, fallback_reason=None)


if __name__ == "__main__":
    main()
