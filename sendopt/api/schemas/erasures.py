"""What is said of the erasure of a user, and everything that is held about one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sendopt.api.schemas.answer import Answer, shown_as
from sendopt.records import ErasureStep


class Erasure(Answer):
    """How far an erasure is, and its receipt once it is done; it names nobody."""

    model_config = shown_as(
        {
            "erasure_id": "9d4a1c0b7e5f42a8b1c3d5e7f9012345",
            "asked_by": "key:3f0c5a2b8e103f0c",
            "asked_at": "2026-10-01T09:30:00Z",
            "step": "done",
            "done_at": "2026-10-01T09:30:31Z",
            "counts": {"sends_kept": 12, "events_deleted": 340, "devices_deleted": 2},
            "readmitted_at": None,
        }
    )

    erasure_id: str
    asked_by: str
    asked_at: datetime
    step: ErasureStep
    """What was done last: asked, state, log, scores, forgotten, done."""
    done_at: datetime | None
    """null = it is under way."""
    counts: dict[str, int]
    """What was deleted, and what is kept under a pseudonym that nobody can lead back."""
    readmitted_at: datetime | None
    """Since when the same user is taken again."""


class UserExport(Answer):
    """Everything that is held about one user, by where it is held."""

    model_config = shown_as(
        {
            "user_id": "user-7",
            "exported_at": "2026-10-01T09:30:00Z",
            "profile": [{"user_id": "user-7", "timezone": "Europe/Vienna"}],
            "consents": [],
            "preferences": [],
            "devices": [],
            "sends": [],
            "decisions": [],
            "attempts": [],
            "links": [],
            "clicks": [],
            "responses": [],
            "charges": [],
            "recorded_events": [],
            "campaigns_that_name_the_user": [],
            "events": [],
            "scores": [],
        }
    )

    user_id: str
    exported_at: datetime
    profile: list[dict[str, Any]]
    consents: list[dict[str, Any]]
    preferences: list[dict[str, Any]]
    devices: list[dict[str, Any]]
    """With their addresses."""
    sends: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    links: list[dict[str, Any]]
    clicks: list[dict[str, Any]]
    responses: list[dict[str, Any]]
    charges: list[dict[str, Any]]
    recorded_events: list[dict[str, Any]]
    """That came by REST or that the service caused, also those on their way into the log."""
    campaigns_that_name_the_user: list[dict[str, Any]]
    events: list[dict[str, Any]]
    """Of the log, which holds those of files too."""
    scores: list[dict[str, Any]]
    """Of each model whose scores are stored: 168 hours of the local week, Monday 0:00 first."""
