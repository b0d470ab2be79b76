"""Why a send has the time that it has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sendopt.records.ids import SendId


@dataclass(frozen=True, slots=True)
class Slot:
    """One candidate time of one user, and why it was out of the question, if it was."""

    starts_at: datetime
    open_probability: float | None  # None = could not be scored
    excluded_by: str | None = None  # "quiet_hours", "past", ...; None = allowed
    logit_sd: float | None = None  # how unsure its place among the user's times is; None = unsaid


class ServedBy(StrEnum):
    """Whose word a decision rests on: the steps of the fallback, best first."""

    CHAMPION = "champion"
    LAST_GOOD = "last_good"  # the champion before, where the champion cannot speak
    TENANT_HISTOGRAM = "tenant_histogram"  # everybody's answers by local hour, without a model
    CONFIGURED_TIME = "configured_time"


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
