"""What the application answers where no stage has a noun for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sendopt.bill import Statement
from sendopt.records import CampaignId, CampaignPhase
from sendopt.schedule import Preview


class Verdict(StrEnum):
    """What became of one event of a request."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"  # same id, same content: success, counted once
    CONFLICT = "conflict"  # same id, other content: the first stays
    REJECTED = "rejected"  # breaks a rule; nothing of it was stored


@dataclass(frozen=True, slots=True)
class FieldNote:
    """What is wrong with a field of an event."""

    field: str
    code: str
    detail: str
    expected: str | None = None
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class EventVerdict:
    """The verdict on one event, in the order of the request."""

    verdict: Verdict
    event_id: str | None = None  # of what was not rejected
    code: str | None = None
    detail: str | None = None
    field: str | None = None
    expected: str | None = None
    hint: str | None = None
    errors: tuple[FieldNote, ...] | None = None  # of what was rejected: all that is wrong with it
    dropped_fields: tuple[FieldNote, ...] | None = None


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """What putting a campaign did."""

    campaign_id: CampaignId
    repeated: bool  # the same definition was there before
    changed: bool  # a draft with another definition was
    committed: bool
    counts: Mapping[str, int]  # of its sends, by state
    preview: Preview | None = None  # of the plan that was made now


@dataclass(frozen=True, slots=True)
class CampaignStatus:
    """A campaign as it was defined last, how far it has come, and where its sends stand."""

    campaign_id: CampaignId
    phase: CampaignPhase
    revision: int
    definition: Any
    rules: Mapping[str, Any] | None  # as they were settled; None = nobody knows any more
    created_at: datetime
    changed_at: datetime  # when this definition was accepted
    committed_at: datetime | None
    paused_at: datetime | None
    cancelled_at: datetime | None
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RevisionReport:
    """What revising a campaign did."""

    campaign_id: CampaignId
    revision: int
    repeated: bool  # the same definition was there before
    planned_count: int  # by this revision, of those who had not been sent to
    suppressed_count: int  # likewise
    withdrawn_count: int  # were planned, and are not in its audience: cancelled
    kept_count: int  # in its audience: have what an earlier revision sent, get it, or may have it
    ended_count: int  # in its audience: called off one by one, or refused by a provider, for good
    counts: Mapping[str, int]  # of all its sends, by state


@dataclass(frozen=True, slots=True)
class IssuedStatement:
    """A statement, and since when nothing can change it."""

    statement: Statement
    closed_at: datetime | None  # None = the period is open; what it holds is up to now
