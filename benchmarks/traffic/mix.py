"""What ordinary clients ask of a service, a little of everything."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sendopt.app import open_app
from sendopt.app.stores import DEFAULT_TENANT
from sendopt.records import SendState
from sendopt.settings import load_settings
from sendopt.state import tables
from traffic.client import Answer, Client

_PHONE = "User-Agent: Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/131.0 Mobile"
_CAMPAIGN_USERS = 30
_DUE_WITHIN = 20.0  # seconds


class Mix:
    """Asks for one thing after another, and remembers which events were acknowledged."""

    def __init__(self, client: Client, users: list[str], run: str, seed: int = 1) -> None:
        self._client = client
        self._users = users
        self._run = run
        self._random = random.Random(seed)
        self._numbers = count()
        self._opted_out: list[str] = []
        self.acknowledged: set[str] = set()
        self.sent: list[str] = []  # sends that are out, with the tokens of their links
        self.tokens: list[str] = []

    async def events(self) -> Answer:
        """Five sessions in one request."""
        return await self._post([self._event() for _ in range(5)])

    async def event(self) -> Answer:
        """One session."""
        return await self._post([self._event()])

    async def opt_out(self) -> Answer:
        """A user who wants nothing more, or who wants it again."""
        event = self._event()
        if self._opted_out:
            event |= {"event_type": "opt_in", "user_id": self._opted_out.pop()}
        else:
            event["event_type"] = "opt_out"
            self._opted_out.append(event["user_id"])
        return await self._post([event])

    async def lift(self) -> Answer:
        """What the holdout tells, from the whole log."""
        return await self._client.get("/v1/lift")

    async def best_times(self) -> Answer:
        return await self._client.get(f"/v1/users/{self._random.choice(self._users)}/best-times")

    async def explanation(self) -> Answer:
        return await self._client.get(f"/v1/users/{self._random.choice(self._users)}/explanation")

    async def campaign(self) -> Answer:
        """Sends that are due within seconds."""
        start = datetime.now(UTC) + timedelta(seconds=2)
        users = self._random.sample(self._users, min(_CAMPAIGN_USERS, len(self._users)))
        due = {
            user: [(start + timedelta(seconds=self._random.uniform(0, _DUE_WITHIN))).isoformat()]
            for user in users
        }
        return await self._client.post(
            "/v1/campaigns?commit=true",
            {
                "campaign_id": f"{self._run}-{next(self._numbers)}",
                "channel": "simulator",
                "variants": [
                    {"variant_id": "v", "title": "t", "body": "b", "url": "https://example.com/"}
                ],
                "send_window": {
                    "earliest_at": start.isoformat(),
                    "latest_at": (start + timedelta(hours=1)).isoformat(),
                },
                "quiet_hours": None,
                "audience": users,
                "candidate_times": due,
            },
        )

    async def click(self) -> Answer:
        if not self.tokens:
            return Answer(204, 0.0)
        return await self.follow(self._random.choice(self.tokens))

    async def follow(self, token: str) -> Answer:
        return await self._client.ask("GET", f"/t/{token}", b"", _PHONE)

    async def report(self) -> Answer:
        if not self.sent:
            return Answer(204, 0.0)
        send_id = self._random.choice(self.sent)
        return await self._client.post(f"/v1/sends/{send_id}/responses", {"kind": "open"})

    async def device(self) -> Answer:
        user = self._random.choice(self._users)
        device = {"device_id": user, "user_id": user, "channel": "simulator", "address": {}}
        return await self._client.post("/v1/devices", device)

    async def _post(self, events: list[dict[str, Any]]) -> Answer:
        answer = await self._client.post("/v1/events", events)
        if answer.status == 200:
            self.acknowledged.update(event["event_id"] for event in events)
        return answer

    def _event(self) -> dict[str, Any]:
        return {
            "event_id": f"{self._run}-{next(self._numbers)}",
            "user_id": self._random.choice(self._users),
            "event_type": "session",
            "occurred_at": datetime.now(UTC).isoformat(),
        }


class Home:
    """Looks into the stores beside the service: which links are out, which events arrived."""

    def __init__(self, home: Path) -> None:
        self._app = open_app(load_settings(home))

    def links(self, most: int) -> tuple[list[str], list[str]]:
        """Return the sends that went out last, and the tokens of their links."""
        with self._app.state.read_fleet() as tx:
            rows = tx.execute(
                sa.select(tables.link.c.send_id, tables.link.c.link_id)
                .join(
                    tables.planned_send,
                    (tables.planned_send.c.tenant_id == tables.link.c.tenant_id)
                    & (tables.planned_send.c.send_id == tables.link.c.send_id),
                )
                .where(tables.planned_send.c.state == SendState.DELIVERED)
                .order_by(tables.link.c.created_at.desc())
                .limit(most)
            ).all()
        token = self._app.link_signer.token
        return [send_id for send_id, _ in rows], [token(link_id) for _, link_id in rows]

    def events(self, run: str) -> int:
        """Return how many events of a run are in the log."""
        counted = f"select count(*) as n from event where starts_with(event_id, '{run}-')"
        with self._app.reader(DEFAULT_TENANT) as reader:
            return int(reader.query("soak_events", counted)["n"][0].as_py())

    def recorded(self) -> set[str]:
        """Return the ids of all events in the state's outbox, which are kept after the copy too."""
        with self._app.state.read_fleet() as tx:
            return set(tx.scalars(sa.select(tables.event_outbox.c.event_id)))

    def close(self) -> None:
        self._app.close()
