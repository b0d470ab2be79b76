"""Judges a history: what clients were promised, against every store and the phones.

Looks at a deployment that has settled: everything that was owed had its time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from faults.ack_log import AckLog, clicks, ids
from faults.deployment import TENANT

from sendopt.app import App
from sendopt.errors import SendoptError
from sendopt.records import SendState
from sendopt.state import tables, tables_billing


@dataclass
class Verdict:
    """What is wrong, each in words; and how many deliveries came again for a known reason."""

    lost: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    doubled: int = 0


@dataclass(frozen=True)
class _Stores:
    """What the stores say of one tenant."""

    log_events: Counter[str]  # by id
    sends: list[sa.Row[tuple[object, ...]]]
    arrivals: Counter[str]  # attempts by send, after which the receiver may hold the message
    clicks: Counter[str]  # by send
    click_ids: set[str]
    charged: Counter[str]  # clicks, by send


def judge(
    app: App, acks: AckLog, delivered: Counter[str], *, latest_clock: datetime | None = None
) -> Verdict:
    """Compare what was promised and delivered (by send) with the stores; then verify them.

    `latest_clock` is how late it ever was by the service's clock; default: as late as now.
    """
    latest_clock = latest_clock or app.clock.now()
    verdict = Verdict()
    try:
        app.rounds.settle()
    except SendoptError as error:
        verdict.findings.append(f"it does not settle: {error}")
    stores = _read(app)
    for judged in (
        _events(acks, stores),
        _campaigns(acks, stores, delivered, latest_clock),
        _deliveries(stores, delivered),
        _clicks(acks, stores),
    ):
        for kind, text in judged:
            getattr(verdict, kind).append(text)
    verdict.doubled = sum(delivered.values()) - len(delivered)
    verdict.unexpected += acks.refused
    verdict.findings += _verified(app)
    return verdict


def _verified(app: App) -> list[str]:
    """Return what `verify` finds; that it ends without an answer is a finding too."""
    try:
        found = app.operator.verify(progress=lambda _: None).findings
    except Exception as error:  # noqa: BLE001 - it may never die of what it finds
        return [f"verify died: {type(error).__name__}: {error}"]
    return [f"{each.rule} {each.subject}: {each.explanation}" for each in found]


def _read(app: App) -> _Stores:
    with app.reader(TENANT) as reader:
        log_events = Counter(
            reader.query("ids", "select event_id from event")["event_id"].to_pylist()
        )
    with app.state.read_fleet() as tx:
        sends = list(tx.execute(_of_tenant(tables.planned_send)))
        attempts = list(tx.execute(_of_tenant(tables.attempt)))
        clicked = list(tx.execute(_of_tenant(tables.click)))
        charges = list(tx.execute(_of_tenant(tables_billing.charge)))
    return _Stores(
        log_events,
        sends,
        Counter(row.send_id for row in attempts if _may_have_arrived(row)),
        Counter(row.send_id for row in clicked),
        {row.click_id for row in clicked},
        Counter(row.send_id for row in charges if row.kind == "click"),
    )


def _may_have_arrived(attempt: sa.Row[tuple[object, ...]]) -> bool:
    """Whether the receiver may hold the message: it took it, or nobody knows."""
    begun = attempt.reason != "lease_over"
    return begun and attempt.outcome in {"accepted", "retry", None}


def _of_tenant(table: sa.Table) -> sa.Select[tuple[object, ...]]:
    return sa.select(table).where(table.c.tenant_id == TENANT)


def _events(acks: AckLog, stores: _Stores) -> Iterator[tuple[str, str]]:
    acknowledged, attempted = (
        ids(acks.acknowledged("events", "file")),
        ids(acks.attempted("events", "file")),
    )
    for event_id in sorted(acknowledged - set(stores.log_events)):
        yield "lost", f"event {event_id} is not in the log"
    known = attempted | stores.click_ids | {f"{row.send_id}:send" for row in stores.sends}
    for event_id, count in stores.log_events.items():
        if event_id not in known:
            yield "unexpected", f"event {event_id} is in the log, and nobody sent it"
        if count > 1:
            yield "unexpected", f"event {event_id} is in the log {count} times"


def _campaigns(
    acks: AckLog, stores: _Stores, delivered: Counter[str], latest_clock: datetime
) -> Iterator[tuple[str, str]]:
    by_campaign: dict[str, list[sa.Row[tuple[object, ...]]]] = {}
    for row in stores.sends:
        by_campaign.setdefault(row.campaign_id, []).append(row)
    for exchange in acks.acknowledged("campaign"):
        rows = by_campaign.get(exchange.ids[0], [])
        users = {row.user_id for row in rows}
        for user in sorted(set(exchange.body["audience"]) - users):
            yield "lost", f"{exchange.ids[0]} has no send for {user}"
        for row in rows:
            if not _ended_well(row, exchange.body, latest_clock):
                yield "lost", f"send {row.send_id} ended as {row.state} ({row.reason})"
    attempted = ids(acks.attempted("campaign"))
    for row in stores.sends:
        if row.campaign_id not in attempted:
            yield "unexpected", f"send {row.send_id} of a campaign that nobody committed"
        if row.state == SendState.DELIVERED and not delivered[row.send_id]:
            yield "lost", f"send {row.send_id} counts as delivered and never arrived"
        if row.state == SendState.DELIVERED and f"{row.send_id}:send" not in stores.log_events:
            yield "lost", f"send {row.send_id} is not in the log"


def _ended_well(row: sa.Row[tuple[object, ...]], definition: Any, latest_clock: datetime) -> bool:
    """Whether a send went out, or could not: by the clock its time was over."""
    only_time = datetime.fromisoformat(definition["candidate_times"][row.user_id][0])
    match row.state, row.reason:
        case SendState.DELIVERED, _:
            return True
        case SendState.SUPPRESSED, "no_allowed_slot":  # committed, for the second time, too late
            return row.planned_at >= only_time
        case SendState.EXPIRED, "too_late":
            return row.expires_at <= latest_clock
    return False


def _deliveries(stores: _Stores, delivered: Counter[str]) -> Iterator[tuple[str, str]]:
    """What arrived more than once has an attempt on record for each time."""
    for send_id, count in delivered.items():
        if count > stores.arrivals[send_id]:
            yield (
                "unexpected",
                f"send {send_id} arrived {count} times in {stores.arrivals[send_id]} attempts",
            )


def _clicks(acks: AckLog, stores: _Stores) -> Iterator[tuple[str, str]]:
    acknowledged, attempted = clicks(acks.acknowledged("click")), clicks(acks.attempted("click"))
    for send_id in sorted(set(acknowledged) | set(stores.clicks)):
        if stores.clicks[send_id] < acknowledged[send_id]:
            yield "lost", f"a click on {send_id} is not on record"
        if stores.clicks[send_id] > attempted[send_id]:
            yield "unexpected", f"more clicks on {send_id} than were made"
    for click_id in sorted(stores.click_ids - set(stores.log_events)):
        yield "lost", f"click {click_id} is not in the log"
    counted = {each.ids[0] for each in acks.acknowledged("click") if each.counted}
    for send_id in sorted(counted - set(stores.charged)):
        yield "lost", f"the counted click on {send_id} was not charged"
    for send_id, count in stores.charged.items():
        if count > 1 or send_id not in attempted:
            yield "unexpected", f"{count} charges for clicks on {send_id}"
