"""What is said of campaigns."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sendopt.api.schemas.answer import Answer, shown_as
from sendopt.api.schemas.plans import LimitsReport
from sendopt.records import CampaignPhase
from sendopt.schedule import EXAMPLE


class Preview(Answer):
    """The counts of a plan. `people_count = planned_count + sum(suppressed)`.

    `expected_open_count` adds up the model's probabilities: it is a prediction from past
    behaviour, not a measured effect, and `expected_open_basis` says so wherever it is shown.
    """

    model_config = shown_as(
        {
            "campaign_id": "autumn-sale",
            "people_count": 3,
            "planned_count": 1,
            "suppressed": {"opted_out": 1, "user_unknown": 1},
            "unknown_users": ["user-77"],
            "nobody_because": None,
            "by_local_hour": {"18": 1},
            "by_utc_hour": {"2026-10-25T17:00:00Z": 1},
            "by_variant": {"plain": 1},
            "variant_evidence": None,
            "by_arm": {"optimised": 2, "holdout": 1},
            "by_policy": {"greedy": 1},
            "explored_count": 0,
            "abstained_count": 0,
            "bound_by": {"quiet_hours": 1},
            "served_by": {"champion": 1},
            "fallback_count": 0,
            "fallback_share": 0.0,
            "fallback_reasons": {},
            "expected_open_count": 0.31,
            "expected_open_basis": "predictive",
            "limits": None,
        }
    )

    campaign_id: str
    people_count: int
    planned_count: int
    suppressed: dict[str, int]
    """By reason."""
    unknown_users: list[str]
    """The first of those that are suppressed as `user_unknown`."""
    nobody_because: str | None
    """Why nobody gets a time, and what helps; null = somebody does."""
    by_local_hour: dict[int, int]
    """0..23 on each user's own clock."""
    by_utc_hour: dict[datetime, int]
    """By the hour's start."""
    by_variant: dict[str, int]
    variant_evidence: str | None
    """`too_little_data` to prefer one, or `preferred`; null = one."""
    by_arm: dict[str, int]
    """Of everybody, the suppressed too; empty = no experiment."""
    by_policy: dict[str, int]
    explored_count: int
    """Planned for another time than the best one, to learn."""
    abstained_count: int
    """Stay at the configured time, because no gain was proven."""
    bound_by: dict[str, int]
    """What kept so many sends from their most likely time."""
    served_by: dict[str, int]
    """Whose word the times rest on: see `ServedBy`."""
    fallback_count: int
    """At the configured time, because nothing was known to choose by."""
    fallback_share: float
    """Of planned_count; 0 where nothing is planned."""
    fallback_reasons: dict[str, int]
    """Why not the champion."""
    expected_open_count: float
    expected_open_basis: str
    limits: LimitsReport | None
    """What those over all campaigns do; null = there are none, or this was no preview."""


class JointPreview(Answer):
    """What planning campaigns together comes to."""

    model_config = shown_as(
        {"previews": [*Preview.examples()], "limits": LimitsReport.examples()[0]}
    )

    previews: list[Preview]
    """In the order in which the campaigns were named."""
    limits: LimitsReport | None
    """What those over all campaigns do; null = there are none, or this was no preview."""


class CampaignReport(Answer):
    """What putting a campaign did."""

    model_config = shown_as(
        {
            "campaign_id": "autumn-sale",
            "repeated": False,
            "changed": False,
            "committed": False,
            "counts": {},
            "preview": None,
        }
    )

    campaign_id: str
    repeated: bool
    """The same definition was there before."""
    changed: bool
    """A draft with another definition was, whose place this one has taken."""
    committed: bool
    counts: dict[str, int]
    """Of its sends, by state."""
    preview: Preview | None
    """Of the plan that was made now."""


class CampaignStatus(Answer):
    """A campaign as it was defined last, how far it has come, and where its sends stand."""

    model_config = shown_as(
        {
            "campaign_id": "autumn-sale",
            "phase": "committed",
            "revision": 1,
            "definition": EXAMPLE,
            "rules": {
                "version": 2,
                "slot_minutes": 60,
                "time_to_live_minutes": 240,
                "fallback_local_time": "18:00:00",
                "exploration": {
                    "policy": "epsilon_greedy",
                    "epsilon": 0.1,
                    "share": 0.2,
                    "per_user": 4,
                },
                "holdout": {"share": 0.1, "time": "configured"},
                "least_confidence": 0.5,
                "urgent": False,
                "learn_variants": True,
                "message_class": "marketing",
                "response_value": 1.0,
                "message_type": "promotion",
            },
            "created_at": "2026-10-01T09:30:00Z",
            "changed_at": "2026-10-01T09:30:00Z",
            "committed_at": "2026-10-01T09:31:00Z",
            "paused_at": None,
            "cancelled_at": None,
            "counts": {"planned": 1, "suppressed": 2},
        }
    )

    campaign_id: str
    phase: CampaignPhase
    revision: int
    """Grows when a committed campaign is revised; the first is 1."""
    definition: dict[str, Any]
    """As it was put, or revised, last."""
    rules: dict[str, Any] | None
    """What holds for it, also where the definition leaves it out: settled when it was accepted;
    null = by an earlier release, and nobody knows any more."""
    created_at: datetime
    changed_at: datetime
    """When this definition was accepted."""
    committed_at: datetime | None
    """The first time."""
    paused_at: datetime | None
    """null = it is not paused."""
    cancelled_at: datetime | None
    counts: dict[str, int]
    """Of its sends of all revisions, by state."""


class RevisionReport(Answer):
    """What revising a campaign did. A user has one send of it, whatever its revisions."""

    model_config = shown_as(
        {
            "campaign_id": "autumn-sale",
            "revision": 2,
            "repeated": False,
            "planned_count": 40,
            "suppressed_count": 2,
            "withdrawn_count": 1,
            "kept_count": 56,
            "ended_count": 1,
            "counts": {"planned": 40, "delivered": 56, "suppressed": 2, "cancelled": 2},
        }
    )

    campaign_id: str
    revision: int
    repeated: bool
    """The same definition was there before; nothing was done."""
    planned_count: int
    """By this revision: of those who had not been sent to, and those who are new."""
    suppressed_count: int
    """By this revision."""
    withdrawn_count: int
    """They were planned before and are not in its audience: cancelled, `campaign_revised`."""
    kept_count: int
    """They are in its audience, and have what an earlier revision sent, get it or may have it."""
    ended_count: int
    """They are in its audience, and their sends had ended for good before anybody had a message:
    called off one by one, or refused by a provider."""
    counts: dict[str, int]
    """Of its sends of all revisions, by state."""


class ListedCampaign(Answer):
    """A campaign without its definition and counts."""

    model_config = shown_as(
        {
            "campaign_id": "autumn-sale",
            "phase": "committed",
            "revision": 1,
            "created_at": "2026-10-01T09:30:00Z",
            "committed_at": "2026-10-01T09:31:00Z",
            "paused_at": None,
            "cancelled_at": None,
        }
    )

    campaign_id: str
    phase: CampaignPhase
    revision: int
    created_at: datetime
    committed_at: datetime | None
    paused_at: datetime | None
    cancelled_at: datetime | None


class Counts(Answer):
    """Sends, what became of them, and the answers to them; each counts once under each."""

    sends: int
    delivered: int
    """The provider took responsibility."""
    opened: int
    clicked: int
    """By the rules of counting: docs/how-we-count.md."""
    responded: int
    dismissed: int
    opted_out: int
    states: dict[str, int]
    """They add up to the sends."""
    reasons: dict[str, int]
    """Of those that were not delivered."""


_COUNTS = {
    "sends": 3,
    "delivered": 1,
    "opened": 1,
    "clicked": 1,
    "responded": 0,
    "dismissed": 0,
    "opted_out": 0,
    "states": {"delivered": 1, "suppressed": 2},
    "reasons": {"opted_out": 1, "user_unknown": 1},
}


class Results(Answer):
    """The same sends in total, and divided in five ways; each division adds up to the total."""

    model_config = shown_as(
        {
            "total": _COUNTS,
            "by_revision": {"1": _COUNTS},
            "by_variant": {"plain": _COUNTS},
            "by_arm": {"optimised": _COUNTS},
            "by_local_hour": {"18": _COUNTS},
            "by_channel": {"web_push": _COUNTS},
        }
    )

    total: Counts
    by_revision: dict[str, Counts]
    """By which they were planned."""
    by_variant: dict[str, Counts]
    by_arm: dict[str, Counts]
    """`optimised`, `holdout`; `none` = no experiment."""
    by_local_hour: dict[str, Counts]
    """`00` to `23`, of the user's zone; `none` = suppressed."""
    by_channel: dict[str, Counts]
