"""Accepts events that come by REST: every item becomes an event or a rejection."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from sendopt.clock import as_utc
from sendopt.errors import InvalidInput
from sendopt.ingest.fields import MAX_EVENT_ID_CHARACTERS, TEXT_SCHEMA, Timezone
from sendopt.ingest.headers import near_misses
from sendopt.ingest.judge import Judged, judge
from sendopt.ingest.objects import as_object, chunk_of
from sendopt.log import events_of
from sendopt.records import DroppedField, Event, EventType, Finding, Rejection, UserId
from sendopt.state.erased import one_of_an_erased_user

MAX_ITEMS = 500


#: Text, or a whole number that stands for its digits.
_Id = Annotated[str | int, WithJsonSchema({"anyOf": [{"type": "integer"}, TEXT_SCHEMA]})]


class EventBody(BaseModel):
    """One event as JSON, for the description of the API; `docs/events.md` has every rule."""

    model_config = ConfigDict(extra="allow")

    event_id: Annotated[
        str | int,
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "integer"},
                    {
                        "type": "string",
                        "maxLength": MAX_EVENT_ID_CHARACTERS,
                        "pattern": r"^[^\s\x00-\x1f\x7f]+$",
                    },
                ]
            }
        ),
    ]
    user_id: _Id
    event_type: EventType
    occurred_at: datetime
    send_id: _Id | None = None  # not null for whatever a send caused
    campaign_id: _Id | None = None
    variant_id: _Id | None = None
    message_type: _Id | None = None
    channel: _Id | None = None
    platform: _Id | None = None
    timezone: Timezone | None = None
    propensity: Annotated[float, Field(gt=0, le=1)] | str | None = None
    attributes: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RejectedEvent(Rejection):
    """An item of a request that is no event, and all that is wrong with it."""

    others: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class AcceptedEvent:
    """An event, and what of it could not be kept or may be misnamed."""

    event: Event
    dropped: tuple[DroppedField, ...] = ()
    time_is_ours: bool = False  # an opt-out without a usable time counts from now


def accept_events(items: Any, *, now: datetime) -> list[AcceptedEvent | RejectedEvent]:
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
    objects, unreadable = [], []
    for row, item in enumerate(items, start=1):
        try:
            objects.append((row, as_object(item)))
        except InvalidInput as error:
            unreadable.append((row, error))
    judged = judge(chunk_of(objects, unreadable=unreadable), now=as_utc(now))
    refused = {row: _rejected(row, error) for row, error in (*unreadable, *judged.refused)}
    taken = _taken(judged, dict(objects))
    return [refused[row] if row in refused else taken[row] for row in range(1, len(items) + 1)]


def without_users(
    judged: Sequence[AcceptedEvent | RejectedEvent], gone: Collection[UserId]
) -> list[AcceptedEvent | RejectedEvent]:
    """Return the same verdicts with the events of users refused who were erased."""
    return [
        _rejected(row, one_of_an_erased_user("user_id"))
        if isinstance(item, AcceptedEvent) and item.event.user_id in gone
        else item
        for row, item in enumerate(judged, start=1)
    ]


def _taken(judged: Judged, objects: dict[int, dict[str, Any]]) -> dict[int, AcceptedEvent]:
    dropped = defaultdict(list)
    for row, error in judged.dropped:
        dropped[row].append(_as(DroppedField, row, error))
    numbers = judged.events["row"].to_pylist()
    ours = judged.events["time_is_ours"].to_pylist()
    taken = {}
    for row, is_ours, event in zip(numbers, ours, events_of(judged.events), strict=True):
        misnamed = (_as(DroppedField, row, error) for error in _misnamed(objects[row]))
        taken[row] = AcceptedEvent(event, (*dropped[row], *misnamed), is_ours)
    return taken


def _misnamed(item: dict[str, Any]) -> list[InvalidInput]:
    return [
        InvalidInput(
            f"is kept in attributes; did you mean {meant}?", code="field_similar", field=name
        )
        for name, meant in near_misses(tuple(item)).items()
    ]


def _rejected(row: int, error: InvalidInput) -> RejectedEvent:
    first: RejectedEvent = _as(RejectedEvent, row, error)
    return replace(first, others=tuple(_as(Finding, row, each) for each in error.others))


def _as(kind: type[Any], row: int, error: InvalidInput) -> Any:
    return kind(
        source="request",
        row=row,
        column=error.field or "",
        code=error.code,
        reason=error.message,
        expected=error.expected,
        hint=error.hint,
    )
