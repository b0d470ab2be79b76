"""What it costs to know who asks: requests with their principal, beside the same ones without.

    python benchmarks/principals.py [--rounds 20] [--requests 20]

Both sides are one service in this process, asked through ASGI, over SQLite. Without: the principal
is there already, and nobody looks for it. Rounds of both alternate, so that whatever else the
machine does falls on both; told are medians of requests, and the ratio of the medians.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import statistics
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import structlog

from sendopt.api import create_api
from sendopt.api.auth import speaker
from sendopt.app import App, open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.clock import monotonic
from sendopt.records import Principal
from sendopt.settings import Settings
from sendopt.state.send_list import SendFilter

#: The ceiling that the design sets.
MOST = 0.15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--requests", type=int, default=20)
    given = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home")
        with closing(open_app(settings)) as app:
            app.open_stores()
            asyncio.run(_measure(app, rounds=given.rounds, requests=given.requests))


async def _measure(app: App, *, rounds: int, requests: int) -> None:
    send_id = _a_send(app)
    key = app.as_owner_of(DEFAULT_TENANT).keys.issue("benchmark").key
    known = Principal.owner(DEFAULT_TENANT, "key:benchmark")
    with_, without = create_api(app), create_api(app)
    without.dependency_overrides[speaker] = lambda: known
    headers = {"Authorization": f"Bearer {key}"}
    clients = [
        httpx.AsyncClient(
            transport=httpx.ASGITransport(api), base_url="http://service", headers=headers
        )
        for api in (with_, without)
    ]
    print("| request | with | without | principal and tenancy |\n|---|---|---|---|")
    for name, ask in (("GET /v1/sends/{id}", _get(send_id)), ("POST /v1/events, one", _post())):
        taken: list[list[float]] = [[], []]
        for round_ in range(rounds + 2):
            for client, times in zip(clients, taken, strict=True):
                for _ in range(requests):
                    started = monotonic()
                    answer = await ask(client)
                    seconds = monotonic() - started
                    answer.raise_for_status()
                    if round_ > 1:  # the first ones import and open
                        times.append(seconds)
        of_with, of_without = map(statistics.median, taken)
        more = of_with / of_without - 1
        verdict = "" if more <= MOST else f", above {MOST:.0%}"
        sides = f"{of_with * 1e3:.2f} ms | {of_without * 1e3:.2f} ms"
        print(f"| {name} | {sides} | {more:+.1%}{verdict} |")
    for client in clients:
        await client.aclose()


def _get(send_id: str) -> Any:
    return lambda client: client.get(f"/v1/sends/{send_id}")


def _post() -> Any:
    number = iter(range(10**9))

    def ask(client: httpx.AsyncClient) -> Any:
        event = {
            "event_id": f"e{id(client)}-{next(number)}",
            "user_id": "ann",
            "event_type": "session",
            "occurred_at": datetime.now(UTC).isoformat(),
        }
        return client.post("/v1/events", json=[event])

    return ask


def _a_send(app: App) -> str:
    work = app.as_owner_of(DEFAULT_TENANT)
    work.devices.register(
        {"device_id": "d", "user_id": "ann", "channel": "simulator", "address": {}}
    )
    now = app.clock.now()
    work.campaigns.put(
        {
            "campaign_id": "hello",
            "channel": "simulator",
            "variants": [{"variant_id": "v", "title": "T", "body": "B"}],
            "send_window": {
                "earliest_at": (now + timedelta(hours=1)).isoformat(),
                "latest_at": (now + timedelta(hours=4)).isoformat(),
            },
            "quiet_hours": None,
            "audience": "everyone",
        },
        commit=True,
    )
    return work.sends.page(SendFilter(), limit=1).items[0].send.send_id


if __name__ == "__main__":
    main()
