"""Accepts events that come by REST: every item becomes an Event or a Rejection."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from pydantic import Field

from sendopt.clock import CLOCK_TOLERANCE, as_utc
from sendopt.errors import InvalidInput
from sendopt.ingest.fields import EventId, Instant, KnownEventType, Propensity, Text, Timezone
from sendopt.records import CAUSED_BY_SEND, COUNTING_ATTRIBUTE, Event, Rejection
from sendopt.strict_json import StrictModel, validate

MAX_ITEMS = 500
MAX_ATTRIBUTE_CHARACTERS = 65_536


class EventBody(StrictModel):
    """One event as JSON: the Event contract, further fields only within `attributes`."""

    event_id: EventId
    user_id: Text
    event_type: KnownEventType
    occurred_at: Instant
    send_id: Text | None = None
    campaign_id: Text | None = None
    variant_id: Text | None = None
    message_type: Text | None = None
    channel: Text | None = None
    platform: Text | None = None
    timezone: Timezone | None = None
    propensity: Propensity | None = None
    attributes: dict[str, Any] = Field(default_factory=dict)


def accept_events(items: Any, *, now: datetime) -> list[Event | Rejection]:
    """Judge each of `items` by itself, and return the verdicts in their order.

    Args:
        items: a parsed JSON array.
        now: events further ahead than `CLOCK_TOLERANCE` are rejected; they would otherwise be
            known before they happen.

    Raises:
        InvalidInput: `wrong_type`, `empty_batch`, `too_many_items`, if there is no batch to judge.
    """
    if not isinstance(items, list):
        raise InvalidInput(
            "the body is no list of events", code="wrong_type", expected="a JSON array of objects"
        )
    if not items:
        raise InvalidInput(
            "there is no event in it", code="empty_batch", expected="1 event or more"
        )
    if len(items) > MAX_ITEMS:
        raise InvalidInput(
            f"there are {len(items)} events in it",
            code="too_many_items",
            expected=f"at most {MAX_ITEMS} events",
            hint="send several batches, or import a file",
        )
    return [_accept(item, row, as_utc(now)) for row, item in enumerate(items, start=1)]


def _accept(item: Any, row: int, now: datetime) -> Event | Rejection:
    try:
        event = _event(validate(EventBody, item))
        _check_whole(event, now)
    except InvalidInput as error:
        return _rejection(error, row)
    return event


def _event(body: EventBody) -> Event:
    attributes = {name: value for name, value in body.attributes.items() if value is not None}
    return Event(**{**dict(body), "attributes": attributes})


def _check_whole(event: Event, now: datetime) -> None:
    """Check what no field can tell by itself."""
    if event.event_type in CAUSED_BY_SEND and event.send_id is None:
        raise InvalidInput(
            f"a {event.event_type} belongs to a send",
            code="missing_field",
            field="/send_id",
            expected="the id of the send that caused it",
        )
    if event.occurred_at > now + CLOCK_TOLERANCE:
        raise InvalidInput(
            f"lies {event.occurred_at - now} ahead",
            code="time_in_future",
            field="/occurred_at",
            expected=f"at most {CLOCK_TOLERANCE} after now, {now.isoformat(timespec='seconds')}",
            hint="check the sender's clock and zone",
        )
    if COUNTING_ATTRIBUTE in event.attributes:
        raise InvalidInput(
            f"may not hold {COUNTING_ATTRIBUTE}, by which sendopt marks what it counted",
            code="attribute_reserved",
            field="/attributes",
        )
    if len(json.dumps(event.attributes)) > MAX_ATTRIBUTE_CHARACTERS:
        raise InvalidInput(
            "are too long",
            code="too_complex",
            field="/attributes",
            expected=f"at most {MAX_ATTRIBUTE_CHARACTERS} characters of JSON",
        )


def _rejection(error: InvalidInput, row: int) -> Rejection:
    column = (error.field or "").removeprefix("/")
    code = error.code
    if column == "event_id" and code == "missing_field":
        code = "event_id_invalid"  # without an id, a retry could not be told from a new event
    return Rejection(
        source="request",
        row=row,
        column=column,
        code=code,
        reason=error.message,
        expected=error.expected,
        hint=error.hint,
    )
