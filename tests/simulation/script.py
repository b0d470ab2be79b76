"""What happens on a day, drawn from its seed: plain data, that can be printed and shortened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from simulation.scheduler import Faults

#: Mornings (UTC) before which, or after which, something about time changes: clocks in Europe, in
#: America, by half an hour on Lord Howe; a month; a year; a leap day; and an ordinary Thursday.
_STARTS = (
    datetime(2026, 10, 24, 6, tzinfo=UTC),
    datetime(2026, 3, 28, 6, tzinfo=UTC),
    datetime(2026, 10, 31, 6, tzinfo=UTC),
    datetime(2027, 3, 13, 12, tzinfo=UTC),
    datetime(2026, 4, 4, 3, tzinfo=UTC),
    datetime(2026, 12, 31, 6, tzinfo=UTC),
    datetime(2028, 2, 28, 12, tzinfo=UTC),
    datetime(2026, 10, 1, 6, tzinfo=UTC),
)
_ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "UTC",
    "Europe/London",
)
_TENANTS = ("acme", "shop")
#: Seconds that the clock on the wall is ahead of the time that passes, once it was set.
CLOCK_STEPS = (-7200, -600, -65, 45, 65, 600, 7200)
#: Stands for an id that the service gives to an event of its own.
RESERVED = "reserved"
HORIZON = timedelta(hours=34)
#: Populations that days share; each is registered once and copied.
TOWNS = 12


@dataclass(frozen=True, slots=True)
class Action:
    """Something that somebody asks of the service, or that befalls it."""

    number: int
    after: timedelta  # since the start of the day
    kind: str  # a method of `requests.Requests`
    args: dict[str, Any]


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with one phone, who lives where the phone says."""

    tenant_id: str
    user_id: str
    device_id: str
    channel: str
    timezone: str | None  # None = nobody knows: the tenant's


@dataclass(frozen=True, slots=True)
class Town:
    """Tenants and their users, before anything happens."""

    number: int
    users: tuple[User, ...]
    zones: dict[str, str]  # of the tenants
    prices: dict[str, tuple[int, int]]  # tenant → minor units of a click, of a response

    def zone_of(self, tenant_id: str, user_id: str) -> str:
        """Return where a user lives, as far as anybody knows."""
        return self.user(tenant_id, user_id).timezone or self.zones[tenant_id]

    def user(self, tenant_id: str, user_id: str) -> User:
        return next(u for u in self.users if (u.tenant_id, u.user_id) == (tenant_id, user_id))


@dataclass(frozen=True, slots=True)
class Script:
    """A day before it is lived."""

    seed: int
    start: datetime
    town: Town
    actions: tuple[Action, ...]
    faults: Faults
    copy_after: tuple[int, ...]  # minutes that an appender waits, one of these


def write(seed: int) -> Script:
    """Return the day of `seed`: the same one always and everywhere."""
    random = Random(f"script {seed}")
    start = random.choice(_STARTS) + timedelta(minutes=random.randrange(0, 720, 5))
    town = build_town(seed % TOWNS)
    faults = _faults(random)
    drawn = _actions(random, start, town.users, faults)
    drawn.sort(key=lambda each: each[0])
    return Script(
        seed=seed,
        start=start,
        town=town,
        actions=tuple(Action(number, *each) for number, each in enumerate(drawn)),
        faults=faults,
        copy_after=random.choice(((1, 600), (1200, 4000), (1500, 5000))),
    )


@cache
def build_town(number: int) -> Town:
    """Return one of the `TOWNS` populations."""
    random = Random(f"town {number}")
    users = tuple(
        User(
            tenant_id=tenant_id,
            user_id=f"u{number}",
            device_id=f"phone-{number}",
            channel=random.choice(("simulator", "simulator", "webhook")),
            timezone=random.choice((*_ZONES, None)),
        )
        for tenant_id in _TENANTS
        for number in range(random.randint(3, 6))
    )
    return Town(
        number=number,
        users=users,
        zones={tenant_id: random.choice(_ZONES) for tenant_id in _TENANTS},
        prices={
            tenant_id: (random.randint(1, 90), random.randint(1, 90)) for tenant_id in _TENANTS
        },
    )


def _faults(random: Random) -> Faults:
    """Draw how bad the day is; a day with few kinds of faults goes further than one with all."""

    def rate(most: float) -> float:
        return random.choice((0.0, most / 4, most))

    # Whoever starts after the clock was set knows nothing of it: on such days nobody dies.
    clock = random.choice((0.0,) * 5 + (1.0,))
    return Faults(
        clock=clock,
        kill=rate(0.02) if not clock else 0.0,
        pause=rate(0.03),
        store=rate(0.03),
        disk=rate(0.2),
        lost_answer=rate(0.1),
        provider=random.choice((0.1, 0.4, 0.7)),
        overslept=random.choice((0.0, 0.0, 0.4)),
        meanwhile=random.choice((0.0, 0.0, 0.5)),
    )


Drawn = tuple[timedelta, str, dict[str, Any]]


def _actions(
    random: Random, start: datetime, users: tuple[User, ...], faults: Faults
) -> list[Drawn]:
    found: list[Drawn] = []
    campaigns = []
    for number in range(random.randint(2, 3)):
        after = timedelta(minutes=random.randrange(0, 1200))
        tenant_id = random.choice(_TENANTS)
        campaign = _campaign(random, start + after, f"c{number}", tenant_id, users)
        campaigns.append((tenant_id, campaign["campaign_id"], after))
        found.append((after, "put_campaign", {"tenant_id": tenant_id, "definition": campaign}))
    for tenant_id, campaign_id, after in campaigns:
        if random.random() < 0.3:
            later = after + timedelta(minutes=random.randrange(1, 900))
            args = {"tenant_id": tenant_id, "campaign_id": campaign_id}
            found.append((later, "cancel_campaign", args))
        if random.random() < 0.3:
            later = after + timedelta(minutes=random.randrange(1, 900))
            user_id = _anybody(random, users, tenant_id).user_id
            args = {"tenant_id": tenant_id, "campaign_id": campaign_id, "user_id": user_id}
            found.append((later, "cancel_send", args))
    for _ in range(random.randint(2, 4)):
        tenant_id = random.choice(_TENANTS)
        after = timedelta(minutes=random.randrange(0, 1800))
        items = _events(random, start + after, tenant_id, users)
        found.append((after, "post_events", {"tenant_id": tenant_id, "items": items}))
    for _ in range(random.randint(1, 5)):
        user = random.choice(users)
        after = timedelta(minutes=random.randrange(0, 1500))
        args = {"tenant_id": user.tenant_id, "user_id": user.user_id}
        found.append((after, random.choice(("opt_out", "opt_in", "register")), args))
    for _ in range(0 if faults.clock else random.randint(0, 2)):
        after = timedelta(minutes=random.randrange(0, 1800))
        found.append((after, "crash", {"node": random.choice(("north", "south"))}))
    if faults.clock:
        after = timedelta(minutes=random.randrange(0, 1200))
        found.append((after, "set_clock", {"seconds": random.choice(CLOCK_STEPS)}))
        later = after + timedelta(minutes=random.randrange(1, 600))
        found.append((later, "set_clock", {"seconds": 0}))
    if random.random() < 0.1:
        found.append((timedelta(minutes=random.randrange(0, 1500)), "back_up", {}))
    return found + _imports(random, start, users) + _month_ends(random, start)


def _imports(random: Random, start: datetime, users: tuple[User, ...]) -> list[Drawn]:
    """Draw files with few ids, the same as requests have; a copy of a file may come again."""
    found: list[Drawn] = []
    for number in range(random.choice((0, 0, 0, 1))):
        tenant_id = random.choice(_TENANTS)
        after = timedelta(minutes=random.randrange(0, 1800))
        items = _events(random, start + after, tenant_id, users)
        args = {"tenant_id": tenant_id, "name": f"{number}.jsonl", "items": items}
        found.append((after, "import_events", args))
        posted = {"tenant_id": tenant_id, "items": _events(random, start + after, tenant_id, users)}
        found.append((after + timedelta(milliseconds=random.randrange(200)), "post_events", posted))
        if random.random() < 0.3:
            later = after + timedelta(minutes=random.randrange(0, 300))
            found.append((later, "import_events", {**args, "name": f"{number}-again.jsonl"}))
    return found


def _campaign(
    random: Random, now: datetime, campaign_id: str, tenant_id: str, users: tuple[User, ...]
) -> dict[str, Any]:
    channel = random.choice(("simulator", "simulator", "webhook"))
    earliest_at = now + timedelta(minutes=random.randrange(-60, 240))
    latest_at = earliest_at + timedelta(minutes=random.randrange(60, 1200))
    night = random.choice((("22:00", "08:00"), ("00:00", "06:00"), ("12:00", "14:00"), None))
    everybody = [user.user_id for user in users if user.tenant_id == tenant_id]
    definition: dict[str, Any] = {
        "campaign_id": campaign_id,
        "channel": channel,
        "variants": [
            {"variant_id": name, "title": f"{campaign_id} {name}", "body": "…", "url": url}
            for name, url in (("a", f"https://shop.example/{campaign_id}"), ("b", None))
        ][: random.randint(1, 2)],
        "send_window": {
            "earliest_at": earliest_at.isoformat(),
            "latest_at": max(latest_at, now + timedelta(minutes=90)).isoformat(),
        },
        "audience": everybody,
        "quiet_hours": night and {"start": night[0], "end": night[1]},
        "slot_minutes": random.choice((15, 60)),
        "fallback_local_time": random.choice(("18:00", "12:00", "08:00", "21:45", "02:30")),
        "time_to_live_minutes": random.choice((5, 45, 240)),
        "message_type": random.choice(("promotion", "otp")),
    }
    if random.random() < 0.3:
        definition["holdout"] = {"share": 0.5, "time": random.choice(("configured", "random"))}
    return definition


def _events(
    random: Random, now: datetime, tenant_id: str, users: tuple[User, ...]
) -> list[dict[str, Any]]:
    """Draw a request's events from few ids, so that some repeat and some contradict others."""
    items = []
    for _ in range(random.randint(1, 4)):
        user = _anybody(random, users, tenant_id)
        item: dict[str, Any] = {
            "event_id": f"e{random.randrange(8)}",
            "user_id": user.user_id,
            "event_type": random.choice(("session", "open", "send")),
            "occurred_at": (now - timedelta(hours=random.randrange(3))).isoformat(),
        }
        if item["event_type"] != "session":
            item["send_id"] = f"theirs-{random.randrange(3)}"
        if random.random() < 0.1:
            item["event_type"] = "nonsense"
        if random.random() < 0.05:
            item["event_id"] = RESERVED
        items.append(item)
    return items


def _month_ends(random: Random, start: datetime) -> list[Drawn]:
    """Let months that the day can touch be closed, perhaps by two clients at once."""
    found: list[Drawn] = []
    month = datetime(start.year, start.month, 1, tzinfo=UTC)
    for _ in range(random.choice((1, 1, 2))):
        following = (month + timedelta(days=32)).replace(day=1)
        closing = following - start + timedelta(hours=48)
        tenant_id = random.choice(_TENANTS)
        for _ in range(random.choice((1, 2))):
            after = closing + timedelta(seconds=random.randrange(90))
            args = {"tenant_id": tenant_id, "period": f"{month:%Y-%m}"}
            found.append((after, "close_period", args))
        month = following
    return found


def _anybody(random: Random, users: tuple[User, ...], tenant_id: str) -> User:
    return random.choice([user for user in users if user.tenant_id == tenant_id])
