"""Twenty tenants who call everything by the same names, all at once, over one real service.

    python -m service.tenant_load [--requests 10000] [--seed 1]

Every value that a tenant stores says whose it is: a text by its canary, a zone, the day of an
instant. Whatever answers a tenant is searched for the values of all the others.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from schedule.oracle.identity import send_id
from service.processes import free_port, running, wait_until_ready

from sendopt.app import open_app
from sendopt.records import CampaignId, TenantId, UserId
from sendopt.settings import Settings

CLIENTS = 6
ZONES = (
    "Africa/Cairo", "Africa/Lagos", "America/Bogota", "America/Chicago", "America/Lima",
    "Asia/Dubai", "Asia/Jakarta", "Asia/Kolkata", "Asia/Manila", "Asia/Tokyo",
    "Atlantic/Azores", "Australia/Perth", "Europe/Athens", "Europe/Dublin", "Europe/Lisbon",
    "Europe/Madrid", "Europe/Oslo", "Europe/Vienna", "Pacific/Auckland", "Pacific/Fiji",
)  # fmt: skip
_LISTS = ("/v1/campaigns", "/v1/sends", "/v1/users", "/v1/devices")
USERS = tuple(f"u{number}" for number in range(10))
#: The sends of `today` are handed over while the load is there; nothing of `trial` is sent.
CAMPAIGNS = ("sale", "today", "trial")
EVENTS = 200
#: Values that say whose they are: the first group, or the zone, is the tenant's number.
_CANARY = re.compile(
    rb"(?:canary|tenant|only)-(\d\d)\b|20(?:26-03|27-05)-(\d\d)T|("
    + "|".join(ZONES).encode()
    + b")"
)
#: What differs between two answers to the same question.
_OF_THE_MOMENT = {"date", "x-request-id"}


def name_of(number: int) -> TenantId:
    return TenantId(f"tenant-{number:02d}")


@dataclass(frozen=True)
class Tenant:
    number: int
    key: str
    today_at: datetime  # when its sends of today are due

    @property
    def name(self) -> TenantId:
        return name_of(self.number)

    @property
    def zone(self) -> str:
        return ZONES[self.number]

    @property
    def own(self) -> str:
        """Return the name of what only this tenant has, of each kind."""
        return f"only-{self.number:02d}"

    def says(self, what: str) -> str:
        return f"canary-{self.number:02d}-{what}"

    def day(self, month: str) -> str:
        """Return noon of the day of a month that is this tenant's."""
        return f"{month}-{self.number + 1:02d}T12:00:00+00:00"


@dataclass(frozen=True)
class Question:
    """One request, and what may come of it."""

    route: str
    method: str
    path: str
    body: Any = None
    expected: tuple[int, ...] = (200,)


@dataclass
class Heard:
    """What came of the requests of one route."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    own: int = 0  # answers that hold a value of whoever asked
    foreign: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)  # answers of another status than expected


class Load:
    """Asks for many tenants at once, and looks at every answer."""

    def __init__(self, url: str, tenants: Sequence[Tenant]) -> None:
        self.heard: dict[str, Heard] = {}
        self._tenants = tenants
        self._lock = threading.Lock()
        self._here = threading.local()
        self._url = url

    def ask(self, tenant: Tenant, question: Question) -> httpx.Response:
        answer = self._client().request(
            question.method,
            question.path,
            json=question.body,
            headers={"authorization": f"Bearer {tenant.key}"},
        )
        named = re.findall("only-[0-9]{2}", question.path)  # by whoever asks
        found = {_whose(match) for match in _CANARY.finditer(_told(answer, named))}
        told = f"{tenant.name} {question.method} {question.path}: {answer.status_code}"
        with self._lock:
            heard = self.heard.setdefault(question.route, Heard())
            heard.requests += 1
            heard.statuses[answer.status_code] += 1
            heard.own += tenant.number in found
            if found - {tenant.number}:
                heard.foreign.append(f"{told} {answer.text[:300]}")
            overloaded = answer.status_code == 503 and answer.json()["code"] == "overloaded"
            if answer.status_code not in question.expected and not overloaded:
                heard.strange.append(f"{told} {answer.text[:300]}")
        return answer

    def interleaved(self, asked: Sequence[tuple[Tenant, Question]]) -> None:
        with ThreadPoolExecutor(CLIENTS) as pool:
            for _ in pool.map(lambda each: self.ask(*each), asked):
                pass

    def differences(self) -> list[str]:
        """Return where the id of another tenant is answered otherwise than an unknown one."""
        different = []
        for asking in self._tenants:
            other = self._tenants[(asking.number + 7) % len(self._tenants)]
            for name, question in _BY_ID.items():
                theirs = _other_id(name, other)
                nobodys = "s_" + "a" * 32 if name in _OF_SENDS else "only-zz"
                answers = [
                    _apart_from(each, self.ask(asking, question(each)))
                    for each in (theirs, nobodys)
                ]
                if answers[0] != answers[1]:
                    different.append(f"{asking.name} {name}: {answers[0]} != {answers[1]}")
        return different

    def hand_on_cursors(self) -> None:
        """Let each tenant go on in its lists where another one has stopped."""
        for asking in self._tenants:
            other = self._tenants[(asking.number + 7) % len(self._tenants)]
            for path in _LISTS:
                first = self.ask(other, Question(f"GET {path}", "GET", f"{path}?limit=2"))
                going_on = f"{path}?limit=2&cursor={first.json()['next_cursor']}"
                self.ask(asking, Question("other's cursors", "GET", going_on))

    def _client(self) -> httpx.Client:
        if not hasattr(self._here, "client"):
            self._here.client = httpx.Client(base_url=self._url, timeout=60)
        client: httpx.Client = self._here.client
        return client


def _told(answer: httpx.Response, named: Sequence[str]) -> bytes:
    headers = b"\n".join(name + b": " + value for name, value in answer.headers.raw)
    told = headers + b"\n\n" + answer.content
    for each in named:
        told = told.replace(each.encode(), b"ID")
    return told


def _whose(match: re.Match[bytes]) -> int:
    name, day, zone = match.groups()
    if zone is not None:
        return ZONES.index(zone.decode())
    return int(name) if name is not None else int(day) - 1


def _apart_from(asked_for: str, answer: httpx.Response) -> tuple[int, Any, bytes]:
    headers = {k: v for k, v in answer.headers.items() if k not in _OF_THE_MOMENT}
    content = answer.content.replace(answer.headers["x-request-id"].encode(), b"REQUEST")
    return answer.status_code, headers, content.replace(asked_for.encode(), b"ID")


def _other_id(name: str, other: Tenant) -> str:
    if name in _OF_SENDS:
        return send_id(other.name, CampaignId("sale"), UserId("u0"))
    return other.own


_OF_SENDS = {"send", "send cancel", "send response"}
#: Every route that takes an id, asked with one.
_BY_ID: dict[str, Callable[[str], Question]] = {
    "user": lambda each: Question("other's ids", "GET", f"/v1/users/{each}", None, (404,)),
    "best times": lambda each: Question(
        "other's ids", "GET", f"/v1/users/{each}/best-times", None, (200, 404)
    ),
    "explanation": lambda each: Question(
        "other's ids", "GET", f"/v1/users/{each}/explanation", None, (404, 409)
    ),
    "consent": lambda each: Question(
        "other's ids", "GET", f"/v1/users/{each}/consent", None, (404,)
    ),
    "preferences": lambda each: Question(
        "other's ids", "GET", f"/v1/users/{each}/preferences", None, (404,)
    ),
    "export of a user": lambda each: Question(
        "other's ids", "GET", f"/v1/users/{each}/export", None, (404,)
    ),
    "campaign": lambda each: Question("other's ids", "GET", f"/v1/campaigns/{each}", None, (404,)),
    "campaign and user": lambda each: Question(
        "other's ids", "GET", f"/v1/campaigns/sale/users/{each}", None, (200, 404)
    ),
    "pause": lambda each: Question(
        "other's ids", "POST", f"/v1/campaigns/{each}/pause", None, (404,)
    ),
    "resume": lambda each: Question(
        "other's ids", "POST", f"/v1/campaigns/{each}/resume", None, (404,)
    ),
    "results": lambda each: Question(
        "other's ids", "GET", f"/v1/campaigns/{each}/results", None, (404,)
    ),
    "sends of a campaign": lambda each: Question(
        "other's ids", "GET", f"/v1/sends?campaign_id={each}"
    ),
    "sends of a user": lambda each: Question("other's ids", "GET", f"/v1/sends?user_id={each}"),
    "devices of a user": lambda each: Question("other's ids", "GET", f"/v1/devices?user_id={each}"),
    "preview": lambda each: Question(
        "other's ids", "GET", f"/v1/campaigns/{each}/preview", None, (404,)
    ),
    "cancel": lambda each: Question(
        "other's ids", "POST", f"/v1/campaigns/{each}/cancel", None, (404,)
    ),
    "lift": lambda each: Question(
        "other's ids", "GET", f"/v1/lift?campaign_id={each}", None, (200, 404)
    ),
    "send": lambda each: Question("other's ids", "GET", f"/v1/sends/{each}", None, (404,)),
    "send cancel": lambda each: Question(
        "other's ids", "POST", f"/v1/sends/{each}/cancel", None, (404,)
    ),
    "send response": lambda each: Question(
        "other's ids", "POST", f"/v1/sends/{each}/responses", {"kind": "open"}, (404,)
    ),
}


def _user(tenant: Tenant, name: str) -> Question:
    return Question("PUT users", "PUT", f"/v1/users/{name}", {"timezone": tenant.zone})


def _device(tenant: Tenant, name: str) -> Question:
    body = {
        "device_id": f"device-of-{name}",
        "user_id": name,
        "channel": "simulator",
        "address": {},
        "platform": tenant.says("platform"),
        "timezone": tenant.zone,
    }
    return Question("POST devices", "POST", "/v1/devices", body)


def _campaign(tenant: Tenant, name: str, *, commit: bool) -> Question:
    path = f"/v1/campaigns?commit={str(commit).lower()}"
    return Question("POST campaigns", "POST", path, _definition(tenant, name), (200, 201))


def _definition(tenant: Tenant, name: str) -> dict[str, Any]:
    text = tenant.says(name)
    begins_at = (
        tenant.today_at if name == "today" else datetime.fromisoformat(tenant.day("2027-05"))
    )
    return {
        "campaign_id": name,
        "channel": "simulator",
        "message_type": text,
        "variants": [
            {"variant_id": "v", "title": text, "body": text, "url": f"https://{text}.example/"}
        ],
        "send_window": {
            "earliest_at": begins_at.isoformat(),
            "latest_at": (begins_at + timedelta(hours=6)).isoformat(),
        },
        "quiet_hours": None,
        "holdout": {"share": 0.3},
        "audience": [*USERS, tenant.own],
        "candidate_times": {user: [begins_at.isoformat()] for user in (*USERS, tenant.own)},
    }


def _wanted(tenant: Tenant) -> dict[str, Any]:
    return {"topics": {tenant.says("topic"): False}, "quiet_hours": None, "snoozed_until": None}


def _events(tenant: Tenant, numbers: Sequence[int]) -> Question:
    body = [
        {
            "event_id": f"e{number}",
            "user_id": USERS[number % len(USERS)],
            "event_type": "session",
            "occurred_at": tenant.day("2026-03"),
            "platform": tenant.says("platform"),
            "timezone": tenant.zone,
            "attributes": {"said": tenant.says("attribute")},
        }
        for number in numbers
    ]
    return Question("POST events", "POST", "/v1/events", body)


def _opt_out(tenant: Tenant) -> Question:
    body = [
        {
            "event_id": "leaves",
            "user_id": "u9",
            "event_type": "opt_out",
            "occurred_at": tenant.day("2026-03"),
        }
    ]
    return Question("POST events", "POST", "/v1/events", body)


def _first(tenant: Tenant) -> Iterator[Question]:
    """Yield what a tenant stores before anything is asked."""
    for name in (*USERS, tenant.own):
        yield _user(tenant, name)
        yield _device(tenant, name)
    for name in (*CAMPAIGNS, tenant.own):
        yield _campaign(tenant, name, commit=name != "trial")
    yield _opt_out(tenant)


def _any(tenant: Tenant, rng: random.Random) -> Question:
    """Return one question of any kind."""
    user, campaign = rng.choice((*USERS, tenant.own)), rng.choice((*CAMPAIGNS, tenant.own))
    sale = rng.choice(("sale", "today"))
    send = send_id(tenant.name, CampaignId(sale), UserId(user))
    definition = _definition(tenant, "another")
    report = {"kind": "open"}
    cheap = (
        Question("GET one user", "GET", f"/v1/users/{user}"),
        Question("GET best times", "GET", f"/v1/users/{user}/best-times"),
        Question("GET explanation", "GET", f"/v1/users/{user}/explanation", None, (409,)),
        Question("GET consent", "GET", f"/v1/users/{user}/consent"),
        Question("GET preferences", "GET", f"/v1/users/{user}/preferences"),
        Question("PUT preferences", "PUT", f"/v1/users/{user}/preferences", _wanted(tenant)),
        Question("GET export of a user", "GET", f"/v1/users/{user}/export"),
        Question("GET exported sends", "GET", f"/v1/exports/sends?campaign_id={sale}"),
        Question("GET exported devices", "GET", "/v1/exports/devices"),
        Question("GET whether it reaches", "GET", f"/v1/campaigns/{sale}/users/{user}"),
        Question("GET audit", "GET", "/v1/audit?limit=20"),
        Question("GET one campaign", "GET", f"/v1/campaigns/{campaign}"),
        Question("GET one send", "GET", f"/v1/sends/{send}"),
        Question("GET results", "GET", f"/v1/campaigns/{campaign}/results"),
        *(Question(f"GET {path}", "GET", path) for path in _LISTS),
        Question("GET /v1/sends", "GET", f"/v1/sends?campaign_id={sale}&user_id={user}"),
        Question("GET /v1/devices", "GET", f"/v1/devices?user_id={user}"),
        Question("GET lift", "GET", f"/v1/lift?campaign_id={sale}"),
        Question("GET lift", "GET", "/v1/lift"),
        Question("GET statements", "GET", f"/v1/statements/{tenant.today_at:%Y-%m}"),
        Question("GET web push key", "GET", "/v1/web-push-key"),
        _user(tenant, user),
        _user(tenant, user),
        _device(tenant, user),
        _device(tenant, user),
        _events(tenant, [rng.randrange(EVENTS) for _ in range(rng.randint(1, 5))]),
        _events(tenant, [rng.randrange(EVENTS) for _ in range(rng.randint(1, 5))]),
        Question("POST cancel", "POST", f"/v1/sends/{send}/cancel", None, (200, 409)),
        Question("POST responses", "POST", f"/v1/sends/{send}/responses", report, (200, 409)),
        Question("POST campaign cancel", "POST", "/v1/campaigns/trial/cancel"),
    )
    dear = (  # each plans for everybody, or asks the registry of models
        _campaign(tenant, campaign, commit=rng.random() < 0.3 and campaign != "trial"),
        Question("GET preview", "GET", f"/v1/campaigns/{campaign}/preview"),
        Question("POST preview", "POST", "/v1/campaigns/another/preview", definition),
        Question("GET models", "GET", "/v1/models"),
    )
    return rng.choice(cheap if rng.random() < 0.95 else dear)


def run(home: Path, log: Path, *, requests: int, seed: int) -> tuple[dict[str, Heard], list[str]]:
    """Return what was heard by route, and where another's id and an unknown one differ."""
    # Soon enough, and late enough that every tenant's sends are planned by then.
    today_at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)
    tenants = []
    with closing(open_app(Settings(home=home))) as app:
        app.open_stores()
        for number, zone in enumerate(ZONES):
            app.operator.create_tenant(name_of(number), timezone=zone)
            key = app.as_owner_of(name_of(number)).keys.issue(f"canary-{number:02d}-key").key
            tenants.append(Tenant(number, key, today_at))
    port = str(free_port())
    environment = {"SENDOPT_HOME": str(home), "SENDOPT_HTTP__PORT": port}
    with log.open("w") as said, running("run", environment, stderr=said) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process)
        load = Load(f"http://127.0.0.1:{port}", tenants)
        rng = random.Random(seed)
        first = [[*_first(tenant)] for tenant in tenants]
        load.interleaved(
            [each for turn in zip(*first, strict=True) for each in zip(tenants, turn, strict=True)]
        )
        made = sum(heard.requests for heard in load.heard.values())
        load.interleaved(
            [(tenant := rng.choice(tenants), _any(tenant, rng)) for _ in range(requests - made)]
        )
        load.hand_on_cursors()
        return load.heard, load.differences()


def table(heard: dict[str, Heard], differences: Sequence[str]) -> str:
    lines = [
        "| route | requests | answered | with own values | with foreign values |",
        "|---|---|---|---|---|",
    ]
    for route, each in sorted(heard.items()):
        statuses = ", ".join(
            f"{count} x {status}" for status, count in sorted(each.statuses.items())
        )
        lines.append(
            f"| {route} | {each.requests} | {statuses} | {each.own} | {len(each.foreign)} |"
        )
    requests = sum(each.requests for each in heard.values())
    lines += [
        f"{requests} requests of {len(ZONES)} tenants by {CLIENTS} clients",
        f"{len(differences)} answers tell another tenant's id from one that nobody has",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m service.tenant_load")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sendopt-tenants-") as folder:
        home, log = Path(folder, "home"), Path(folder, "log")
        try:
            heard, differences = run(home, log, requests=given.requests, seed=given.seed)
        except httpx.TransportError:
            print("".join(log.read_text().splitlines(keepends=True)[-20:]), file=sys.stderr)
            raise
    print(table(heard, differences))
    amiss = [
        *differences,
        *(told for each in heard.values() for told in (*each.foreign, *each.strange)),
    ]
    print("\n".join(amiss[:20]))
    return 1 if amiss else 0


if __name__ == "__main__":
    sys.exit(main())
