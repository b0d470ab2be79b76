"""The nouns that travel along the line.

    ingest ─► log ─► features ─► learn ─► score ─► schedule ─► deliver ─► track ─► bill
      Event                              Score   PlannedSend  Attempt  Response  Charge
                                                              Receipt

All instants are aware and in UTC and end in `_at`; durations are `timedelta`; probabilities lie
in 0..1. Records are values: they carry no behaviour that another stage could depend on.
Bulk data travels as Arrow tables: events with the columns of `Event`, scores as decision_id (or
user_id and slot) and open_probability. A `DueSend` is a planned send whose time has
come, read with all that its hand-over needs.
"""

from sendopt.records.attempt import Attempt, Receipt
from sendopt.records.audit_record import AuditFilter, AuditRecord
from sendopt.records.billable_fact import BillableFact
from sendopt.records.campaign import (
    NO_EXPLORATION,
    Campaign,
    Experiment,
    Exploration,
    Holdout,
    LocalWindow,
    QuietHours,
    Variant,
)
from sendopt.records.campaign_phase import CampaignPhase
from sendopt.records.charge import DEFAULT_ATTRIBUTION_WINDOW, Charge, ChargeKind, RateCard
from sendopt.records.consent import (
    NO_PREFERENCES,
    Consent,
    ConsentDoor,
    KeptConsent,
    Preferences,
)
from sendopt.records.counted_sends import CountedSends
from sendopt.records.decision import (
    AbstentionReason,
    Decision,
    Exclusion,
    ExplorationBound,
    ServedBy,
    Slot,
    VariantEvidence,
    ZoneSource,
)
from sendopt.records.device import Channel, Device, Registration
from sendopt.records.device_principal import DevicePrincipal
from sendopt.records.due_send import DamagedSend, DueSend
from sendopt.records.end_reason import EndReason
from sendopt.records.erasure import (
    PSEUDONYM_PREFIX,
    Erasure,
    ErasureReceipt,
    ErasureStep,
)
from sendopt.records.event import CAUSED_BY_SEND, COUNTING_ATTRIBUTE, OUTCOMES, Event, EventType
from sendopt.records.fallback_reason import FallbackReason
from sendopt.records.finding import DroppedField, Finding, Rejection
from sendopt.records.ids import (
    CampaignId,
    DeviceId,
    SendId,
    SeriesId,
    TenantId,
    UserId,
    VariantId,
    is_reserved,
)
from sendopt.records.limits import NO_LIMITS, Capacity, FrequencyCap, MessageClass, SendingLimits
from sendopt.records.message import Message
from sendopt.records.operator import (
    OPERATOR_PERMISSIONS_OF,
    OperatorPermission,
    OperatorPrincipal,
    OperatorRole,
)
from sendopt.records.origin import UNKNOWN_ORIGIN, Origin
from sendopt.records.outcome import Accepted, DeadAddress, Outcome, Permanent, Retry
from sendopt.records.packed_scores import BARS, probability_at
from sendopt.records.plan import Plan
from sendopt.records.plan_columns import (
    Basis,
    Decisions,
    PlanColumns,
    PlannedSends,
    decision_on,
)
from sendopt.records.policy import HoldoutTime, Policy
from sendopt.records.principal import (
    COMMAND_LINE,
    PERMISSIONS_OF,
    BuiltInRole,
    Permission,
    Principal,
)
from sendopt.records.response import Click, Response, ResponseKind
from sendopt.records.score import Score
from sendopt.records.send import Arm, PlannedSend
from sendopt.records.send_request import EventMoment, LocalMoment, Moment, SendRequest
from sendopt.records.send_state import FINAL_STATES, NEXT_STATES, SendState
from sendopt.records.series import DateState, Recurrence, SeriesPhase
from sendopt.records.transition import Ended, Moved, Postponed, SendTransition
from sendopt.records.variant_answers import VariantAnswers

__all__ = [
    "BARS",
    "CAUSED_BY_SEND",
    "COMMAND_LINE",
    "COUNTING_ATTRIBUTE",
    "DEFAULT_ATTRIBUTION_WINDOW",
    "FINAL_STATES",
    "NEXT_STATES",
    "NO_EXPLORATION",
    "NO_LIMITS",
    "NO_PREFERENCES",
    "OPERATOR_PERMISSIONS_OF",
    "OUTCOMES",
    "PERMISSIONS_OF",
    "PSEUDONYM_PREFIX",
    "UNKNOWN_ORIGIN",
    "AbstentionReason",
    "Accepted",
    "Arm",
    "Attempt",
    "AuditFilter",
    "AuditRecord",
    "Basis",
    "BillableFact",
    "BuiltInRole",
    "Campaign",
    "CampaignId",
    "CampaignPhase",
    "Capacity",
    "Channel",
    "Charge",
    "ChargeKind",
    "Click",
    "Consent",
    "ConsentDoor",
    "CountedSends",
    "DamagedSend",
    "DateState",
    "DeadAddress",
    "Decision",
    "Decisions",
    "Device",
    "DeviceId",
    "DevicePrincipal",
    "DroppedField",
    "DueSend",
    "EndReason",
    "Ended",
    "Erasure",
    "ErasureReceipt",
    "ErasureStep",
    "Event",
    "EventMoment",
    "EventType",
    "Exclusion",
    "Experiment",
    "Exploration",
    "ExplorationBound",
    "FallbackReason",
    "Finding",
    "FrequencyCap",
    "Holdout",
    "HoldoutTime",
    "KeptConsent",
    "LocalMoment",
    "LocalWindow",
    "Message",
    "MessageClass",
    "Moment",
    "Moved",
    "OperatorPermission",
    "OperatorPrincipal",
    "OperatorRole",
    "Origin",
    "Outcome",
    "Permanent",
    "Permission",
    "Plan",
    "PlanColumns",
    "PlannedSend",
    "PlannedSends",
    "Policy",
    "Postponed",
    "Preferences",
    "Principal",
    "QuietHours",
    "RateCard",
    "Receipt",
    "Recurrence",
    "Registration",
    "Rejection",
    "Response",
    "ResponseKind",
    "Retry",
    "Score",
    "SendId",
    "SendRequest",
    "SendState",
    "SendTransition",
    "SendingLimits",
    "SeriesId",
    "SeriesPhase",
    "ServedBy",
    "Slot",
    "TenantId",
    "UserId",
    "Variant",
    "VariantAnswers",
    "VariantEvidence",
    "VariantId",
    "ZoneSource",
    "decision_on",
    "is_reserved",
    "probability_at",
]
