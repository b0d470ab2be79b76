"""Reads what a user wants of messages, and when."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator, WithJsonSchema

from sendopt.clock import LOCAL_TIME_PATTERN, parse_instant, parse_local_time
from sendopt.errors import InvalidInput, together
from sendopt.ingest.consent import why_no_user
from sendopt.ingest.fields import Text
from sendopt.records import Preferences, QuietHours
from sendopt.strict_json import StrictModel, examined

#: Message types of which a user may say something.
MOST_TOPICS = 200

_LocalTime = Annotated[
    time,
    PlainValidator(parse_local_time),
    WithJsonSchema({"type": "string", "pattern": f"^{LOCAL_TIME_PATTERN}$", "examples": ["22:00"]}),
]


class OwnQuietHours(StrictModel):
    """Times on the user's own clock, `start <= t < end`, over midnight if start is the later."""

    start: _LocalTime
    end: _LocalTime


class PreferencesBody(StrictModel):
    """All that a user wants; every field must be there, so that a slip takes nothing back."""

    topics: Annotated[dict[Text, bool], Field(max_length=MOST_TOPICS)]  # by message type
    quiet_hours: OwnQuietHours | None
    snoozed_until: Annotated[datetime, BeforeValidator(parse_instant)] | None


def read_preferences(user_id: Any, body: Any) -> Preferences:
    """Read what `user_id` wants from now on.

    Raises:
        InvalidInput: all that is wrong, as `text_invalid`, `time_invalid`, `all_day_quiet`,
            `missing_field`, `unknown_field`, `wrong_type`.
    """
    read, faults = examined(PreferencesBody, body)
    quiet = None if read is None else read.quiet_hours
    if quiet is not None and quiet.start == quiet.end:
        faults.append(
            InvalidInput(
                "quiet hours that last all day leave no time at all",
                code="all_day_quiet",
                field="/quiet_hours",
                expected="a start and an end that differ",
                hint="an opt-out (PUT /v1/users/{user_id}/consent) or a snooze says so",
            )
        )
    whose = why_no_user(user_id)
    if read is None or faults or whose is not None:
        raise together([*([] if whose is None else [whose]), *faults])
    return Preferences(
        read.topics,
        None if quiet is None else QuietHours(quiet.start, quiet.end),
        read.snoozed_until,
    )
