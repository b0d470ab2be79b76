"""Asks for sends at their moments; a process of its own for the benchmark of triggers.

python benchmarks/trigger_load.py PORT KEY CAMPAIGN RUN USERS RATE SECONDS

Prints JSON: how many were answered a second, and of each the seconds from its moment until its
answer was there, sent late or not.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from typing import Any

from traffic.client import Client

_CONNECTIONS = 64


def user_id(number: int) -> str:
    return f"user-{number:08d}"


def request(campaign: str, number: int, key: str) -> dict[str, Any]:
    body: dict[str, Any] = {"campaign_id": campaign, "user_id": user_id(number), "send_key": key}
    if campaign == "optimised":
        body["within_minutes"] = 24 * 60
    return body


async def ask(
    port: int, key: str, campaign: str, run: str, *, users: int, rate: float, seconds: float
) -> object:
    """Ask for as many as are due, each at its moment."""
    clients = [Client(port, key) for _ in range(_CONNECTIONS)]
    idle: asyncio.Queue[Client] = asyncio.Queue()
    for client in clients:
        idle.put_nowait(client)
    total = list[float]()
    begun = time.perf_counter() + 0.1

    async def one(number: int, due: float) -> None:
        client = await idle.get()
        body = request(campaign, (number * 104_729) % users, f"{run}-{number}")
        answer = await client.post("/v1/sends", body)
        total.append(time.perf_counter() - due)
        idle.put_nowait(client)
        if answer.status != 201:
            raise RuntimeError(answer.body.decode())

    asked = []
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        asked.append(asyncio.create_task(one(number, due)))
    await asyncio.gather(*asked)
    took = time.perf_counter() - begun
    for client in clients:
        client.close()
    return {"rate": len(total) / took, "total": total}


def main() -> None:
    port, key, campaign, run, users, rate, seconds = sys.argv[1:]
    gc.disable()
    loop = ask(
        int(port),
        key,
        campaign,
        run,
        users=int(users),
        rate=float(rate),
        seconds=float(seconds),
    )
    print(json.dumps(asyncio.run(loop)))


if __name__ == "__main__":
    main()
