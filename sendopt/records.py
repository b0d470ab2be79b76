"""The nouns that travel along the line.

    ingest ─► log ─► features ─► learn ─► score ─► schedule ─► deliver ─► track ─► bill
      Event                              Score   PlannedSend  Attempt  Response  Charge

All instants are aware and in UTC and end in `_at`; durations are `timedelta`; probabilities lie
in 0..1. Records are values: they carry no behaviour that another stage could depend on.
Bulk data travels as Arrow tables: events with the columns of `Event`, scores as decision_id (or
user_id and slot) and open_probability. What happened to an attempt is an `Outcome`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, NewType

TenantId = NewType("TenantId", str)
UserId = NewType("UserId", str)
DeviceId = NewType("DeviceId", str)
CampaignId = NewType("CampaignId", str)
VariantId = NewType("VariantId", str)
SendId = NewType("SendId", str)


# ── ingest, log ──────────────────────────────────────────────────────────────────────────────


class EventType(StrEnum):
    """What can happen to a send, or to a user without one (`session`)."""

    SEND = "send"
    DELIVERY = "delivery"
    OPEN = "open"
    CLICK = "click"
    RESPONSE = "response"
    DISMISSAL = "dismissal"
    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    BOUNCE = "bounce"
    SESSION = "session"


#: What may count as an answer to a send.
OUTCOMES = (EventType.OPEN, EventType.CLICK, EventType.RESPONSE)
#: Events that only a send can cause: they must name it.
CAUSED_BY_SEND = frozenset(
    {
        EventType.SEND,
        EventType.DELIVERY,
        EventType.OPEN,
        EventType.CLICK,
        EventType.RESPONSE,
        EventType.DISMISSAL,
        EventType.BOUNCE,
    }
)


_OF_THE_SERVICE = re.compile(
    r"s_[a-z2-7]{32}(:.*)?"  # of a send, and of what became of it
    r"|click-[0-9a-f]{12,}-[0-9a-f]{20}"
    r"|opt_out-[0-9a-f]{32}",  # of an opt-out that came without a usable id
    re.DOTALL,
)


def is_reserved(event_or_send_id: str) -> bool:
    """Tell whether an id has a form that the service makes for itself.

    Nobody else may bring such an event or such a send, by whatever door: a bill rests on them. The
    forms are narrow, so that ids of others with a colon in them stay theirs.

    >>> is_reserved("s_znonsemr5acblblexpxcud2uhjqvqdip:response"), is_reserved("order:7:send")
    (True, False)
    """
    return _OF_THE_SERVICE.fullmatch(event_or_send_id) is not None


#: The attribute by which the log tells clicks and responses that sendopt counted itself, and that
#: a bill may therefore rest on. Nobody else may set it.
COUNTING_ATTRIBUTE = "counting_rules"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; the data contract of import, export and `POST /v1/events`."""

    event_id: str  # unique for ever within a tenant
    user_id: UserId
    event_type: EventType
    occurred_at: datetime
    send_id: SendId | None = None
    campaign_id: CampaignId | None = None
    variant_id: VariantId | None = None
    message_type: str | None = None
    channel: str | None = None
    platform: str | None = None
    timezone: str | None = None  # IANA name of the user's zone at that time
    propensity: float | None = None  # of a send: P(the policy chose this time); None = never logged
    attributes: dict[str, Any] = field(default_factory=dict)  # unknown further columns


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a row or one of its fields, and where to find and mend it."""

    source: str  # file name, or "request"
    row: int  # 1-based, the header not counted; in a request the item's position
    column: str
    code: str
    reason: str
    expected: str | None = None  # what the rule wants
    hint: str | None = None  # what to do about it


@dataclass(frozen=True, slots=True)
class Rejection(Finding):
    """Of a row that was not accepted: nothing of it was stored."""


@dataclass(frozen=True, slots=True)
class DroppedField(Finding):
    """Of a field that could not be read: its event counts without it."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A user's word on whether anything may be sent; of two the later holds."""

    user_id: UserId
    given: bool  # False = an opt-out
    at: datetime  # when the user said so


# ── schedule ─────────────────────────────────────────────────────────────────────────────────


class Channel(StrEnum):
    """How a message reaches a device."""

    WEB_PUSH = "web_push"
    WEBHOOK = "webhook"
    SIMULATOR = "simulator"


@dataclass(frozen=True, slots=True)
class Variant:
    """One wording of a campaign's message."""

    variant_id: VariantId
    title: str
    body: str
    url: str | None = None  # where a click leads; None = nothing to click


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local times in which nothing is sent: `start <= t < end`, over midnight if start > end."""

    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Exploration:
    """How a policy leaves the best slot to learn about others, and how often it may."""

    policy: str = "greedy"  # "greedy", "epsilon_greedy", "thompson"
    epsilon: float = 0.0  # so much probability is spread evenly over the allowed slots
    share: float = 0.5  # of one send: the most probability on other slots than the best
    per_user: int = 4  # sends in 30 days that may have left a user's best slot


#: The best slot, always.
NO_EXPLORATION = Exploration()


@dataclass(frozen=True, slots=True)
class Holdout:
    """Users kept out of the optimisation, so that its effect can be measured."""

    share: float  # of the tenant's users
    time: str = "configured"  # "configured", or "random": any allowed slot alike


@dataclass(frozen=True, slots=True)
class Score:
    """What is thought of one slot of one user."""

    open_probability: float
    logit_sd: float | None = None  # of its place among the user's times; None = unsaid


@dataclass(frozen=True, slots=True)
class Campaign:
    """Content, audience and the limits within which each user's time may be chosen."""

    campaign_id: CampaignId
    variants: tuple[Variant, ...]  # at least one
    channel: Channel
    earliest_at: datetime  # send window, earliest_at <= due_at < latest_at
    latest_at: datetime
    audience: tuple[UserId, ...] | None = None  # None = every known user with a device
    quiet_hours: QuietHours | None = None  # in the user's own zone
    slot: timedelta = timedelta(hours=1)  # candidate times are this far apart, in local time
    candidate_times: dict[UserId, tuple[datetime, ...]] | None = None  # restrict the choice
    fallback_local_time: time = time(hour=18)  # when nothing is known and nothing can be learned
    message_type: str | None = None
    time_to_live: timedelta = timedelta(hours=4)  # after due_at; later it would only annoy
    exploration: Exploration = NO_EXPLORATION
    holdout: Holdout | None = None
    least_confidence: float | None = None  # in a gain over the configured time; None = any
    urgent: bool = False  # never explored
    learn_variants: bool = True  # False = an even split for ever


@dataclass(frozen=True, slots=True)
class Slot:
    """One candidate time of one user, and why it was out of the question, if it was."""

    starts_at: datetime
    open_probability: float | None  # None = could not be scored
    excluded_by: str | None = None  # "quiet_hours", "past", ...; None = allowed
    logit_sd: float | None = None  # how unsure its place among the user's times is; None = unsaid


@dataclass(frozen=True, slots=True)
class Decision:
    """Why a send has the time it has; kept with the send for ever."""

    send_id: SendId
    slots: tuple[Slot, ...]
    chosen_at: datetime | None  # None = suppressed: no allowed slot, or the user may not be reached
    propensity: float | None  # P(this slot | arm, all constraints); None = suppressed
    policy: str  # "greedy", "epsilon_greedy", ...; "configured", "fallback": see schedule.choose
    binding_constraint: str | None  # what kept the send from the most likely slot of all
    fallback_reason: str | None  # why no model spoke
    model_version: str | None
    log_snapshot: int | None  # the log as the model saw it
    timezone: str
    timezone_source: str  # "device", "user", "log", "tenant", "inferred"
    served_by: ServedBy | None = None  # None = suppressed
    gain_probability: float | None = None  # P(the best slot beats the configured one)
    abstention_reason: str | None = None  # why the configured time stayed: "gain_not_proven"
    explored: bool | None = None  # another slot than the policy's best one
    exploration_bound_by: str | None = None  # "urgent", "exploration_budget_spent"
    variant_propensity: float | None = None  # P(this variant | this slot)
    variant_evidence: str | None = None  # "too_little_data", "preferred"; None = one variant
    variant_confidence: float | None = None  # P(the most promising variant is the best)
    timezone_confidence: float | None = None  # of an inferred zone: mass of `quiet_offsets`
    quiet_offsets: tuple[int, ...] | None = None  # minutes east of UTC at which it may be night


class Arm(StrEnum):
    """Which side of an experiment a user is on, for as long as it lasts."""

    OPTIMISED = "optimised"
    HOLDOUT = "holdout"  # keeps the configured time, or a random one: what others are held against


class ServedBy(StrEnum):
    """Whose word a decision rests on: the steps of the fallback, best first."""

    CHAMPION = "champion"
    LAST_GOOD = "last_good"  # the champion before, where the champion cannot speak
    TENANT_HISTOGRAM = "tenant_histogram"  # everybody's answers by local hour, without a model
    CONFIGURED_TIME = "configured_time"


class SendState(StrEnum):
    """Where a send stands. It ends in exactly one of the last five, with one reason."""

    PLANNED = "planned"
    CLAIMED = "claimed"
    DELIVERED = "delivered"  # the provider took responsibility for it
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SUPPRESSED = "suppressed"


FINAL_STATES = frozenset(
    {
        SendState.DELIVERED,
        SendState.FAILED,
        SendState.EXPIRED,
        SendState.CANCELLED,
        SendState.SUPPRESSED,
    }
)


@dataclass(frozen=True, slots=True)
class PlannedSend:
    """One message, for one user, on one device, at one time."""

    tenant_id: TenantId
    send_id: SendId  # derived from (tenant, campaign, user): planning twice plans once
    campaign_id: CampaignId
    variant_id: VariantId
    user_id: UserId
    device_id: DeviceId | None  # None only if suppressed
    channel: Channel
    due_at: datetime | None  # None only if suppressed
    expires_at: datetime | None
    state: SendState = SendState.PLANNED
    reason: str | None = None  # set in every final state
    arm: Arm | None = None  # None = no experiment; set for suppressed sends too


@dataclass(frozen=True, slots=True)
class Plan:
    """Every person of a campaign's audience exactly once, each with the reason of its time."""

    tenant_id: TenantId
    campaign_id: CampaignId
    sends: tuple[PlannedSend, ...]
    decisions: tuple[Decision, ...]  # of the same sends, in the same order


# ── deliver ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Device:
    """One installation that can receive messages."""

    device_id: DeviceId
    user_id: UserId
    channel: Channel
    address: dict[str, Any]  # Web Push: endpoint, keys; webhook: url, secret; simulator: {}
    platform: str | None = None
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What is handed to a provider: one send with its content and address resolved."""

    tenant_id: TenantId
    send_id: SendId
    campaign_id: CampaignId
    user_id: UserId
    device: Device
    variant: Variant
    click_url: str | None  # the signed link, not the destination
    due_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took responsibility."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now: overloaded, unreachable, or the outcome is unknown."""

    reason: str
    after: timedelta | None = None  # what the provider asked for (Retry-After)


@dataclass(frozen=True, slots=True)
class DeadAddress:
    """The device is gone; forget it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Permanent:
    """This message will never be accepted; the device may be fine."""

    reason: str


Outcome = Accepted | Retry | DeadAddress | Permanent


# ── track ────────────────────────────────────────────────────────────────────────────────────


class ResponseKind(StrEnum):
    """What a user can do with a send, apart from clicking its link."""

    OPEN = "open"
    RESPONSE = "response"
    DISMISSAL = "dismissal"
    OPT_OUT = "opt_out"


@dataclass(frozen=True, slots=True)
class Response:
    """What came back for a send: at most one of a kind counts."""

    send_id: SendId
    kind: ResponseKind
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Click:
    """One request for a signed link, billable or not; every one is kept."""

    click_id: str
    send_id: SendId
    link_id: str
    occurred_at: datetime
    user_agent: str
    filtered_reason: str | None  # None = billable; else the first rule that refused it


# ── bill ─────────────────────────────────────────────────────────────────────────────────────


class ChargeKind(StrEnum):
    """What is charged for."""

    CLICK = "click"
    RESPONSE = "response"


#: How long after its hand-over a send's answers count, where no rate card says otherwise.
DEFAULT_ATTRIBUTION_WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class RateCard:
    """What is counted, and for how much, from `effective_at` on."""

    version: int
    currency: str
    click_price_minor: Decimal
    response_price_minor: Decimal
    attribution_window: timedelta
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class Charge:
    """One billable click or response. (tenant, send, kind) is unique for ever."""

    send_id: SendId
    kind: ChargeKind
    occurred_at: datetime
    period: str  # "2026-10", by occurred_at in UTC
    rate_card_version: int
