"""Two tenants who call everything by the same names, and mean something else by each.

Users, devices, campaigns, variants, sends, events, clicks, periods and versions of rate cards have
the same ids; only what is unique over a whole table differs. A query that forgets its tenant meets
the other one's row under the id that it asks for, and every such row says something else.

What a send of a tenant went through is a *role*. North's send `s4` has the role 4, south's has the
role 5, and the other way round: so what one has and the other lacks stands under one id.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from state.unprotected import unprotected

from sendopt.records import (
    Arm,
    Campaign,
    CampaignId,
    Channel,
    ChargeKind,
    Device,
    DeviceId,
    ErasureStep,
    Event,
    EventType,
    Permission,
    ResponseKind,
    SendId,
    SendState,
    TenantId,
    UserId,
    Variant,
    VariantId,
)
from sendopt.state import (
    State,
    campaigns,
    erased,
    tables,
    tables_access,
    tables_billing,
    tables_campaigns,
    tables_erasure,
    tables_limits,
    tables_moves,
    tables_people,
    tables_requests,
    tables_series,
)
from sendopt.state.devices import fingerprint

NORTH, SOUTH = TWINS = (TenantId("north"), TenantId("south"))
#: Nobody has created it: whatever is found for it is somebody else's.
ABSENT = TenantId("absent")

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BEFORE_ANYTHING = NOW - timedelta(days=90)
#: No instant of Python's, in microseconds: whoever reads a row that holds it finds it damaged.
DAMAGED = 10**18

ROLES = range(16)
USERS = tuple(UserId(f"u{number}") for number in range(10))
#: The definition of a campaign that both have, and made at other times.
TOLD = {"said": "by both"}
#: Both twins have the words, each in other variants.
SHARED_WORDS = {"title": "Hello", "body": "It is today", "url": "https://example.org/today"}

_DELIVERED = {
    0: {"arm": Arm.OPTIMISED, "handed_over_at": NOW - 5 * HOUR},
    1: {"arm": Arm.HOLDOUT, "handed_over_at": NOW - 5 * HOUR},
    2: {"handed_over_at": NOW - 20 * HOUR},
    3: {"handed_over_at": NOW - 11 * HOUR},
}
_CLAIMED = {
    5: {"claimed_by": "dead", "ready_at": NOW - 5 * MINUTE, "fence": 5},
    9: {"claimed_by": tables.HOLDER, "ready_at": NOW + 2 * HOUR, "fence": 1},
    10: {"claimed_by": "alive", "ready_at": NOW + 5 * MINUTE, "fence": 3},
    11: {"claimed_by": "living", "ready_at": NOW + 6 * MINUTE, "fence": 3},
}
_DUE = (4, 14, 15)
_SUPPRESSED = 8
_UNDECIDED = 12
#: Decided as this release does; the others as one did before.
_PACKED = (2, 6, 14)
_TRIED = (0, 1, 2, 3, 5, 10)
_LINKED = (0, 1, 2, 3, 5)
_ASKED_FOR = (4, 6, 13)
_CAMPAIGN_OF_ROLE = ("sale", "sale", "news", "news", *("sale", "news") * 5, "sale")
#: Of a campaign of its own, of which the other twin has a damaged one that nothing is due of.
_OF_THE_SPARE = 15
_USER_OF_ROLE = (0, 1, 0, 1, 2, 3, 4, 5, 6, 6, 7, 7, 8, 8, 9, 9)
#: Roles whose users the south has the other way round, so that the campaigns meet others.
_EXCHANGED = (4, 5)


def send_id(role: int, tenant_id: TenantId) -> SendId:
    return SendId(f"s{role ^ _number(tenant_id)}")


def link_id(send: str, tenant_id: TenantId) -> str:
    return f"link-{tenant_id}-{send}"


def a_device(name: str, user: str, tenant_id: TenantId, **changed: Any) -> Device:
    given = {
        "channel": Channel.WEBHOOK,
        "address": {"url": f"https://example.org/{name}"},
        "platform": f"made in the {tenant_id}",
        "timezone": "Europe/Berlin",
    }
    return Device(DeviceId(name), UserId(user), **(given | changed))


def an_event(name: str, tenant_id: TenantId, **changed: Any) -> Event:
    given = {
        "user_id": UserId("u1"),
        "event_type": EventType.SESSION,
        "occurred_at": NOW - HOUR,
        "attributes": {"said": f"in the {tenant_id}"},
    }
    return Event(name, **(given | changed))


def live(state: State, tenant_ids: Iterable[TenantId]) -> None:
    """Store what these tenants have."""
    with state.write_fleet() as tx:
        for tenant_id in tenant_ids:
            for table, rows in _rows(tenant_id).items():
                if rows:
                    tx.execute(sa.insert(table), rows)
        if SOUTH in tenant_ids:
            _damage(
                tx.execute,
                "event_outbox",
                "event",
                "'{}'",
                f"tenant_id = '{SOUTH}' and event_id = 'e4'",
            )
        for tenant_id in set(tenant_ids) & set(TWINS):
            given_at = BEFORE_ANYTHING + _number(tenant_id) * HOUR
            campaigns.put_campaign(
                tx.of(tenant_id), a_campaign("told"), TOLD, rules={"version": 1}, now=given_at
            )
            spare = f"spare-{1 - _number(tenant_id)}"
            whose = f"tenant_id = '{tenant_id}' and campaign_id = '{spare}'"
            _damage(tx.execute, "campaign", "cancelled_at", str(DAMAGED), whose)


def forget(state: State) -> None:
    """Leave no row of anybody."""
    with unprotected(state) as tx:
        for table in reversed(tables.metadata.sorted_tables):
            tx.execute(sa.delete(table))


def _damage(execute: Any, table: str, column: str, value: str, where: str) -> None:
    execute(sa.text(f"update {table} set {column} = {value} where {where}"))


def stored(state: State, tenant_id: TenantId) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of a tenant as the database holds it, but for numbers of all tenants."""
    found = {}
    with state.read_fleet() as tx:
        for table in _of_tenants():
            names = ", ".join(each.name for each in table.c if each.name != "sequence")
            query = sa.text(f"select {names} from {table.name} where tenant_id = :whose")
            rows = tx.execute(query, {"whose": tenant_id})
            found[table.name] = sorted((tuple(map(_bytes, row)) for row in rows), key=repr)
    return found


def _bytes(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def _of_tenants() -> list[sa.Table]:
    return [table for table in tables.metadata.sorted_tables if "tenant_id" in table.c]


def _number(tenant_id: TenantId) -> int:
    return TWINS.index(tenant_id)


def _rows(tenant_id: TenantId) -> dict[sa.Table, list[dict[str, Any]]]:
    if tenant_id == ABSENT:
        return {}
    number = _number(tenant_id)
    kept = {
        tables.tenant: [_tenant(number)],
        tables.api_key: _keys(number),
        tables.role: _roles(number),
        tables.app_user: _users(number),
        tables_people.consent: _consents(number),
        tables_people.preference: _preferences(number),
        tables.device: _devices(tenant_id),
        tables_limits.sending_limits: [_limits(version, number) for version in (1, 2 + number)],
        tables_campaigns.campaign: _campaigns(number),
        tables_series.series: _series(number),
        tables_series.series_revision: [
            {
                "series_id": each["series_id"],
                "revision": each["revision"],
                "definition": {"audience": ["u0", "u1"][: 1 + number]},
                "definition_hash": f"hash of {number}",
                "accepted_at": BEFORE_ANYTHING + number * HOUR,
            }
            for each in _series(number)
        ],
        tables_series.series_date: [
            {
                "series_id": each["series_id"],
                "local_date": "2026-09-29",
                "campaign_id": "sale",
                "commit_at": NOW - (2 + number) * HOUR,
                "ends_at": NOW + (20 + number) * HOUR,
                "state": "waits",
                "try_at": NOW - HOUR,
            }
            for each in _series(number)
        ],
        tables_campaigns.campaign_revision: _revisions(number),
        tables_campaigns.variant: _variants(number),
        tables.planned_send: [_send(role, number) for role in ROLES],
        tables.decision: [_decision(role) for role in ROLES if role not in {_UNDECIDED, *_PACKED}],
        tables_campaigns.decision_basis: _bases(number),
        tables_campaigns.send_request: [_send_request(role, number) for role in _ASKED_FOR],
        tables.attempt: [_attempt(role, number) for role in _TRIED],
        tables_moves.send_move: [_move(role, number) for role in _TRIED],
        tables.link: [_link(role, tenant_id) for role in _LINKED],
        tables.click: [_click(role, tenant_id) for role in range(4)],
        tables.response: _responses(number),
        tables_billing.rate_card: [_rate_card(version, number) for version in (1, 2 + number)],
        tables_billing.charge: _charges(number),
        tables_billing.period: [
            _period(name, number) for name in ("2026-08", f"2026-0{6 + number}")
        ],
        tables_billing.ledger_entry: _entries(number),
        tables.drift_alarm: [_alarm(name, number) for name in ("hour", "level")],
        tables.event_outbox: _events(tenant_id),
        tables_requests.keyed_request: _requests(number),
        tables_access.audit_record: _audit(number),
        tables_erasure.erasure_key: [{"secret": _secret(number)}],
        tables_erasure.erasure: [
            *(_erasure(name, number) for name in ("gone", "going")),
            *([_erasure("u9", number)] if number else []),  # under way for the one twin alone
        ],
        tables_erasure.erased_send: [
            {"send_id": 90 + at, "erasure_id": "going", "new_send_id": f"s{at + 4}"}
            for at in range(2 + number)
        ],
    }
    for rows in kept.values():
        for row in rows:
            row["tenant_id"] = tenant_id
            if "send_id" in row:
                row["send_id"] = send_id(row["send_id"], tenant_id)
    return kept


def _audit(number: int) -> list[dict[str, Any]]:
    """Doings of the same ids and times, by others; and one that only this twin has."""
    return [
        {
            "audit_id": f"a{at}" if at < 3 else f"only-{TWINS[number]}",
            "at": NOW - at * HOUR,
            "actor": f"key:{key_of(number)}" if at % 2 else "command line",
            "role": ("owner", "admin")[number],
            "place": f"192.0.2.{number}",
            "request_id": f"r{number}",
            "action": "key:issue" if at % 2 == number else "key:revoke",
            "target": f"key of {number}" if at else "key",
            "before": None,
            "after": {"of": number},
        }
        for at in range(4)
    ]


def _secret(number: int) -> str:
    return f"{number:02x}" * 32


def _erasure(name: str, number: int) -> dict[str, Any]:
    """An erasure that is over for one twin and under way for the other, of users of one id."""
    is_over = (name == "gone") == (number == 0)
    return {
        "erasure_id": name,
        "user_key": erased.key_of(_secret(number), UserId(name)),
        "asked_by": f"key of {number}",
        "asked_at": NOW - number * HOUR,
        "step": ErasureStep.DONE if is_over else (ErasureStep.LOG, ErasureStep.STATE)[number],
        "counts": {"events_deleted": number},
        "user_id": None if is_over else name,
        "pseudonym": None if is_over else f"erased-{number}",
        "done_at": NOW if is_over else None,
        "readmitted_at": None,
    }


def _requests(number: int) -> list[dict[str, Any]]:
    """Requests under the same keys: what is answered to one is at work or issued for the other."""
    answer = {
        "status": 200 + number,
        "headers": [["said-in", f"{number}"]],
        "body": zlib.compress(b"%d, of u%d" % (number, 6 - 3 * number)),
    }
    given: dict[str, dict[str, Any]] = {
        "answered": answer,
        "at work": answer if number else {"claim_expires_at": NOW + MINUTE},
        "issued": {"issued": f"a key of {number}"} if number else answer,
        "left": {},
        "another": {"fingerprint": f"another of {number}"},
        # Of a user who is erased for one twin, and of one who is not for the other.
        "of a user": answer
        | {"body": zlib.compress(json.dumps({"user_id": f"u{8 - 5 * number}"}).encode())},
        "expired": answer | {"expires_at": NOW + (HOUR if number else -HOUR)},
    }
    silent = dict.fromkeys(("issued", "status", "headers", "body"))
    return [
        {
            "request_key": name,
            "fingerprint": "the same",
            "claim": 3 + number,
            "claim_expires_at": NOW - MINUTE,
            "expires_at": NOW + HOUR,
            **silent,
            **facts,
        }
        for name, facts in given.items()
    ]


def _tenant(number: int) -> dict[str, Any]:
    return {
        "timezone": ("Europe/Berlin", "Asia/Tokyo")[number],
        "created_at": BEFORE_ANYTHING + number * HOUR,
        "import_epoch": (4, 7)[number],
    }


def key_of(number: int) -> str:
    return f"{number}" * 16


def _keys(number: int) -> list[dict[str, Any]]:
    return [
        {
            "key_id": key_of(number),
            "secret_hash": f"{number}",
            "name": "the service",
            "role": "planner",
            "created_at": BEFORE_ANYTHING,
        }
    ]


def _roles(number: int) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "permissions": [(Permission.USERS_READ, Permission.SENDS_READ)[number]],
            "made_at": BEFORE_ANYTHING + number * HOUR,
        }
        for name in ("planner", f"only_{TWINS[number]}")
    ]


def _users(number: int) -> list[dict[str, Any]]:
    names = [*USERS, UserId(f"only-{TWINS[number]}")]
    return [
        {
            "user_id": user,
            "timezone": "Europe/Berlin" if at % 2 == number else None,
            "opted_out_at": NOW - 4.5 * HOUR if at % 2 == number else None,
            "opt_out_known_at": NOW - 5.5 * HOUR if at % 2 == number else None,
            "last_opt_out_at": NOW - 4.5 * HOUR if at % 2 == number else None,
            "last_opt_in_at": NOW - (7 + number) * HOUR,
            "updated_at": NOW - (5 + number) * HOUR,
        }
        for at, user in enumerate(names)
    ]


def _consents(number: int) -> list[dict[str, Any]]:
    return [
        {
            "user_id": user,
            "said_at": NOW - 4 * HOUR,
            "given": bool(number),
            "source": f"a page of {number}",
            "received_at": NOW - (3 + number) * HOUR,
            "channel": Channel.WEBHOOK,
        }
        for user in ("u0", "u1", f"only-{TWINS[number]}")
    ]


def _preferences(number: int) -> list[dict[str, Any]]:
    return [
        {
            "user_id": user,
            "topics": {"promotion": bool(number)},
            "quiet_start": f"1{number}:00:00",
            "quiet_end": "12:30:00",
            "snoozed_until": NOW + (1 + number) * HOUR,
            "updated_at": NOW - HOUR,
        }
        for user in ("u2", "u3", "u9", f"only-{TWINS[number]}")
    ]


def _series(number: int) -> list[dict[str, Any]]:
    return [
        {
            "series_id": name,
            "created_at": BEFORE_ANYTHING + number * HOUR,
            "revision": 1,
            "next_date": f"2026-10-1{number}",
            "next_commit_at": NOW - (1 + number) * HOUR,
        }
        for name in ("weekly", f"of-{TWINS[number]}")
    ]


def _limits(version: int, number: int) -> dict[str, Any]:
    return {
        "version": version,
        "limits": {
            "caps": [{"at_most": 1 + number, "within_seconds": 3600, "message_type": None}],
            "least_gap_seconds": 60 * version,
            "weekly_budget": None,
            "capacities": [{"per_minute": 7, "channel": Channel.WEBHOOK}],
            "message_cost": 0.25,
            "no_send_share": 0.0,
            "legal_hours": bool(number),
        },
        "since": BEFORE_ANYTHING + (10 * version + number) * HOUR,
    }


def _devices(tenant_id: TenantId) -> list[dict[str, Any]]:
    number = _number(tenant_id)
    given = [
        a_device(f"d{at}", f"u{at ^ number}", tenant_id, timezone=None if number else "UTC")
        for at in range(10)
    ]
    # Another address under a name of the other's, another name for one of its addresses.
    given.append(a_device(f"only-{tenant_id}", "u4", tenant_id, address={"url": "https://a.org"}))
    return [
        {
            "device_id": each.device_id,
            "user_id": each.user_id,
            "channel": each.channel,
            "address": each.address,
            "address_hash": fingerprint(each),
            "platform": each.platform,
            "timezone": each.timezone,
            "registered_at": NOW - (30 + number) * HOUR,
            "dead_at": NOW - HOUR if at % 4 == number else None,
            "dead_reason": f"gone {number}" if at % 4 == number else None,
        }
        for at, each in enumerate(given)
    ]


def a_campaign(name: str) -> Campaign:
    return Campaign(
        campaign_id=CampaignId(name),
        variants=(Variant(VariantId("a"), "Title", "Body", url=None),),
        channel=Channel.WEBHOOK,
        earliest_at=NOW,
        latest_at=NOW + 3 * HOUR,
    )


def definition(name: str, number: int) -> dict[str, Any]:
    return {
        "campaign_id": name,
        "message_type": "promotion" if name == "sale" else None,
        "quiet_hours": {"start": f"2{number}:00", "end": "07:00"},
        "audience": [f"u{number}", "u6"],
    }


_CAMPAIGNS = ("sale", "news", "spare-0", "spare-1")


def _campaigns(number: int) -> list[dict[str, Any]]:
    return [
        {
            "campaign_id": name,
            "created_at": NOW - (15 + 2 * number) * HOUR,
            "committed_at": NOW - 14 * HOUR if name == "sale" else None,
            "paused_at": NOW - 2 * HOUR if name == "spare-0" and number else None,
            "cancelled_at": NOW - HOUR if name == "news" and number else None,
        }
        for name in (*_CAMPAIGNS, f"only-{TWINS[number]}")
    ]


def _revisions(number: int) -> list[dict[str, Any]]:
    return [
        {
            "campaign_id": name,
            "revision": 1,
            "definition": definition(name, number),
            "definition_hash": f"{name} of {number}",
            "accepted_at": NOW - (14 + 2 * number) * HOUR,
            "latest_at": NOW + (3 - 6 * number) * HOUR,
            # What is news to the one twin's users is owed to those of the other.
            "rules": {"message_class": "transactional", "message_type": "news"}
            if name == "news" and number
            else None,
        }
        for name in (*_CAMPAIGNS, f"only-{TWINS[number]}")
    ]


def _variants(number: int) -> list[dict[str, Any]]:
    shared = {("sale", "a"), ("news", "b")} if number == 0 else {("sale", "b"), ("news", "a")}
    return [
        {
            "campaign_id": campaign,
            "revision": 1,
            "variant_id": name,
            **SHARED_WORDS,
            **({} if (campaign, name) in shared else {"title": f"{campaign} {name} of {number}"}),
        }
        # The last one is of a campaign that the other twin has a send of, and no words for it.
        for campaign, names in (("sale", "ab"), ("news", "ab"), (f"spare-{1 - number}", "b"))
        for name in names
    ]


def _send(role: int, number: int) -> dict[str, Any]:
    due_at = NOW + HOUR + number * MINUTE
    state, reason = SendState.PLANNED, None
    given: dict[str, Any] = {}
    if role in _DELIVERED:
        given = _DELIVERED[role]
        due_at, state, reason = given["handed_over_at"], SendState.DELIVERED, "accepted"
    elif role in _CLAIMED:
        given = _CLAIMED[role] | {"claim_expires_at": _CLAIMED[role]["ready_at"]}
        due_at, state = NOW - HOUR, SendState.CLAIMED
    elif role in _DUE:
        due_at = NOW - (10 + number) * MINUTE
    elif role == _SUPPRESSED:
        state, reason, given = SendState.SUPPRESSED, "no_device", {"arm": Arm.OPTIMISED}
    waits = state is SendState.PLANNED
    return {
        "send_id": role,
        "campaign_id": f"spare-{number}" if role == _OF_THE_SPARE else _CAMPAIGN_OF_ROLE[role],
        "variant_id": "ab"[role % 2],
        "user_id": user_of(role, number),
        "device_id": None if role == _SUPPRESSED else f"d{role % 10}",
        "channel": Channel.WEBHOOK,
        "due_at": None if role == _SUPPRESSED else due_at,
        "expires_at": None if role == _SUPPRESSED else NOW + 3 * HOUR,
        "ready_at": due_at if waits else None,
        "state": state,
        "reason": reason,
        "attempt_count": 1 if role in _TRIED else 0,
        "claimed_by": None,
        "claim_expires_at": None,
        "fence": 0,
        "handed_over_at": None,
        # The first experiment of the north began earlier than that of the south.
        "planned_at": NOW - (10 - 2 * number) * HOUR if "arm" in given else NOW - 21 * HOUR,
        "arm": None,
        **(_decided(role) if role in _PACKED else {}),
        **given,
    }


def _send_request(role: int, number: int) -> dict[str, Any]:
    return {"send_id": role, "request": {"of": number}, "asked_by": f"key:{number}"}


def user_of(role: int, number: int) -> UserId:
    return USERS[_USER_OF_ROLE[role ^ number if role in _EXCHANGED else role]]


def _decided(role: int) -> dict[str, Any]:
    return {
        "basis": 1,
        "scores": struct.pack("<f", 0.25),
        "propensity": 0.5,
        "explored": role in {2, 6},
        "variant_propensity": 0.5,
        "quiet_offsets": [0],
    }


def _bases(number: int) -> list[dict[str, Any]]:
    """Of one number and of one content for both, and of another for each."""
    return [
        {
            "campaign_id": campaign,
            "number": at,
            "content_hash": f"{campaign} {at if at < 3 else TWINS[number]}",
            "slots": [[NOW.isoformat(), None]],
            "policy": "epsilon_greedy",
            "timezone": (("Asia/Tokyo", "Europe/Berlin")[number], "UTC", "Asia/Dubai")[at - 1],
            "timezone_source": "user",
            "send_propensity": 0.5 + 0.25 * number,
            "zone_database": ("2026e", "2026f")[number],
        }
        for campaign in ("sale", "news")
        for at in (1, 2 + number)
    ]


def _decision(role: int) -> dict[str, Any]:
    return {
        "send_id": role,
        "slots": [[NOW.isoformat(), 0.25, None]],
        "chosen_at": NOW,
        "propensity": 0.5,
        "policy": "epsilon_greedy",
        "timezone": ("Europe/Berlin", "Asia/Tokyo")[role % 2],
        "timezone_source": "user",
        "explored": role in {0, 2, 6},
        "variant_propensity": 0.25 if role % 2 else 0.5,
        "quiet_offsets": [60 * (role % 2)],
    }


def _attempt(role: int, number: int) -> dict[str, Any]:
    accepted = role in _DELIVERED
    return {
        "send_id": role,
        "number": 1,
        "provider": f"provider {number}",
        "device_id": f"d{role}",
        "started_at": NOW - 5 * HOUR,
        "finished_at": NOW - 5 * HOUR if accepted else None,
        "outcome": "accepted" if accepted else None,
        "reason": None,
    }


def _move(role: int, number: int) -> dict[str, Any]:
    return {
        "send_id": role,
        "moved_at": NOW - 6 * HOUR,
        "until": NOW - (5 - number) * HOUR,
        "reason": "quiet_hours",
    }


def _link(role: int, tenant_id: TenantId) -> dict[str, Any]:
    return {
        "send_id": role,
        "link_id": link_id(send_id(role, tenant_id), tenant_id),
        "destination": f"https://example.org/{tenant_id}",
        "created_at": NOW - 5 * HOUR,
    }


def _click(role: int, tenant_id: TenantId) -> dict[str, Any]:
    number = _number(tenant_id)
    # The last one names a link that only the other twin has.
    whose = TWINS[1 - number] if role == 3 else tenant_id
    return {
        "send_id": role,
        "click_id": f"k{role ^ number}",
        "link_id": link_id(send_id(role, tenant_id), whose),
        "occurred_at": _DELIVERED[role]["handed_over_at"] + (10 + number) * MINUTE,
        "user_agent": f"a browser in the {tenant_id}",
        "filtered_reason": "too_fast" if role == 3 else None,
        "period": (None, "2026-09", f"2026-0{8 + number}", None)[role],
    }


def _responses(number: int) -> list[dict[str, Any]]:
    kinds = [
        (0, ResponseKind.OPEN, None),
        (1, ResponseKind.RESPONSE, None),
        (1, ResponseKind.DISMISSAL, None),
        (2, ResponseKind.RESPONSE, f"2026-0{9 - number}"),
        (3, ResponseKind.OPEN, None),
    ]
    return [
        {
            "send_id": role,
            "kind": kind,
            "occurred_at": _DELIVERED[role]["handed_over_at"] + (20 + number) * MINUTE,
            "filtered_reason": "unmeasured" if role == 3 else None,
            "period": period,
        }
        for role, kind, period in kinds
    ]


def _rate_card(version: int, number: int) -> dict[str, Any]:
    return {
        "version": version,
        "currency": ("EUR", "JPY")[number],
        "click_price_minor": f"{version + 10 * number}",
        "response_price_minor": f"{version + 20 * number}",
        "attribution_window_seconds": 3600 * (1 + number),
        "effective_at": BEFORE_ANYTHING + (10 * version + number) * HOUR,
    }


def _charges(number: int) -> list[dict[str, Any]]:
    kinds = [(0, ChargeKind.CLICK, 1), (1, ChargeKind.CLICK, 1), (2, ChargeKind.RESPONSE, 3)]
    return [
        {
            "send_id": role,
            "kind": kind,
            "occurred_at": NOW - (5 + number) * HOUR,
            "period": "2026-09" if role else f"2026-0{9 - number}",
            # The last one names a rate card that only the other twin has.
            "rate_card_version": version - number if version == 3 else version,
        }
        for role, kind, version in kinds
    ]


def _period(name: str, number: int) -> dict[str, Any]:
    return {
        "period": name,
        "closed_at": NOW - (20 + number) * HOUR,
        "statement": f'{{"of":{number}}}',
        "statement_sha256": f"hash {number}",
    }


def _entries(number: int) -> list[dict[str, Any]]:
    # What is amiss in one twin's posting would hide what is amiss in the other's.
    sides = {"receivable": 10 + 5 * number, "revenue": -(11 + 3 * number)}
    return [
        {
            "posting": "2026-08/click/1",
            "account": account,
            "amount_minor": amount,
            "currency": "EUR",
            "period": "2026-08",
            "posted_at": NOW - (20 + number) * HOUR,
        }
        for account, amount in sides.items()
    ]


def _alarm(name: str, number: int) -> dict[str, Any]:
    return {
        "name": name,
        "value": 0.25 + number,
        "threshold": 1.0,
        "ringing": bool(number),
        "until": NOW - number * HOUR,
    }


def _events(tenant_id: TenantId) -> list[dict[str, Any]]:
    number = _number(tenant_id)
    sends = [send_id(role, tenant_id) for role in _DELIVERED]
    # Of the first role's effects no event is left.
    names = [
        *(f"e{at}" for at in range(4)),
        f"only-{tenant_id}",
        *(f"{each}:send" for each in sends[1:]),
        *(f"k{role ^ number}" for role in range(1, 4)),
        *(f"{sends[role]}:{kind}" for role, kind in ((1, "response"), (2, "response"))),
        "e4",
        "e5",
        "e6",
    ]
    return [
        {
            # Beyond those that the database gives.
            "sequence": 10_000 + 2 * at + number,
            "event_id": name,
            "event": _document(name, tenant_id),
            "recorded_at": NOW - (3 + number) * HOUR,
            # The twins take turns, and the last events still wait for theirs.
            "position": None if name in {"e5", "e6"} else 2 * at + 1 + number,
            "refused_reason": "event_conflict" if name == "e2" else None,
        }
        for at, name in enumerate(names)
    ]


def _document(name: str, tenant_id: TenantId) -> dict[str, Any]:
    event = an_event(name, tenant_id)
    document = {
        "event_id": name,
        "user_id": event.user_id,
        "event_type": str(event.event_type),
        "occurred_at": event.occurred_at.isoformat(timespec="microseconds"),
        "attributes": event.attributes,
    }
    if name.endswith(":send"):
        send = name.removesuffix(":send")
        role = int(send[1:]) ^ _number(tenant_id)
        of_send = _send(role, _number(tenant_id))
        document |= {
            "event_type": "send",
            "user_id": of_send["user_id"],
            "send_id": send,
            "campaign_id": of_send["campaign_id"],
        }
    return document
