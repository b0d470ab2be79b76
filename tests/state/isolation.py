"""Everything that the state is asked and told for one tenant, and what it answers.

The answers must be the same, value for value, whether or not others have rows in the same tables.
Where a function is about all tenants, the part of its answer that is about this one must be.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal

from state.conversation import Answer, Conversation
from state.twins import (
    ABSENT,
    BEFORE_ANYTHING,
    DAMAGED,
    HOUR,
    MINUTE,
    NOW,
    ROLES,
    SHARED_WORDS,
    TOLD,
    TWINS,
    USERS,
    a_campaign,
    a_device,
    an_event,
    definition,
    key_of,
    link_id,
    send_id,
    user_of,
)

from sendopt.records import (
    Accepted,
    Attempt,
    AuditFilter,
    AuditRecord,
    CampaignId,
    CampaignPhase,
    Channel,
    Charge,
    ChargeKind,
    Click,
    Consent,
    ConsentDoor,
    DamagedSend,
    DateState,
    Decision,
    DeviceId,
    DueSend,
    Ended,
    ErasureStep,
    EventType,
    Exclusion,
    Moved,
    Origin,
    Permission,
    Plan,
    PlannedSend,
    Postponed,
    Preferences,
    QuietHours,
    RateCard,
    Receipt,
    Registration,
    Response,
    ResponseKind,
    SendId,
    SendingLimits,
    SendState,
    SeriesId,
    TenantId,
    UserId,
    Variant,
    VariantId,
)
from sendopt.state import (
    State,
    api_keys,
    audit,
    audit_trail,
    campaign_list,
    campaigns,
    commitments,
    consents,
    contacts,
    decided_slots,
    device_batches,
    devices,
    dispatch,
    drift,
    due,
    due_counts,
    engagement,
    erased,
    erased_requests,
    erasure_gate,
    erasures,
    hold,
    import_gate,
    inventory,
    kept_back,
    ledger,
    lift,
    living_devices,
    metering,
    moves,
    outbox,
    past_outcomes,
    pauses,
    plan_epoch,
    plans,
    preferences,
    pseudonyms,
    requests,
    results,
    revisions,
    roles,
    rows,
    send_list,
    send_requests,
    sending_limits,
    series,
    series_dates,
    tables,
    tenant_lock,
    tenants,
    tried,
    unchanged,
    user_events,
    user_export,
    user_list,
    users,
)
from sendopt.state.audit_trail import AuditKey
from sendopt.state.campaign_list import CampaignKey
from sendopt.state.living_devices import Recipient
from sendopt.state.requests import Claim, KeptAnswer
from sendopt.state.send_list import SendFilter, SendKey

CAMPAIGNS = [CampaignId(name) for name in ("sale", "news", *(f"only-{each}" for each in TWINS))]
PERIODS = [None, *(f"2026-0{month}" for month in (6, 7, 8, 9))]
EARLY, LATE = BEFORE_ANYTHING, NOW + HOUR


def answers(state: State, us: TenantId) -> list[Answer]:
    """Ask and tell everything, and return the answers in their order."""
    heard: list[Answer] = []
    talk(state, us, heard.append)
    return heard


def talk(state: State, us: TenantId, heard: Callable[[Answer], None]) -> None:
    """Ask and tell everything; tell `heard` each answer as soon as it is there."""
    said = Conversation(state, us, heard)
    for about in (
        _about_tenants,
        _about_keys,
        _about_requests,
        _about_audit,
        _about_users,
        _about_what_users_want,
        _about_devices,
        _about_past_outcomes,
        _about_lift,
        _about_kept_back,
        _about_limits,
        _about_lists,
        _about_send_requests,
        _about_campaigns,
        _about_series,
        _about_facts,
        _about_engagement,
        _about_money,
        _about_events,
        _about_imports,
        _about_alarms,
        _about_damage,
        _about_delivery,
        _about_what_is_settled,
        _about_erasures,
    ):
        about(said)


def _random_bytes(us: TenantId) -> Callable[[int], bytes]:
    """Return what gives bytes that never come twice, and the same when all is asked again."""
    drawn = itertools.count()
    return lambda size: hashlib.shake_256(f"{us} {next(drawn)}".encode()).digest(size)


def _about_tenants(said: Conversation) -> None:
    said.read(tenants.exists)
    said.read(tenants.get)
    said.write_fleet(tenants.create, said.us, timezone="UTC", now=NOW)
    said.read_fleet(tenants.everyone)
    for behind in (None, TWINS[0]):
        said.read_fleet(
            lambda tx, behind=behind: list(tenants.page(tx, behind=behind, limit=9).items)
        )
    said.read_fleet(inventory.row_counts)


def _about_keys(said: Conversation) -> None:
    names = ("planner", *(f"only_{each}" for each in TWINS), "nobody")
    for name in names:
        said.read(roles.get, name)
    said.write(roles.put, "planner", [Permission.KEYS_READ], now=NOW)
    said.read(roles.everyone)
    said.read(api_keys.everyone)
    for number in range(4):
        said.read(api_keys.get, key_of(number))
    made = {"now": NOW, "random_bytes": _random_bytes(said.us)}
    for name, role in (("a new one", "planner"), ("another", f"only_{TWINS[0]}")):
        key = said.write(api_keys.issue, name=name, role=role, expires_at=None, **made)
        said.read_fleet(api_keys.authenticate, str(key), now=NOW)
    for number in range(len(TWINS)):
        said.write(api_keys.rotate, key_of(number), ends_at=NOW + HOUR, **made)
        said.write(api_keys.note_use, key_of(number), at=NOW)
        said.read(api_keys.everyone)
        for name in names:
            said.write(roles.delete, name)
        said.write(api_keys.revoke, key_of(number), now=NOW)
    said.read(api_keys.everyone)


def _about_audit(said: Conversation) -> None:
    record = AuditRecord(
        "a new one", NOW, "key:0", "owner", Origin("192.0.2.9"), "role:put", "desk", None, {"a": 1}
    )
    said.write(audit_trail.add, record)
    said.read_fleet(audit_trail.page_of_operators, AuditFilter(), behind=None, limit=10)
    for chosen in (
        AuditFilter(),
        AuditFilter(actor="command line"),
        AuditFilter(action="key:issue"),
        AuditFilter(target="key"),
        AuditFilter(since=NOW - HOUR, until=NOW),
    ):
        said.read(audit_trail.page, chosen, behind=None, limit=2)
        said.read(audit_trail.page, chosen, behind=AuditKey(NOW - HOUR, "a0"), limit=100)


def _about_requests(said: Conversation) -> None:
    for name in ("answered", "at work", "issued", "left", "another", "expired", "new"):
        said.write(requests.begin, name, fingerprint="the same", now=NOW)
        said.write(requests.begin, name, fingerprint="another of 0", now=NOW)
        for number in range(1, 6):
            claim = Claim(name, number)
            said.write(requests.give_up, claim, now=NOW)
            if name == "left":
                said.write(requests.note_issued, claim, "a key")
            said.write(requests.keep, claim, KeptAnswer(201, (), b"kept"), now=NOW)
        said.write(requests.begin, name, fingerprint="the same", now=NOW)


def _about_users(said: Conversation) -> None:
    everybody = [*USERS, *(UserId(f"only-{each}") for each in TWINS), UserId("nobody")]
    said.read(users.any_zone)
    said.read(users.everyone)
    said.read(users.named, everybody)
    for user in everybody:
        said.read(users.get, user)
    said.write(users.put, UserId("u1"), timezone="America/Lima", now=NOW)
    said.write(users.put, UserId("u100"), timezone=None, now=NOW)
    for user in ("u2", "u101"):
        said.write(users.ensure, UserId(user), now=NOW)
    zones = [(UserId(user), "Asia/Tokyo") for user in ("u7", "u8", "u104")]
    for _ in range(2):
        said.write(users.put_all, zones, now=NOW)
    said.write(users.ensure_all, [UserId("u9"), UserId("u106")], now=NOW)
    for user in ("u3", "u4", "u102"):
        said.write(users.opt_out, UserId(user), at=NOW - 3 * HOUR, now=NOW)
    for user in ("u5", "u6", "u103"):
        said.write(users.opt_in, UserId(user), at=NOW - 2 * HOUR, now=NOW)
    said.read(users.everyone)


def _about_what_users_want(said: Conversation) -> None:
    asked = [UserId(name) for name in ("u0", "u2", "u3", "u104", *(f"only-{e}" for e in TWINS))]
    wanted = [
        Preferences({"promotion": False}, QuietHours(time(9), time(10)), NOW + HOUR),
        Preferences(),
    ]
    for _ in range(2):
        for user in asked:
            said.read(consents.history, user)
            said.read(preferences.get, user)
        said.read(preferences.said_by, None)
        said.read(preferences.said_by, asked[:2])
        statements = [
            Consent(user, given=given, at=NOW - HOUR, source="a call")
            for user in (UserId("u0"), UserId("u104"))
            for given in (True, False)
        ]
        said.write(consents.note, statements, door=ConsentDoor.API, now=NOW)
        for user, each in zip(("u2", "u3"), wanted, strict=True):
            said.write(preferences.put, UserId(user), each, now=NOW)


def _about_devices(said: Conversation) -> None:
    for name in ("d0", "d1", "nothing", *(f"only-{each}" for each in TWINS)):
        said.read(devices.get, DeviceId(name))
    asked = [UserId("u0"), UserId("u1"), UserId("u4")]
    for named in (None, asked):
        said.read(devices.reachable, channel=Channel.WEBHOOK, user_ids=named)
    said.read(devices.living, asked)
    for name, user in (("d2", "u2"), ("d3", "u2"), ("another", "u5"), ("d8", "u7")):
        said.write(devices.register, a_device(name, user, said.us, timezone="Asia/Tokyo"), now=NOW)
    # Under the address of the other twin's device of this name; what is not said stays.
    for user in ("u4", "u5"):
        silent = a_device("d5", user, said.us, platform=None, timezone=None)
        said.write(devices.register, silent, now=NOW)
    renamed = replace(a_device("d4", "u4", said.us), device_id=DeviceId("renamed"))
    said.write(devices.register, renamed, now=NOW)
    # The address of one device under the name of another, which gives way.
    said.write(
        devices.register,
        replace(a_device("d7", "u7", said.us), device_id=DeviceId("d6")),
        now=NOW,
    )
    for each in TWINS:
        moved = a_device(f"only-{each}", "u6", said.us, address={"url": "https://b.org"})
        said.write(devices.register, moved, now=NOW)
    many = [
        Registration(a_device("d6", "u6", said.us)),
        Registration(a_device("d7", "u1", said.us, timezone="Asia/Tokyo")),
        Registration(a_device("d4", "u3", said.us, platform=None)),
        Registration(a_device("new one", "u105", said.us)),
        *(Registration(a_device(f"only-{each}", "u6", said.us)) for each in TWINS),
    ]
    for _ in range(2):
        said.write(device_batches.register_all, many, now=NOW)
    for name in ("d0", "d1", "d9", "nothing"):
        said.write(devices.mark_dead, DeviceId(name), reason="gone", now=NOW)
    said.read(devices.reachable, channel=Channel.WEBHOOK)
    for name in ("d1", "nobody's"):
        said.write(devices.delete, DeviceId(name))


def _about_past_outcomes(said: Conversation) -> None:
    for besides in ("sale", "news", "none of them"):
        said.read(past_outcomes.explored_counts, since=EARLY, besides=CampaignId(besides))
    said.read(past_outcomes.explored_by, USERS, since=EARLY)
    asked = [Variant(VariantId("asked"), **SHARED_WORDS)]
    for message_type in ("promotion", None):
        said.read(
            past_outcomes.variant_answers,
            asked,
            message_type=message_type,
            since=EARLY,
            handed_over_by=NOW,
        )


def _about_lift(said: Conversation) -> None:
    for since in (None, NOW - 9 * HOUR):
        said.read(lift.experiment_campaigns, since=since)
        for outcome in (EventType.CLICK, EventType.OPEN, EventType.RESPONSE):
            said.read(
                lift.armed_sends,
                [CAMPAIGNS[:1], CAMPAIGNS[1:]],
                outcome=outcome,
                window=2 * HOUR,
                since=since,
            )


def _about_kept_back(said: Conversation) -> None:
    for since in (None, NOW - 9 * HOUR):
        said.read(kept_back.drawn_messages, since=since, until=NOW + 9 * HOUR)


def _about_limits(said: Conversation) -> None:
    for user_ids in (None, USERS[:6]):
        for since, until in ((NOW - 24 * HOUR, NOW), (NOW, NOW + HOUR + MINUTE)):
            said.read(commitments.marketing, user_ids, since=since, until=until)
        besides = {"since": EARLY, "until": LATE + HOUR, "besides": CAMPAIGNS[:1]}
        said.read(commitments.marketing, user_ids, **besides)
        said.read(due_counts.due_counts, **besides)
    for campaign in CAMPAIGNS:
        for replanned in (False, True):
            said.read(plans.served, campaign, replanned=replanned)
    said.read(plan_epoch.number)
    for expected in (None, 7):
        said.write(plan_epoch.begin, expected=expected)
        said.write(plan_epoch.end, expected=expected)
        said.read(plan_epoch.number)
    for _ in range(2):
        said.read(sending_limits.get)
        said.read(sending_limits.latest)
        for version in range(5):
            said.read(sending_limits.of_version, version)
        for share in (0.25, 0.25, 0.125):
            said.write(sending_limits.put, SendingLimits(no_send_share=share), now=NOW)


def _about_campaigns(said: Conversation) -> None:
    said.read(campaigns.accepted_as, TOLD)
    said.read(campaigns.accepted_as, {"said": "by nobody"})
    said.read(campaigns.get_campaigns, CAMPAIGNS)
    for campaign in CAMPAIGNS:
        said.read(campaigns.is_there, campaign)
    for campaign in CAMPAIGNS:
        said.read(campaigns.get_campaign, campaign)
        said.read(campaigns.phase_of, campaign, now=NOW)
        said.read(plans.campaign_counts, campaign)
        said.read(plans.due_times, campaign)
        said.read(results.counted_sends, campaign)
    for role in ROLES:
        said.read(plans.get_send, SendId(f"s{role}"))
        for user in ("u0", "u2", "u3"):
            said.read(plans.require_send_to, SendId(f"s{role}"), UserId(user))
    said.write(campaigns.put_campaign, a_campaign("told"), TOLD, rules={"version": 1}, now=NOW)
    said.write(
        campaigns.put_campaign,
        a_campaign("told"),
        {"said": "in other words"},
        rules={"version": 1},
        now=NOW,
    )
    for each in TWINS:
        said.write(
            campaigns.put_campaign,
            a_campaign(f"only-{each}"),
            {"only": each},
            rules={"version": 1},
            now=NOW,
        )
    said.write(campaigns.require_definition, CampaignId("told"), TOLD)
    said.write(campaigns.require_definition, CampaignId("told"), {"said": "in other words"})
    plan = _a_plan("sale", said.us)
    said.write(plans.commit, plan, now=NOW)
    said.write(plans.commit, plan, now=NOW)
    said.write(plans.commit, _a_plan("sale", _other(said.us)), now=NOW)
    said.write(plans.commit, _a_plan(f"only-{TWINS[0]}", said.us), now=NOW)
    _about_revisions(said)
    for number in (6, 7, 8, 999):
        said.write(plans.cancel_send, SendId(f"s{number}"), reason="asked_for")
    said.write(plans.cancel_campaign, CampaignId(f"only-{TWINS[1]}"), reason="late", now=NOW)
    said.write(plans.cancel_campaign, CampaignId("told"), reason="late", now=NOW)
    said.write(plans.commit, _a_plan("told", said.us), now=NOW)
    said.read_fleet(plans.send_counts)


def _about_series(said: Conversation) -> None:
    day = date(2026, 10, 6)
    later = series.NextDate(day + timedelta(days=7), NOW + timedelta(days=7))
    definition = {"audience": ["u0"], "experiment": {"assigned": {"u1": "optimised"}}}
    for name in ("weekly", f"only-{said.us}"):
        told = {"of": said.us, **definition}
        said.write(series.put, SeriesId(name), told, series.NextDate(day, NOW), now=NOW)
    said.write(series.put, SeriesId("weekly"), {"another": 1}, None, now=NOW)
    for name in map(SeriesId, ("weekly", *(f"only-{each}" for each in TWINS), "nobody's")):
        said.read(series.get, name)
        said.read(series.definitions, name)
        said.write(series.lock, name)
        said.write(series.require_standing, name)
        span = {"commit_at": NOW, "ends_at": NOW + timedelta(days=2)}
        if name == "weekly":
            said.write(series_dates.add, name, day, CampaignId("sale"), **span)
        said.read(series_dates.get, name, day)
        said.write(series_dates.take, name, day, now=NOW, until=NOW + HOUR)
        reason = {"code": "no", "message": "not now"}
        said.write(series_dates.put_off, name, day, until=NOW + HOUR, **reason)
        said.write(series_dates.try_now, name, now=NOW)
        said.read(series_dates.waiting, name)
        said.write(series_dates.settle_committed, name, day, revision=1, now=NOW)
        said.read(series_dates.at_work, name, now=NOW)
        said.write(series_dates.note_revision, name, day, 2, ends_at=NOW + HOUR)
        said.write(series_dates.settle, name, day, DateState.CANCELLED, now=NOW)
        said.read(series_dates.taken_dates, name)
        for behind in (None, "2026-10-06"):
            said.read(series_dates.page, name, behind=behind, limit=2)
        said.write(series.revise, name, {"of": said.us}, later, now=NOW)
        said.write(series.set_next, name, later)
        said.write(series.set_paused, name, NOW)
        said.read(series.get, name)
        said.write(series.set_cancelled, name, now=NOW)
    said.read_fleet(series.come_due, now=NOW, limit=100)
    said.read_fleet(series_dates.to_try, now=NOW, limit=100)
    for place in (None, series.SeriesKey(NOW, "only")):
        said.read(series.page, behind=place, limit=2)


def _about_send_requests(said: Conversation) -> None:
    said.read(send_requests.known, [SendId(f"s{role}") for role in ROLES])
    said.write(campaigns.hold_campaigns, [*CAMPAIGNS, CampaignId("told")])
    plan = _a_plan("sale", said.us)
    sends = []
    for send, decision in zip(plan.sends, plan.decisions, strict=True):
        number = SendId(f"asked-{send.user_id}")
        asked = replace(send, send_id=number, send_key="k")
        new = (asked, replace(decision, send_id=number), {"asked": said.us})
        sends.append(send_requests.NewSend(*new, revision=1))
    for _ in range(2):
        said.write(send_requests.add, sends, asked_by="us", now=NOW)


def _about_revisions(said: Conversation) -> None:
    for revision in (2, 3, 3):
        given = replace(a_campaign("sale"), revision=revision)
        plan = _planned_again(said.us, revision=revision)
        told = definition("sale", 0) | {"said": f"for the {revision}. time"}
        said.write(revisions.revise, given, told, plan, rules={"version": 1}, now=NOW)
        said.write(pauses.pause, CAMPAIGNS[0], now=NOW - HOUR)
    for later in (2.5, 4):
        for campaign in CAMPAIGNS:
            said.read(campaigns.phase_of, campaign, now=NOW + later * HOUR)
    for campaign in CAMPAIGNS:
        said.write(pauses.pause, campaign, now=NOW - HOUR)
        said.write(pauses.resume, campaign, now=NOW)
    said.read(results.counted_sends, CAMPAIGNS[0])


def _about_lists(said: Conversation) -> None:
    for chosen in (
        SendFilter(),
        SendFilter(campaign_id=CAMPAIGNS[0]),
        SendFilter(user_id=UserId("u0")),
        SendFilter(user_id=UserId("u0"), campaign_id=CAMPAIGNS[0]),
        SendFilter(reason="accepted"),
        *(SendFilter(states=frozenset({state})) for state in SendState),
    ):
        said.read(send_list.page, chosen, behind=None, limit=3)
        said.read(send_list.page, chosen, behind=SendKey(CAMPAIGNS[0], "u1", ""), limit=100)
    for phase in (None, *CampaignPhase):
        said.read(campaign_list.page, phase=phase, behind=None, limit=2, now=NOW)
        behind = CampaignKey(NOW, CAMPAIGNS[0])
        said.read(campaign_list.page, phase=phase, behind=behind, limit=100, now=NOW)
    for yes in (None, True, False):
        said.read(user_list.page_of_users, opted_out=yes, behind=None, limit=2)
        said.read(user_list.page_of_users, opted_out=yes, behind=UserId("u1"), limit=100)
        for user_id in (None, UserId("u0")):
            asked = {"user_id": user_id, "dead": yes}
            said.read(user_list.page_of_devices, **asked, behind=None, limit=2)
            said.read(user_list.page_of_devices, **asked, behind=DeviceId("d1"), limit=100)


def _other(us: TenantId) -> TenantId:
    return TWINS[0] if us == TWINS[1] else TWINS[1]


def _a_plan(campaign: str, tenant_id: TenantId) -> Plan:
    people = [UserId(user) for user in ("u0", "u2", "u3", "u100")]
    ids = [SendId(f"{campaign}:{user}") for user in people]
    sends = tuple(
        PlannedSend(
            tenant_id=tenant_id,
            send_id=each,
            campaign_id=CampaignId(campaign),
            variant_id=VariantId("a"),
            user_id=user,
            device_id=DeviceId("d9"),
            channel=Channel.WEBHOOK,
            due_at=NOW + HOUR,
            expires_at=NOW + 2 * HOUR,
            state=SendState.PLANNED,
        )
        for each, user in zip(ids, people, strict=True)
    )
    decisions = tuple(
        Decision(
            send_id=each,
            slots=(),
            chosen_at=NOW + HOUR,
            propensity=1.0,
            policy="greedy",
            binding_constraint=None,
            fallback_reason=None,
            model_version=None,
            log_snapshot=None,
            timezone="UTC",
            timezone_source="tenant",
        )
        for each in ids
    )
    return Plan(
        tenant_id=tenant_id, campaign_id=CampaignId(campaign), sends=sends, decisions=decisions
    )


def _planned_again(us: TenantId, *, revision: int) -> Plan:
    """Plan for others, and for those who wait already, whose sends stay due."""
    fresh = _a_plan("sale", us)
    roles = () if us == ABSENT else (4, 14)
    sends = [
        replace(
            fresh.sends[0],
            send_id=send_id(role, us),
            user_id=user_of(role, TWINS.index(us)),
            due_at=NOW - (10 + role) * MINUTE,
        )
        for role in roles
    ]
    decisions = [
        replace(fresh.decisions[0], send_id=each.send_id, chosen_at=each.due_at, propensity=0.125)
        for each in sends
    ]
    return replace(
        fresh,
        revision=revision,
        sends=(*fresh.sends, *sends),
        decisions=(*fresh.decisions, *decisions),
    )


def _about_engagement(said: Conversation) -> None:
    said.read_fleet(engagement.find_link, link_id("s0", said.us))
    for number in (0, 1, 2, 3, 4, 999):
        send = SendId(f"s{number}")
        said.write(engagement.lock_send, send)
        said.read(engagement.counted_click_at, send)
        for kind in ResponseKind:
            said.read(engagement.find_response, send, kind)
    for number in (0, 4):
        click = Click(f"new-{number}", SendId(f"s{number}"), "a link", NOW, "a browser", None)
        said.write(engagement.add_click, click)
        opened = Response(SendId(f"s{number}"), ResponseKind.OPEN, NOW)
        said.write(engagement.add_response, opened, filtered_reason=None)


def _about_money(said: Conversation) -> None:
    said.write(tenants.lock)
    for version in (2, 3):
        card = RateCard(version, "EUR", Decimal(9), Decimal(8), HOUR, NOW + version * MINUTE)
        said.write(ledger.add_rate_card, card)
    said.read(ledger.rate_cards)
    for later in (0, 5, 11, 15, 21, 24, 35, 24 * 90):
        said.read(ledger.card_in_force, BEFORE_ANYTHING + later * HOUR)
    said.read(ledger.closed_periods)
    for period in PERIODS[1:]:
        said.read(ledger.find_closed, period)
        said.read(ledger.entries, period)
    for period in ("2026-06", "2026-07"):
        said.write(ledger.add_closed, ledger.ClosedPeriod(period, NOW, "{}", f"of {period}"))
    entries = [
        ledger.LedgerEntry(f"2026-08/click/{number}", "revenue", 7, "EUR", "2026-08")
        for number in (1, 2)
    ]
    said.write(ledger.post, entries, now=NOW)
    said.read(ledger.entries, "2026-08")


def _about_facts(said: Conversation) -> None:
    said.read(metering.count_unmetered)
    for kind in ChargeKind:
        said.read(metering.unmetered, kind, limit=3)
        for period in PERIODS:
            said.read(metering.keys, kind, period=period, until=LATE)
            if period is not None:
                said.read(metering.earliest, kind, period)
                said.read(metering.count_reasons, kind, period, since=EARLY, until=LATE)
                said.read(metering.count_charges, kind, period, since=EARLY, until=LATE)
    # The south's last fact is a minute younger than the north's.
    for since in (NOW - 5 * HOUR + 19.5 * MINUTE, NOW - 5 * HOUR + 20.5 * MINUTE, NOW):
        said.read(metering.exists_since, since)
    charged = Charge(SendId("s3"), ChargeKind.CLICK, NOW, "2026-09", 1)
    said.write(metering.add_charges, [charged])
    said.write(metering.stamp, ChargeKind.CLICK, [("k0", "2026-09"), ("k2", "2026-09")])
    said.write(metering.stamp, ChargeKind.RESPONSE, [("s0", "2026-09"), ("s2", "2026-09")])
    said.read(audit.billed_periods)


def _about_events(said: Conversation) -> None:
    for position in range(45):
        said.read(outbox.next_position, position)
    for position, limit in ((0, 3), (4, 5), (10, 100), (25, 100), (1000, 100)):
        said.read(outbox.tenants_after, position, limit=limit)
        said.read(outbox.waiting_ids, position)
        said.read_fleet(outbox.waiting, position)
        said.read_fleet(outbox.damaged, position, limit=100)
    said.read_fleet(outbox.refused)
    names = ("e0", "e1", "e4", "e9", "e9", *(f"only-{each}" for each in TWINS))
    for whose in (said.us, TenantId("elsewhere")):
        said.write(outbox.record, [an_event(name, whose) for name in names], now=NOW)
    said.read(outbox.waiting_ids, 1000)
    if said.us != ABSENT:
        said.write_fleet(outbox.refuse, 1 + TWINS.index(said.us), "event_conflict")


def _about_imports(said: Conversation) -> None:
    said.read(import_gate.number)
    said.write(import_gate.hold_open)
    for _ in range(2):
        said.write(import_gate.announce)
        said.write(import_gate.shut)
        said.read(import_gate.number)
        said.read_fleet(import_gate.abandoned)
    said.write(import_gate.end)
    said.read(import_gate.number)
    for lock in (erasure_gate.hold_open, erasure_gate.shut):
        said.write(lock)
    for lock_of in (tenant_lock.share, tenant_lock.hold_alone):
        said.write(lock_of, "a purpose")


def _about_erasures(said: Conversation) -> None:
    random_bytes = _random_bytes(said.us)
    gone = [UserId(name) for name in ("gone", "going", "u1", "u6", "u8")]
    said.read(erased.among, gone)
    said.read(erased.among_so_far, gone)
    said.read(erased.asked_count)
    for since, user in itertools.product((EARLY, NOW - HOUR, LATE), ("u6", *gone)):
        said.read(erased.any_since, since)
        said.read(erased.asked_since, UserId(user), since)
    said.read(erased.is_anybody)
    said.read(erasures.is_any_under_way)
    for user in ("u0", "u1", "u3"):
        said.read(user_export.rows_of, UserId(user))
    for user in ("gone", "u1"):
        said.read(erased.refuse, UserId(user))
        said.write(erased.readmit, UserId(user), now=NOW)
    said.write(users.put, UserId("gone"), timezone=None, now=NOW)
    said.write(users.put, UserId("going"), timezone=None, now=NOW)
    asked = {"asked_by": "a test", "now": NOW, "random_bytes": random_bytes}
    begun = [said.write(erasures.begin, UserId(user), **asked) for user in ("u6", "u8", "u8", "u1")]
    said.read(erased.among, gone)
    said.read(erased.asked_count)
    for user, each in zip(("u6", "u8"), begun, strict=False):
        name = each.receipt.erasure_id if isinstance(each, erasures.Begun) else "none"
        said.write(erasures.cut_off, name, UserId(user), now=NOW)
    said.write(plans.call_off_erased, CampaignId("sale"), gone, since=0)
    said.write(erasures.call_off, [UserId("u7")], now=NOW)
    said.read(erasures.claimed_users, [UserId("u3"), UserId("u6"), UserId("u7")])
    said.read(erasures.is_any_under_way)
    for step in ErasureStep:
        said.read_fleet(erasures.under_way, step)
    for each in begun:
        name = each.receipt.erasure_id if isinstance(each, erasures.Begun) else "none"
        said.read(erasures.get, name)
    for name in ("gone", "going"):
        said.write(erasures.note, name, ErasureStep.SCORES)
        said.write(erasures.add_counts, name, {"scores_deleted": 2})
        said.write(erasures.note_most, name, {"logged_events_erased": 3})
        said.read(erasures.get, name)
    known = said.read_fleet(erasures.under_way, ErasureStep.ASKED)
    for function, given in (
        (user_events.of_users, [UserId("u1"), UserId("u6")]),
        (user_events.stored, ["e0", "e1", "s0:send"]),
    ):
        said.read(function, given)
    for behind in (0, 2):
        said.read(user_events.waiting, UserId("u1"), behind=behind)
    said.read(user_list.page_of_users, opted_out=None, behind=None, limit=100)
    said.write(erased_requests.forget_answers, ["u1"], ["s0"])
    if known:
        said.write(pseudonyms.pseudonymise, known, random_bytes=random_bytes)
        said.read(pseudonyms.kept_events, known)
    said.write(requests.begin, "of a user", fingerprint="the same", now=NOW)
    for name in ("going", "gone"):
        said.write(erasures.forget, name)
        said.write(erasures.finish, name, now=NOW)
    said.read_fleet(erasures.under_way, ErasureStep.ASKED)


def _about_alarms(said: Conversation) -> None:
    alarm = drift.KeptAlarm(said.us, "hour", 0.75, None, ringing=True, until=NOW)
    said.write(drift.keep, [alarm])
    said.read_fleet(drift.everyones)


def _about_damage(said: Conversation) -> None:
    for check in (audit.sends, audit.engagement, audit.money, audit.outbox, audit.reserved_ids):
        said.read_fleet(check)
    said.read_fleet(audit.overdue, now=NOW + HOUR)
    for table in tables.metadata.sorted_tables:
        said.read_fleet(rows.unreadable, table)
        said.read_fleet(unchanged.changed, table)
    said.read_fleet(rows.unknown_zones)


def _about_delivery(said: Conversation) -> None:
    said.read_fleet(due.claims_beyond, NOW)
    said.read_fleet(hold.held_by_tenant, now=NOW)
    said.read_fleet(tried.tried, [(said.us, f"s{number}") for number in ROLES])
    said.read_fleet(decided_slots.decided_slots, [(said.us, f"s{number}") for number in ROLES])
    said.read_fleet(sending_limits.in_force, [said.us])
    said.read(contacts.contacts, [UserId(f"u{at}") for at in range(10)], since=NOW - 9 * HOUR)
    for number in ROLES:
        said.read(moves.moves, f"s{number}")
    users_of_devices = [Recipient(said.us, UserId(f"u{at}"), Channel.WEBHOOK) for at in range(10)]
    said.read_fleet(living_devices.living_devices, users_of_devices)
    found = _due(said)
    _end(said, found)
    # Now one of ours cannot be read, and what is due is read one by one.
    said.meanwhile(
        "update planned_send set due_at = :damaged where tenant_id = :us and send_id in ('s14')",
        damaged=DAMAGED,
    )
    found = _due(said)
    said.write_fleet(
        dispatch.end_damaged, [each for each in found if isinstance(each, DamagedSend)]
    )
    for fence in (1, 3, 5):
        for number in ROLES:
            key = (said.us, SendId(f"s{number}"), fence)
            said.write_fleet(dispatch.end_leases, [key], now=NOW - HOUR)
    _due(said)


def _due(said: Conversation) -> list[DueSend | DamagedSend]:
    found: list[DueSend | DamagedSend] = said.write_fleet(
        due.lock_due, channels=[Channel.WEBHOOK], now=NOW, limit=1000
    )
    return found


def _end(said: Conversation, found: list[DueSend | DamagedSend]) -> None:
    ready = [each for each in found if isinstance(each, DueSend)]
    links = (f"made-for-{said.us}-{number}" for number in itertools.count())
    by = dispatch.Claimant("us", {Channel.WEBHOOK: "a provider"}, lambda: next(links))
    claimed = said.write_fleet(
        dispatch.claim, ready, by, now=NOW, lease_ends_at=NOW + timedelta(minutes=2)
    )
    begun = [each for each in claimed if isinstance(each, Attempt)]
    receipts = [Receipt(each, Accepted()) for each in begun]
    said.write_fleet(dispatch.end_attempts, receipts, now=NOW)
    transitions = [
        (
            each.send,
            Postponed(NOW - number * MINUTE) if number % 2 else Ended(SendState.FAILED, "gone"),
        )
        for number, each in enumerate(begun)
    ]
    said.write_fleet(dispatch.settle, transitions)
    moved = [(each.send, Moved(NOW + HOUR, Exclusion.QUIET_HOURS)) for each in begun]
    said.write_fleet(moves.add, moved, now=NOW)


def _about_what_is_settled(said: Conversation) -> None:
    said.read(audit.is_settled, 10_000)
    said.meanwhile("update click set period = '2026-09' where tenant_id = :us and period is null")
    said.read(audit.is_settled, 10_000)
    said.meanwhile(
        "update response set period = '2026-09' where tenant_id = :us and period is null"
    )
    said.read(audit.is_settled, 10_000)
    if said.us != ABSENT:
        whose = TWINS.index(said.us)
        said.meanwhile(
            "update event_outbox set position = 2 * (1000 + (select count(*) from event_outbox "
            "before where before.tenant_id = :us and before.event_id < event_outbox.event_id))"
            f" + {whose} where tenant_id = :us and position is null"
        )
    said.read(audit.is_settled, 10_000)
    said.read(users.any_zone)
    for table in ("app_user", "device"):
        said.meanwhile(f"update {table} set timezone = null where tenant_id = :us")
        said.read(users.any_zone)
