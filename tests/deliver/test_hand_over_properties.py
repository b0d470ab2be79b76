"""Whatever changes after the plan, nothing is handed over that may not be, and every send ends.

What may be is told once more here, by what the test has done, without the code that is tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from examples import at_most
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendopt.clock import VirtualClock
from sendopt.deliver.providers import SimulatorProvider
from sendopt.records import (
    Accepted,
    Channel,
    DeadAddress,
    Device,
    DeviceId,
    EndReason,
    FrequencyCap,
    Message,
    Outcome,
    Permanent,
    Preferences,
    QuietHours,
    Retry,
    SendingLimits,
    TenantId,
    UserId,
)
from sendopt.state import State, audit, devices, preferences, sending_limits, tenants, users
from sendopt.state.tables import planned_send

NOON = datetime(2026, 10, 24, 12, tzinfo=UTC)  # of the day before clocks change in Europe
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ACME = TenantId("acme")
USERS = [UserId(name) for name in ("ann", "bob", "eve")]
CAMPAIGNS = ("a", "b", "c", "d", "e")
NIGHT = QuietHours(time(22), time(7))
SIESTA = QuietHours(time(13), time(15, 30))
FINAL = {"delivered", "failed", "expired", "cancelled", "suppressed"}

_user = st.sampled_from(USERS)
_device = st.sampled_from([DeviceId(name) for name in ("d-ann", "d-bob", "d-eve", "phone")])
_zone = st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Tokyo", None])
_limits = st.builds(
    SendingLimits,
    caps=st.sampled_from([(), (FrequencyCap(2, 6 * HOUR),), (FrequencyCap(1, HOUR),)]),
    least_gap=st.sampled_from([None, 90 * MINUTE]),
    weekly_budget=st.sampled_from([None, 3]),
)
_preferences = st.builds(
    Preferences,
    st.sampled_from([{}, {"news": False}, {"promotion": False}]),
    st.sampled_from([None, SIESTA]),
    st.sampled_from([None, NOON + 2 * HOUR, NOON + 30 * HOUR]),
)
_registrations = st.tuples(st.just("register"), _user, _device, _zone)
changes = st.one_of(  # what leaves users within reach, more often
    *[_registrations] * 4,
    st.tuples(st.just("log_out"), _device),
    st.tuples(st.just("prefer"), _user, _preferences),
    st.tuples(st.just("limit"), _limits),
    st.tuples(st.just("opt_out"), _user),
)
answers = st.sampled_from(
    [
        *[Accepted()] * 5,
        Retry("busy"),
        Retry("busy", 40 * MINUTE),
        DeadAddress(EndReason.SUBSCRIPTION_GONE),
        Permanent(EndReason.PAYLOAD_TOO_LARGE),
        None,  # the process dies
    ]
)


#: When each send is due, in minutes from noon; what changes, each so many minutes after the one
#: before; what the provider says, to begin with; and the first limits.
days = st.tuples(
    st.lists(st.sampled_from([0, 0, 0, 30, 240]), min_size=15, max_size=15),
    st.lists(st.tuples(st.integers(0, 90), changes), min_size=6, max_size=12),
    st.lists(answers, max_size=30),
    _limits,
)


@dataclass
class World:
    """What the test has done, and what a provider was handed meanwhile."""

    state: State
    clock: VirtualClock
    owners: dict[str, str] = field(default_factory=dict)  # of living devices
    zones: dict[str, str | None] = field(default_factory=dict)
    opted_out: set[str] = field(default_factory=set)
    wants: dict[str, Preferences] = field(default_factory=dict)
    limits: SendingLimits = field(default_factory=SendingLimits)
    got: list[tuple[str, datetime]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def apply(self, change: Any) -> None:
        kind, *said = change
        getattr(self, kind)(*said)

    def register(self, user: UserId, device: DeviceId, zone: str | None) -> None:
        address = {"endpoint": f"https://push.example/{device}"}
        known = Device(device, user, Channel.WEB_PUSH, address, timezone=zone)
        with self.state.write(ACME) as tx:
            stored = devices.register(tx, known, now=self.clock.now())
        self.owners[device], self.zones[device] = user, stored.timezone

    def log_out(self, device: DeviceId) -> None:
        if self.owners.pop(device, None) is not None:
            with self.state.write(ACME) as tx:
                devices.delete(tx, device)

    def opt_out(self, user: UserId) -> None:
        with self.state.write(ACME) as tx:
            users.opt_out(tx, user, at=self.clock.now(), now=self.clock.now())
        self.opted_out.add(user)

    def prefer(self, user: UserId, wanted: Preferences) -> None:
        with self.state.write(ACME) as tx:
            preferences.put(tx, user, wanted, now=self.clock.now())
        self.wants[user] = wanted

    def limit(self, limits: SendingLimits) -> None:
        with self.state.write(ACME) as tx:
            sending_limits.put(tx, limits, now=self.clock.now())
        self.limits = limits

    def judge(self, message: Message, before: Sequence[Message]) -> None:
        """Note what is wrong with a message that comes behind these in one batch."""
        user, device, now = message.user_id, message.device.device_id, self.clock.now()
        self.faults += [
            f"{message.send_id} to {user} on {device} at {now}: {fault}"
            for fault, found in (
                ("another's device, or none", self.owners.get(device) != user),
                ("after an opt-out", user in self.opted_out),
                ("unwanted", not self._wanted(user, now)),
                ("too often", self._too_often(user, now, [each.user_id for each in before])),
                ("early", now < message.due_at),
                ("late", now >= message.due_at + 10 * HOUR),
                ("quiet", self._quiet(user, device, now)),
                ("shown when it is quiet", self._quiet(user, device, message.expires_at - MINUTE)),
            )
            if found
        ]

    def hear(self, messages: Sequence[Message], outcomes: Sequence[Outcome]) -> None:
        """Note what a dispatcher was told of a batch; one that dies before hears nothing of it."""
        for message, outcome in zip(messages, outcomes, strict=True):
            if isinstance(outcome, Accepted):
                self.got.append((message.user_id, self.clock.now()))
            if isinstance(outcome, DeadAddress):
                self.owners.pop(message.device.device_id, None)

    def _wanted(self, user: str, now: datetime) -> bool:
        wants = self.wants.get(user, Preferences())
        snoozed = wants.snoozed_until is not None and now < wants.snoozed_until
        return wants.topics.get("promotion", True) and not snoozed

    def _too_often(self, user: str, now: datetime, before: Sequence[str]) -> bool:
        limits = self.limits
        rules = [(cap.at_most, cap.within) for cap in limits.caps]
        rules += [] if limits.least_gap is None else [(1, limits.least_gap)]
        rules += [] if limits.weekly_budget is None else [(limits.weekly_budget, 168 * HOUR)]
        got = [*self.got, *((whose, now) for whose in before)]
        ages = [now - at for whose, at in got if whose == user]
        return any(sum(age < within for age in ages) >= most for most, within in rules)

    def _quiet(self, user: str, device: str, at: datetime) -> bool:
        local = at.astimezone(ZoneInfo(self.zones.get(device) or "Europe/Berlin")).time()
        own = self.wants.get(user, Preferences()).quiet_hours
        return not NIGHT.end <= local < NIGHT.start or (
            own is not None and own.start <= local < own.end
        )


@settings(
    max_examples=at_most(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(day=days)
def test_nothing_is_handed_over_that_may_not_be_and_every_send_ends(sends, dispatcher, clock, day):
    minutes, told, script, limits = day
    with sends.state.write_fleet() as tx:
        for table in reversed(planned_send.metadata.sorted_tables):
            tx.execute(table.delete())
        clock.__init__(NOON)
        tenants.create(tx, ACME, timezone="UTC", now=NOON)
    world, outcomes, changing = World(sends.state, clock), iter(script), iter(told)
    for number, campaign_id in enumerate(CAMPAIGNS):
        due = minutes[len(USERS) * number :]
        sends.plan(
            campaign_id=campaign_id,
            users=USERS,
            channel=Channel.WEB_PUSH,
            address=lambda place: {"endpoint": f"https://push.example/first-{place}"},
            due_at=lambda place, due=due: NOON + due[place] * MINUTE,
            time_to_live=10 * HOUR,
            quiet_hours={"start": "22:00", "end": "07:00"},
            timezone="Europe/Berlin",
        )
    world.limit(limits)
    world.owners |= {f"d-{user}": user for user in USERS}

    def deliver(messages):
        for place, message in enumerate(messages):
            world.judge(message, messages[:place])
        found = [next(outcomes, Accepted()) for _ in messages]
        if None in found:
            raise MemoryError
        world.hear(messages, found)
        return found

    provider = SimulatorProvider()
    provider.deliver = deliver
    made = dispatcher(provider, channel=Channel.WEB_PUSH, batch=3)
    change_at, change = _next(changing, NOON)
    while (ready_at := made.next_ready_at()) is not None:
        while change is not None and change_at <= ready_at:
            clock.advance_to(max(change_at, clock.now()))
            world.apply(change)
            change_at, change = _next(changing, change_at)
        clock.advance_to(max(ready_at, clock.now()))
        try:
            made.dispatch_due()
        except MemoryError:
            continue  # the next round is the restarted process
    assert world.faults == []
    rows = sends.rows()
    assert len(rows) == len(CAMPAIGNS) * len(USERS)
    assert [row for row in rows if row.state not in FINAL or not row.reason] == []
    accepted = [row.handed_over_at for row in rows if row.state == "delivered"]
    assert sorted(accepted) == sorted(at for _, at in world.got)
    with sends.state.read_fleet() as tx:
        assert list(audit.sends(tx)) == []


def _next(changing: Any, after: datetime) -> tuple[datetime, Any]:
    minutes, change = next(changing, (0, None))
    return after + minutes * MINUTE, change
