"""Why a send has the time that it has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sendopt.records.fallback_reason import FallbackReason
from sendopt.records.ids import SendId
from sendopt.records.policy import Policy


class Exclusion(StrEnum):
    """What puts a candidate time out of the question."""

    PAST = "past"
    QUIET_HOURS = "quiet_hours"
    QUIET_HOURS_INFERRED = "quiet_hours_inferred"  # where the user may live as well
    QUIET_HOURS_OWN = "quiet_hours_own"  # the user's, in either
    LOCAL_WINDOW = "local_window"  # clocks in the user's zone never show a time of the window
    SNOOZED = "snoozed"  # the user wants nothing before a later time
    LEGAL_HOURS = "legal_hours"  # the law of the user's country forbids it then
    VENDOR_HOURS = "vendor_hours"  # the push service delivers nothing then
    LEAST_GAP = "least_gap"  # another message to the user is too near
    FREQUENCY_CAP = "frequency_cap"  # the user would have too many in one window
    WEEKLY_BUDGET = "weekly_budget"  # the same, in seven days
    VENDOR_QUOTA = "vendor_quota"  # the push service takes no more for the user on that day
    CAPACITY = "capacity"  # as many fall due then as may


class ZoneSource(StrEnum):
    """What names the zone of a user; the closest to the user's pocket first."""

    DEVICE = "device"
    USER = "user"  # the profile
    LOG = "log"  # the last one seen there
    TENANT = "tenant"  # nothing names it
    INFERRED = "inferred"  # nothing names it, and the log tells at which offsets it may be

    @property
    def is_of_user(self) -> bool:
        """Tell whether something names the zone in which the user lives."""
        return self in {ZoneSource.DEVICE, ZoneSource.USER, ZoneSource.LOG}


class AbstentionReason(StrEnum):
    """Why a send keeps the configured time although a model spoke."""

    GAIN_NOT_PROVEN = "gain_not_proven"


class ExplorationBound(StrEnum):
    """What forbids to explore with a user."""

    URGENT = "urgent"  # the message is
    BUDGET_SPENT = "exploration_budget_spent"


class VariantEvidence(StrEnum):
    """What is known of the wordings of a campaign."""

    TOO_LITTLE_DATA = "too_little_data"
    PREFERRED = "preferred"


@dataclass(frozen=True, slots=True)
class Slot:
    """One candidate time of one user, and why it was out of the question, if it was."""

    starts_at: datetime
    open_probability: float | None  # None = could not be scored
    excluded_by: Exclusion | None = None  # None = allowed
    logit_sd: float | None = None  # how unsure its place among the user's times is; None = unsaid


class ServedBy(StrEnum):
    """Whose word a decision rests on: the steps of the fallback, best first."""

    CHAMPION = "champion"
    LAST_GOOD = "last_good"  # the champion before, where the champion cannot speak
    TENANT_HISTOGRAM = "tenant_histogram"  # everybody's answers by local hour, without a model
    USER_HISTOGRAM = "user_histogram"  # the user's own, only where an experiment asks for it
    CONFIGURED_TIME = "configured_time"


@dataclass(frozen=True, slots=True)
class Decision:
    """Why a send has the time it has; kept with the send for ever."""

    send_id: SendId
    slots: tuple[Slot, ...]
    #: In the slot that was chosen: at its beginning, or some minutes later where as many fall due
    #: as may. None = no allowed slot, or the user may not be reached.
    chosen_at: datetime | None
    propensity: float | None  # P(this slot | arm, all constraints); None = none was chosen
    policy: Policy
    binding_constraint: Exclusion | None  # what kept the send from the most likely slot of all
    fallback_reason: FallbackReason | None  # why no model spoke
    model_version: str | None
    log_snapshot: int | None  # the log as the model saw it
    timezone: str
    timezone_source: ZoneSource
    served_by: ServedBy | None = None  # None = suppressed, or nobody was asked
    gain_probability: float | None = None  # P(the best slot beats the configured one)
    abstention_reason: AbstentionReason | None = None  # why the configured time stayed
    explored: bool | None = None  # another slot than the policy's best one
    exploration_bound_by: ExplorationBound | None = None  # why nothing was explored
    variant_propensity: float | None = None  # P(this variant | this slot)
    variant_evidence: VariantEvidence | None = None  # None = one variant
    variant_confidence: float | None = None  # P(the most promising variant is the best)
    send_propensity: float | None = None  # P(it is not kept back); None = nobody drew that
    timezone_confidence: float | None = None  # of an inferred zone: mass of `quiet_offsets`
    quiet_offsets: tuple[int, ...] | None = None  # minutes east of UTC at which it may be night
    zone_database: str | None = None  # release by which clocks were read, "2026f"; None = unsaid

    @property
    def chosen_slot(self) -> Slot | None:
        """The slot in which `chosen_at` lies, the last that has begun by then; None = none was."""
        if self.chosen_at is None:
            return None
        begun = [slot for slot in self.slots if slot.starts_at <= self.chosen_at]
        return begun[-1] if begun else None
