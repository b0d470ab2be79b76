"""From a campaign's definition to its plan: who, when they could, how likely, when they will."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pyarrow as pa

from sendopt import schedule, score
from sendopt.app.answers import BestTimes, HourOfWeek
from sendopt.errors import ModelNotServable
from sendopt.learn import Registry
from sendopt.log import Log, Reader
from sendopt.records import Campaign, Plan, TenantId, UserId
from sendopt.schedule import Person
from sendopt.schedule.people import gather
from sendopt.state import State, devices, tenants, users

Probabilities = Mapping[UserId, Mapping[datetime, float]]

_STANDING = files("sendopt.schedule") / "sql" / "user_standing.sql"


def plan_campaign(
    campaign: Campaign,
    tenant_id: TenantId,
    *,
    log: Log,
    state: State,
    registry: Registry,
    now: datetime,
) -> Plan:
    """Choose a time for everybody in the audience, or the reason for none. Writes nothing.

    Without a champion the campaign still goes out, at its fallback time, and every decision
    record says why.
    """
    with log.reader(tenant_id) as reader:
        people = _people(campaign, tenant_id, state=state, reader=reader, now=now)
        fallback_reason, model_version = None, None
        probabilities: Probabilities = {}
        try:
            model = registry.champion(tenant_id)
        except ModelNotServable as refusal:
            fallback_reason = refusal.code
        else:
            model_version = model.version
            decisions = _decisions(campaign, people, now=now)
            if decisions.num_rows:
                probabilities = _by_user(score.score_candidates(model, reader, decisions))
        return schedule.plan(
            campaign,
            tenant_id,
            people,
            probabilities,
            model_version=model_version,
            log_snapshot=reader.snapshot,
            fallback_reason=fallback_reason,
            now=now,
        )


def _people(
    campaign: Campaign, tenant_id: TenantId, *, state: State, reader: Reader, now: datetime
) -> list[Person]:
    """Gather the audience from the state, and from the log what only the log knows."""
    standing = reader.query("user_standing", _STANDING.read_text(), {"as_of": now}).to_pylist()
    with state.read() as tx:
        reachable = devices.reachable(
            tx, tenant_id, channel=campaign.channel, user_ids=campaign.audience
        )
        profiles = list(users.everyone(tx, tenant_id))
        tenant_zone = tenants.get(tx, tenant_id).timezone
    return gather(
        campaign.audience,
        devices=reachable,
        profile_zones={user.user_id: user.timezone for user in profiles if user.timezone},
        log_zones={row["user_id"]: row["timezone"] for row in standing if row["timezone"]},
        opted_out=frozenset(
            [user.user_id for user in profiles if user.opted_out_at is not None]
            + [row["user_id"] for row in standing if row["opted_out"]]
        ),
        tenant_zone=tenant_zone,
    )


def _decisions(campaign: Campaign, people: Sequence[Person], *, now: datetime) -> pa.Table:
    """List every candidate time of every person who can be reached, allowed or not.

    The excluded ones are scored too: the record shows what a limit cost.
    """
    rows: dict[str, list[Any]] = {"user_id": [], "candidate_at": []}
    for person in people:
        if person.suppressed_by is None:
            for slot in schedule.candidate_slots(campaign, person, now=now):
                rows["user_id"].append(person.user_id)
                rows["candidate_at"].append(slot.starts_at)
    count = len(rows["user_id"])
    instant = pa.timestamp("us", tz="UTC")
    return pa.table(
        {
            "decision_id": pa.array(rows["user_id"], pa.string()),
            "user_id": pa.array(rows["user_id"], pa.string()),
            "as_of": pa.array([now] * count, instant),
            "candidate_at": pa.array(rows["candidate_at"], instant),
        }
    )


def _by_user(scores: pa.Table) -> Probabilities:
    """Arrange scores by user (the decision's id here) and instant."""
    found: dict[UserId, dict[datetime, float]] = {}
    names = ("decision_id", "candidate_at", "open_probability")
    for user_id, candidate_at, probability in zip(
        *(scores[name].to_pylist() for name in names), strict=True
    ):
        found.setdefault(UserId(user_id), {})[candidate_at.astimezone(UTC)] = probability
    return found


def honour_opt_outs(tenant_id: TenantId, *, log: Log, state: State, now: datetime) -> None:
    """Let opt-outs that came by file stop what is planned already; dispatchers ask the state."""
    with log.reader(tenant_id) as reader:
        standing = reader.query("user_standing", _STANDING.read_text(), {"as_of": now})
    opted_out = standing.filter(standing["opted_out"])["user_id"].to_pylist()
    if opted_out:
        with state.write() as tx:
            for user_id in opted_out:
                users.opt_out(tx, tenant_id, UserId(user_id), now=now)


def best_times(
    tenant_id: TenantId,
    user_id: UserId,
    *,
    top: int,
    log: Log,
    state: State,
    registry: Registry,
    now: datetime,
) -> BestTimes:
    """Return the user's best hours of the local week, or why no model speaks.

    Raises:
        NotFound: `user_unknown`, if neither the log nor the state has heard of the user.
    """
    with log.reader(tenant_id) as reader:
        timezone = _zone_in_log(tenant_id, user_id, state=state, reader=reader, now=now)
        try:
            model = registry.champion(tenant_id)
        except ModelNotServable as refusal:
            return BestTimes(user_id, timezone, (), None, refusal.code)
        scores = score.score_slots(model, reader, as_of=now, user_ids=[user_id]).to_pylist()
    scores.sort(key=lambda row: (-row["open_probability"], row["day_of_week"], row["hour"]))
    slots = tuple(
        HourOfWeek(row["day_of_week"], row["hour"], row["open_probability"]) for row in scores[:top]
    )
    return BestTimes(user_id, timezone, slots, model.version, None)


def _zone_in_log(
    tenant_id: TenantId, user_id: UserId, *, state: State, reader: Reader, now: datetime
) -> str:
    """Return the zone in which the model reads the user's hours: the log's last, else UTC."""
    rows = reader.query("user_standing", _STANDING.read_text(), {"as_of": now})
    zones = dict(zip(rows["user_id"].to_pylist(), rows["timezone"].to_pylist(), strict=True))
    if user_id not in zones:
        with state.read() as tx:
            users.get(tx, tenant_id, user_id)
    return zones.get(user_id) or "UTC"
