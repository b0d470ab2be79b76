"""What is said of a user's consent, and of what the user wants."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated

from pydantic import PlainSerializer

from sendopt.api.schemas.answer import Answer, DroppedField, shown_as

_LocalTime = Annotated[time, PlainSerializer(lambda at: f"{at:%H:%M}", return_type=str)]


class Statement(Answer):
    """What a user said on being sent to at all."""

    given: bool
    """false = an opt-out."""
    at: datetime
    """When the user said so."""
    source: str
    """Where; `api`, `import` or `device` where nobody said more, `unknown` of former releases."""
    channel: str | None
    """On what occasion, like `message_type`; every statement is about everything."""
    message_type: str | None


class KeptStatement(Statement):
    """A statement as it is kept."""

    received_at: datetime


_STATEMENT = {
    "given": False,
    "at": "2026-10-01T09:30:00Z",
    "source": "preference page",
    "channel": None,
    "message_type": None,
}


class NotedConsent(Statement):
    """What was understood of a statement."""

    model_config = shown_as({"user_id": "user-7", **_STATEMENT, "dropped_fields": []})

    user_id: str
    dropped_fields: list[DroppedField]
    """Of an opt-out: what could not be read, and counts as not said."""


class ConsentHistory(Answer):
    """Whether a user may be sent to, and all that it said on it, the latest first."""

    model_config = shown_as(
        {
            "user_id": "user-7",
            "opted_out_at": "2026-10-01T09:30:00Z",
            "statements": [{**_STATEMENT, "received_at": "2026-10-01T09:30:01Z"}],
        }
    )

    user_id: str
    opted_out_at: datetime | None
    """null = may be sent to."""
    statements: list[KeptStatement]


class QuietHours(Answer):
    """Times on the user's own clock in which nothing is sent."""

    start: _LocalTime
    end: _LocalTime


class Preferences(Answer):
    """What a user wants of messages, and when."""

    model_config = shown_as(
        {
            "topics": {"promotion": False, "news": True},
            "quiet_hours": {"start": "21:00", "end": "09:00"},
            "snoozed_until": None,
        }
    )

    topics: dict[str, bool]
    """By message type: true = wanted, false = not; what is not named is wanted."""
    quiet_hours: QuietHours | None
    snoozed_until: datetime | None
    """Nothing is sent before it."""
