"""Time every page of lists of a million sends and of many large campaigns, as clients see them.

python benchmarks/lists.py [--sends 1000000] [--campaigns 10000] [--pages 200]

The goal is 50 ms for the first page and for every other one, whatever is asked for.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from traffic.service import issue_key, running

from sendopt.clock import monotonic
from sendopt.state import State
from sendopt.state.tables import planned_send
from sendopt.state.tables_campaigns import campaign, campaign_revision

_CAMPAIGNS = 50  # that send; all others were committed and reach nobody
_DEFINITION = {"audience": [f"u{user:07}" for user in range(2_000)]}  # some 20 kB
_NOW = datetime(2026, 10, 1, tzinfo=UTC)
#: State, reason, and how many of all sends have them, the rarest last.
_ENDS = (
    ("delivered", "accepted", 0.98),
    ("failed", "gave_up", 0.005),
    ("suppressed", "opted_out", 0.0149),
    ("planned", None, 0.0001),
)
_CAMPAIGNS_ASKED: dict[str, dict[str, str]] = {
    "campaigns": {},
    "drafts": {"phase": "draft"},
    "committed": {"phase": "committed"},
    "ended": {"phase": "ended"},
    "cancelled": {"phase": "cancelled"},
}
_ASKED: dict[str, dict[str, str]] = {
    "all": {},
    "of a campaign": {"campaign_id": "c020"},
    "of a user": {"user_id": "u0000777"},
    "failed": {"state": "failed"},
    "failed, of a campaign": {"campaign_id": "c030", "state": "failed"},
    "planned: one in ten thousand": {"state": "planned"},
    "with a reason": {"reason": "gave_up"},
    "due in a minute": {"due_from": "2026-10-01T03:00:00Z", "due_until": "2026-10-01T03:01:00Z"},
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sends", type=int, default=1_000_000)
    parser.add_argument("--campaigns", type=int, default=10_000)
    parser.add_argument("--pages", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        key = issue_key(home)
        with closing(State(f"sqlite:///{home / 'state.sqlite'}")) as state:
            _fill(state, given.sends, given.campaigns)
        with running("serve", home, log=Path(folder) / "log") as (_, port):
            headers = {"Authorization": f"Bearer {key}"}
            url = f"http://127.0.0.1:{port}"
            with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
                client.get("/v1/sends", params={"limit": 1})
                title = f"{given.sends:,} sends, {given.campaigns:,} campaigns"
                print(f"| {title} | pages | items | first ms | median | slowest |")
                print("|---|---|---|---|---|---|")
                for path, lists in (("/v1/sends", _ASKED), ("/v1/campaigns", _CAMPAIGNS_ASKED)):
                    for name, asked in lists.items():
                        _time(client, path, name, asked, most=given.pages)


def _fill(state: State, count: int, campaigns: int) -> None:
    with state.write_fleet() as tx:
        for number in range(campaigns):
            of_campaign = {"tenant_id": "default", "campaign_id": f"c{number:03}"}
            created_at = _NOW - timedelta(minutes=number)
            committed_at = created_at if number % 4 else None
            given = {"created_at": created_at, "committed_at": committed_at}
            tx.execute(sa.insert(campaign).values(**of_campaign, **given))
            tx.execute(
                sa.insert(campaign_revision).values(
                    **of_campaign,
                    revision=1,
                    definition=_DEFINITION,
                    definition_hash="",
                    accepted_at=created_at,
                    latest_at=created_at + timedelta(days=1 if number % 2 else 3_650),
                )
            )
        for number in range(_CAMPAIGNS):
            tx.execute(sa.insert(planned_send), list(_sends(number, count // _CAMPAIGNS)))


def _sends(number: int, count: int) -> Iterator[dict[str, Any]]:
    draw = random.Random(number)
    weights = [share for _, _, share in _ENDS]
    for user in range(count):
        state, reason, _ = draw.choices(_ENDS, weights)[0]
        yield {
            "tenant_id": "default",
            "send_id": f"s_{draw.getrandbits(120):030x}",
            "campaign_id": f"c{number:03}",
            "variant_id": "a",
            "user_id": f"u{user:07}",
            "channel": "webhook",
            "due_at": _NOW + timedelta(seconds=draw.randrange(86_400)),
            "state": state,
            "reason": reason,
            "planned_at": _NOW,
        }


def _time(client: httpx.Client, path: str, name: str, asked: dict[str, str], *, most: int) -> None:
    """Read up to `most` pages of 100 and print how long they took."""
    cursor: str | None = None
    took: list[float] = []
    found = 0
    while len(took) < most:
        began = monotonic()
        answer = client.get(path, params=asked | ({"cursor": cursor} if cursor else {}))
        took.append(1000 * (monotonic() - began))
        page = answer.raise_for_status().json()
        found += len(page["items"])
        cursor = page["next_cursor"]
        if cursor is None:
            break
    print(
        f"| {name} | {len(took)} | {found:,} | {took[0]:.1f} | {statistics.median(took):.1f} "
        f"| {max(took):.1f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
