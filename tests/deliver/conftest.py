"""Planned sends in a real state, and servers that receive what is delivered."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sendopt.clock import Clock, VirtualClock
from sendopt.deliver import Dispatcher, Provider, RetryPolicy
from sendopt.records import Channel, Message, Outcome
from sendopt.state import State
from sendopt.state.tables import (
    app_user,
    attempt,
    campaign,
    decision,
    device,
    event_outbox,
    planned_send,
    tenant,
    variant,
)

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)


class Scripted:
    """A provider that answers by a script and remembers every hand-over."""

    name = "scripted"

    def __init__(self, clock: Clock, answer: Callable[[Message, int], Outcome]) -> None:
        self.clock = clock
        self.answer = answer
        self.handed_over: list[tuple[datetime, Message]] = []

    def deliver(self, messages: Sequence[Message]) -> list[Outcome]:
        outcomes = []
        for message in messages:
            self.handed_over.append((self.clock.now(), message))
            number = sum(message.send_id == seen.send_id for _, seen in self.handed_over)
            outcomes.append(self.answer(message, number))
        return outcomes

    def times(self, send_id: str) -> list[datetime]:
        return [at for at, message in self.handed_over if message.send_id == send_id]


class Sends:
    """Plants planned sends, one user and device each, and reads what became of them."""

    def __init__(self, state: State) -> None:
        self.state = state

    def plan(
        self,
        count: int = 1,
        *,
        tenant_id: str = "acme",
        campaign_id: str = "autumn",
        channel: Channel = Channel.SIMULATOR,
        address: Callable[[int], dict[str, Any]] = lambda _number: {},
        due_at: Callable[[int], datetime] = lambda _number: NOON,
        time_to_live: timedelta = timedelta(hours=4),
        quiet_hours: dict[str, str] | None = None,
        timezone: str = "UTC",
        url: str | None = "https://shop.example/sale",
    ) -> list[str]:
        """Plan `count` sends and return their ids; those of one campaign are numbered from 0."""
        users = [f"{campaign_id}-user-{number}" for number in range(count)]
        sends = [f"s-{campaign_id}-{number}" for number in range(count)]
        definition = {
            "campaign_id": campaign_id,
            "message_type": "promotion",
            "quiet_hours": quiet_hours,
        }
        common = {"tenant_id": tenant_id, "campaign_id": campaign_id}
        with self.state.write() as tx:
            if not tx.execute(sa.select(tenant).where(tenant.c.tenant_id == tenant_id)).first():
                tx.execute(
                    sa.insert(tenant).values(tenant_id=tenant_id, timezone="UTC", created_at=NOON)
                )
            tx.execute(
                sa.insert(campaign).values(
                    **common, definition=definition, definition_hash="", created_at=NOON
                )
            )
            tx.execute(
                sa.insert(variant).values(
                    **common, variant_id="a", title="Sale", body="Today only ☂", url=url
                )
            )
            tx.execute(
                sa.insert(app_user),
                [{"tenant_id": tenant_id, "user_id": user, "updated_at": NOON} for user in users],
            )
            tx.execute(
                sa.insert(device),
                [
                    {
                        "tenant_id": tenant_id,
                        "device_id": f"d-{user}",
                        "user_id": user,
                        "channel": channel,
                        "address": address(number),
                        "address_hash": f"{tenant_id}-{user}",
                        "platform": "web",
                        "registered_at": NOON,
                    }
                    for number, user in enumerate(users)
                ],
            )
            tx.execute(
                sa.insert(planned_send),
                [
                    {
                        **common,
                        "send_id": send,
                        "variant_id": "a",
                        "user_id": user,
                        "device_id": f"d-{user}",
                        "channel": channel,
                        "due_at": due_at(number),
                        "ready_at": due_at(number),
                        "expires_at": due_at(number) + time_to_live,
                        "state": "planned",
                        "planned_at": NOON,
                    }
                    for number, (send, user) in enumerate(zip(sends, users, strict=True))
                ],
            )
            tx.execute(
                sa.insert(decision),
                [
                    {
                        "tenant_id": tenant_id,
                        "send_id": send,
                        "slots": [],
                        "propensity": 0.25,
                        "policy": "greedy",
                        "timezone": timezone,
                        "timezone_source": "user",
                    }
                    for send in sends
                ],
            )
        return sends

    def rows(self, table: sa.Table = planned_send) -> list[Any]:
        with self.state.read() as tx:
            return list(tx.execute(sa.select(table)))

    def row(self, send_id: str) -> Any:
        return next(row for row in self.rows() if row.send_id == send_id)

    def ends(self) -> dict[str, tuple[str, str | None]]:
        return {row.send_id: (row.state, row.reason) for row in self.rows()}

    def attempts(self, send_id: str) -> list[tuple[int, str | None, str | None]]:
        rows = sorted(self.rows(attempt), key=lambda row: row.number)
        return [(row.number, row.outcome, row.reason) for row in rows if row.send_id == send_id]

    def events(self) -> list[dict[str, Any]]:
        return [row.event for row in self.rows(event_outbox)]

    def change(self, table: sa.Table, **values: Any) -> None:
        with self.state.write() as tx:
            tx.execute(sa.update(table).values(**values))


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON)


@pytest.fixture
def sends(state: State) -> Sends:
    return Sends(state)


@pytest.fixture
def scripted(clock: VirtualClock) -> Callable[[Callable[[Message, int], Outcome]], Scripted]:
    """Make a provider from its answer to a message's n-th hand-over."""
    return lambda answer: Scripted(clock, answer)


@pytest.fixture
def dispatcher(state: State, clock: VirtualClock) -> Callable[..., Dispatcher]:
    """Make a dispatcher of this state that serves the simulator channel with one provider."""

    def make(provider: Provider, **changes: Any) -> Dispatcher:
        arguments: dict[str, Any] = {
            "owner": "one",
            "sign_link": lambda link_id: f"https://go.example/t/{link_id}",
            "random_bytes": os.urandom,
            "retry": RetryPolicy(timedelta(seconds=10), timedelta(hours=1), max_attempts=8),
            "lease": timedelta(minutes=1),
            "batch": 100,
            "channel": Channel.SIMULATOR,
            "clock": clock,
        }
        arguments |= changes
        return Dispatcher(
            state,
            {arguments.pop("channel"): provider},
            arguments.pop("clock"),
            **arguments,
        )

    return make
