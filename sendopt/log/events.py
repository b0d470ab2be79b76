"""Events as Arrow columns."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from sendopt.clock import as_utc
from sendopt.records import Event, EventType

#: The Event contract as columns. `attributes` is a JSON object as text, `{}` when empty.
EVENT_SCHEMA = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("event_type", pa.string(), nullable=False),
        pa.field("occurred_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("send_id", pa.string()),
        pa.field("campaign_id", pa.string()),
        pa.field("variant_id", pa.string()),
        pa.field("message_type", pa.string()),
        pa.field("channel", pa.string()),
        pa.field("platform", pa.string()),
        pa.field("timezone", pa.string()),
        pa.field("propensity", pa.float64()),
        pa.field("attributes", pa.string(), nullable=False),
    ]
)


def event_table(events: Iterable[Event]) -> pa.Table:
    """Return `events` as a table with EVENT_SCHEMA, in their order."""
    rows = [
        {
            "event_id": event.event_id,
            "user_id": event.user_id,
            "event_type": event.event_type.value,
            "occurred_at": as_utc(event.occurred_at),
            "send_id": event.send_id,
            "campaign_id": event.campaign_id,
            "variant_id": event.variant_id,
            "message_type": event.message_type,
            "channel": event.channel,
            "platform": event.platform,
            "timezone": event.timezone,
            "propensity": event.propensity,
            # Sorted and compact: equal attributes are equal text, so a repeat is seen as one.
            "attributes": _json(event.attributes),
        }
        for event in events
    ]
    return pa.Table.from_pylist(rows, schema=EVENT_SCHEMA)


def events_of(table: pa.Table) -> list[Event]:
    """Return the events of a table with EVENT_SCHEMA, in their order."""
    return [
        Event(
            **{
                **row,
                "event_type": EventType(row["event_type"]),
                "attributes": json.loads(row["attributes"]),
            }
        )
        for row in table.select(EVENT_SCHEMA.names).to_pylist()
    ]


def differing_columns(first: Event, other: Event) -> tuple[str, ...]:
    """Return in which columns two events differ; of attributes in which, as "attributes.name"."""
    names = [name for name in EVENT_SCHEMA.names if name != "attributes"]
    columns = [name for name in names if getattr(first, name) != getattr(other, name)]
    members = differing_members(first.attributes, other.attributes)
    return (*columns, *(f"attributes.{name}" for name in members))


def differing_members(first: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the names under which two JSON objects hold different things; 1 and true differ."""
    return [
        name
        for name in sorted(first.keys() | other.keys())
        if (name in first) != (name in other) or _json(first[name]) != _json(other[name])
    ]


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
