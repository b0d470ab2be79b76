"""Sends handed over by the dispatcher on SQLite, every one durable, with events and attempts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stopwatch import median_seconds

from sendopt.app import open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import VirtualClock
from sendopt.settings import Settings

SENDS = 5_000


def measure() -> Iterator[tuple[str, str, str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        start = datetime(2026, 10, 1, tzinfo=UTC)
        clock = VirtualClock(start)
        with closing(open_app(Settings(home=Path(folder)), clock=clock)) as app:
            users = [f"u{n}" for n in range(SENDS)]
            for user in users:
                app.as_owner_of(DEFAULT_TENANT).devices.register(
                    {"device_id": user, "user_id": user, "channel": "simulator", "address": {}},
                )

            def plan() -> None:
                app.as_owner_of(DEFAULT_TENANT).campaigns.put(
                    {
                        "campaign_id": f"c{clock.now():%H%M}",
                        "channel": "simulator",
                        "variants": [
                            {
                                "variant_id": "v",
                                "title": "t",
                                "body": "b",
                                "url": "https://example.com/",
                            }
                        ],
                        "send_window": {
                            "earliest_at": clock.now().isoformat(),
                            "latest_at": (clock.now() + timedelta(hours=12)).isoformat(),
                        },
                        "quiet_hours": None,
                        "fallback_local_time": f"{clock.now():%H:%M}",
                        "audience": "everyone",
                    },
                    commit=True,
                )
                clock.advance(timedelta(minutes=1))

            planning = median_seconds(plan, runs=3)
            yield (
                f"plan and commit {SENDS:,} sends, each with its decision record",
                f"{SENDS / planning:,.0f} sends/s",
                "",
                "",
            )
            dispatcher = app.rounds.dispatcher()
            handed_over = []
            seconds = median_seconds(
                lambda: handed_over.append(dispatcher.dispatch_batch().delivered), runs=20
            )
            per_batch = sorted(handed_over)[len(handed_over) // 2]
            yield (
                "hand over sends, durable (SQLite, synchronous=FULL)",
                f"{per_batch / seconds:,.0f} sends/s",
                "",
                "",
            )
